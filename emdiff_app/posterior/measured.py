"""Measuring how unsure a network is, on images that it dreams up itself.

Unconditional samples x of the prior stand for clean images, of which there may be none. At each of a few
noise levels the errors `e = D(x + s n, s) - x` are measured in two steps:

- how large they are beside an edge and away from it: `ln a = p + q ln g`, a straight line over the mean
  squared gradient g of the estimate around a pixel. Dark background is far surer than a bright structure,
  and samples that ignore it put noise there;
- the power spectrum of `e / a` over `|f|`, for each independent colour. An uneven a moves power from frequency to
  frequency, so that spectrum is corrected until draws of C have the power of e itself.

Between the levels everything is interpolated in `ln s`. Seeded, so that the same weights always give the same.
"""

import math
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from scipy.fft import next_fast_len
from torch import Tensor

from emdiff_app.diffusion import Prior

from .dreaming import dream
from .steps import OwnNoise

__all__ = ["Measured", "measure"]

SIDE, COUNT, DEPTH = 48, 8, 4
"""Eight images of 48 pixels, as much as one small plane; for a prior that looks at the neighbouring slices,
two volumes of four."""
LARGEST, SMALLEST, LEVELS = 20.0, 0.01, 14
"""In standard deviations of clean images."""
STEPS = 16
BINS = 24
HIGHEST = 0.75
"""Just above the longest frequency, sqrt(1/2) cycles a pixel."""
AROUND = 5
"""The gradient is averaged over this many pixels."""
MATCHES, REPEATS, MOST = 3, 4, 4.0
"""The spectra are corrected so many times, by draws of so many times the images, by at most this factor."""
MARGIN = 24
"""Images are taken to lie on a torus that is larger by this."""
LEAST = 1e-20


@dataclass(frozen=True)
class Measured:
    """`lines` (L, 5): ln a at the middle, slope q, middle, least and greatest ln g. `power` (L, C, BINS)."""

    logs: Tensor
    lines: Tensor
    power: Tensor
    colours: Tensor

    def strength(self, estimate: Tensor, s: Tensor) -> Tensor:
        """a at each pixel of the estimate `(B, 1, *spatial)`, for levels that broadcast against it."""
        line = self._between(self.lines.to(estimate), s.mean(1, keepdim=True))
        return _amplitude(_gradient(estimate), line)

    def spectrum(self, s: Tensor, domain: tuple[int, ...]) -> tuple[Tensor, tuple[int, ...]]:
        """c for each of the levels `(n,)` over the rfft frequencies of a torus around `domain`; its size."""
        size = tuple(int(next_fast_len(n + MARGIN, real=True)) for n in domain)
        where = (_radius(size, half=True).to(s) / HIGHEST * (BINS - 1)).clamp(max=BINS - 1 - 1e-4)
        low = where.long()
        table = self._between(self.power.to(s).log(), s)
        part = where - low
        return ((1 - part) * table[..., low] + part * table[..., low + 1]).exp(), size

    def colours_for(self, estimate: Tensor) -> Tensor | None:
        return self.colours.to(estimate) if len(self.colours) > 1 else None

    def _between(self, table: Tensor, s: Tensor) -> Tensor:
        step = float(self.logs[1] - self.logs[0])
        where = ((s.log() - float(self.logs[0])) / step).clamp(0, len(self.logs) - 1 - 1e-4)
        low = where.long()
        part = (where - low).reshape(*s.shape, *[1] * (table.ndim - 1))
        return (1 - part) * table[low] + part * table[low + 1]


@torch.no_grad()
def measure(prior: Prior) -> Measured:
    """Thirty evaluations of the network on a small batch."""
    x, noise = _dreams(prior)
    sd = prior.sigma_data
    logs = torch.linspace(math.log(SMALLEST * sd), math.log(LARGEST * sd), LEVELS)
    colours = _independent(_planes(x))
    errors = []
    for s in logs.exp().tolist():
        estimate = prior.denoise(x + s * noise.white(x), s)
        error = _planes((estimate - x).nan_to_num(s, s, s))
        errors.append(_Errors.of(error, _gradient(_planes(estimate.nan_to_num(0.0, 0.0, 0.0))), colours))
    lines = torch.stack([e.line for e in errors])
    power = torch.stack([e.even for e in errors])
    made = Measured(logs, lines, power, colours)
    rng = torch.Generator().manual_seed(1)
    for _ in range(MATCHES):
        factors = [
            e.power / _drawn(made, s, e.strength, rng) for e, s in zip(errors, logs.exp(), strict=True)
        ]
        made = replace(made, power=made.power * torch.stack(factors).clamp(1 / MOST, MOST))
    return Measured(*(t.cpu() for t in (logs, lines, made.power, colours)))


@dataclass(frozen=True)
class _Errors:
    """The errors of one level: their strength at each pixel, and their power with and without it."""

    line: Tensor
    strength: Tensor
    even: Tensor
    power: Tensor

    @classmethod
    def of(cls, error: Tensor, slope: Tensor, colours: Tensor) -> "_Errors":
        line = _line(slope, error)
        strength = _amplitude(slope, line)
        return cls(
            line, strength, _power(_turned(colours, error / strength)), _power(_turned(colours, error))
        )


def _drawn(made: Measured, s: Tensor, strength: Tensor, rng: torch.Generator) -> Tensor:
    """The power of `diag(a) F^-1 c^1/2 F n`, as that of the errors is measured."""
    spectrum, size = made.spectrum(s.reshape(1), (SIDE, SIDE))
    count = REPEATS * len(strength)
    white = torch.randn(count, len(made.colours), *size, generator=rng).to(strength)
    drawn = torch.fft.irfft2(torch.fft.rfft2(white) * spectrum.to(white).sqrt(), s=size)[..., :SIDE, :SIDE]
    uneven = strength.repeat(REPEATS, 1, 1, 1) * _turned(made.colours.T, drawn)
    return _power(_turned(made.colours, uneven))


def _turned(colours: Tensor, images: Tensor) -> Tensor:
    """Channels to independent colours; back with the transposed matrix."""
    return torch.einsum("cd,bchw->bdhw", colours, images)


def _dreams(prior: Prior) -> tuple[Tensor, OwnNoise]:
    """Samples of the prior; where it makes none that are finite, noise as strong as its images."""
    volumes = getattr(prior, "neighbours", 0) > 0
    shape = (COUNT // DEPTH, prior.channels, DEPTH) if volumes else (COUNT, prior.channels)
    noise = OwnNoise(torch.Generator().manual_seed(0), shape[0])
    weights = next(prior.parameters(), torch.zeros(()))
    like = torch.zeros(*shape, SIDE, SIDE, device=weights.device)
    x = dream(prior, like, noise, smallest=2 * SMALLEST, steps=STEPS)
    good = torch.isfinite(x).flatten(1).all(1).reshape(-1, *[1] * (x.ndim - 1))
    return torch.where(good, x, prior.sigma_data * noise.white(like)), noise


def _planes(x: Tensor) -> Tensor:
    """The slices of volumes as images."""
    return x.movedim(2, 1).flatten(0, 1) if x.ndim > 4 else x


def _independent(x: Tensor) -> Tensor:
    """The orthogonal matrix whose columns are the principal colours of the images."""
    colours = x.cpu().double().movedim(1, 0).flatten(1)
    if len(colours) == 1:
        return torch.ones(1, 1, dtype=x.dtype, device=x.device)
    return torch.linalg.eigh(torch.cov(colours))[1].to(x)


def _gradient(estimate: Tensor) -> Tensor:
    """`ln g`: the logarithm of the mean squared gradient around each pixel, over all channels."""
    down = F.pad(estimate.diff(dim=-2), (0, 0, 0, 1))
    right = F.pad(estimate.diff(dim=-1), (0, 1))
    squared = (down.square() + right.square()).mean(1, keepdim=True)
    flat = squared.reshape(-1, 1, *squared.shape[-2:])
    smooth = F.avg_pool2d(flat, AROUND, stride=1, padding=AROUND // 2, count_include_pad=False)
    return smooth.reshape(squared.shape).clamp_min(LEAST).log()


def _line(slope: Tensor, error: Tensor, parts: int = 12) -> Tensor:
    """A straight line through the errors in `parts` equal shares of the pixels, by gradient."""
    order = slope.flatten().argsort()
    g = torch.stack([part.mean() for part in slope.flatten()[order].chunk(parts)])
    squared = error.square().mean(1).flatten()[order]
    e = torch.stack([part.mean() for part in squared.chunk(parts)]).clamp_min(LEAST).log() / 2
    off = g - g.mean()
    rise = ((off * (e - e.mean())).sum() / off.square().sum().clamp_min(LEAST)).clamp(0.0, 1.0)
    return torch.stack([e.mean(), rise, g.mean(), g[0], g[-1]])


def _amplitude(slope: Tensor, line: Tensor) -> Tensor:
    middle, rise, centre, least, greatest = line.unbind(-1)
    return (middle + rise * (slope.clamp(least, greatest) - centre)).exp()


def _power(images: Tensor) -> Tensor:
    """The mean power of each channel at `BINS` frequencies (C, BINS); windowed, for images have borders."""
    window = torch.hann_window(SIDE, device=images.device, dtype=images.dtype)
    window = window[:, None] * window
    window = window / window.square().mean().sqrt()
    power = torch.fft.fft2(window * images).abs().square().mean(0) / SIDE**2
    centres = torch.linspace(0, HIGHEST, BINS, device=images.device, dtype=images.dtype)
    near = -0.5 * ((_radius((SIDE, SIDE)).to(images) - centres[:, None, None]) / 0.02) ** 2
    share = near.flatten(1).softmax(1)
    return (power.flatten(1) @ share.T).clamp_min(LEAST)


def _radius(size: tuple[int, ...], half: bool = False) -> Tensor:
    """`|f|` in cycles a pixel over the fft (or rfft) frequencies."""
    axes = [torch.fft.fftfreq(n) for n in size[:-1]]
    axes.append(torch.fft.rfftfreq(size[-1]) if half else torch.fft.fftfreq(size[-1]))
    grids = torch.meshgrid(*axes, indexing="ij")
    return torch.stack([g.square() for g in grids]).sum(0).sqrt()

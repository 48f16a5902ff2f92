"""The stationary Gaussian prior: all that two-point statistics know about an image.

On a periodic domain a stationary Gaussian has independent frequencies, so its denoiser is a Wiener filter,
`D(x_t, s) = m + S/(S + s^2) (x_t - m)` in the Fourier domain with `S` the power spectrum. It is the start
of learning, the honest baseline, and the exact reference in tests.

Fitted by EM from corrupted images alone: draw `x ~ p(x | y)` with the present `m, S`, set them to the mean
and power of the draws, repeat. Draws by perturb-and-solve (Matheron's rule): with `x' ~ p(x)` and
`y' = A x' + noise`, `x = x' + S A^T (A S A^T + Sigma)^-1 (y - y')` is an exact posterior sample.
"""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from emdiff_app.physics import Imaging
from emdiff_app.physics.random import white

from .prior import Prior, as_map

__all__ = ["GaussianPrior", "fit_gaussian"]


BROAD = 2.0
"""The start has this many times the variance of the recorded images."""
KNEE = 1 / 32
"""Below this frequency, in cycles a pixel, the start is flat."""


class GaussianPrior(Prior):
    """A power spectrum `(C, *spatial)` (of `fftn`, divided by the number of pixels) and a mean `(C,)`."""

    def __init__(self, spectrum: Tensor, mean: Tensor) -> None:
        super().__init__(spectrum.shape[0], float(spectrum.mean().sqrt()))
        self.register_buffer("spectrum", spectrum)
        self.register_buffer("mean", mean)
        self.spectrum: Tensor
        self.mean: Tensor

    @property
    def domain(self) -> tuple[int, ...]:
        return tuple(self.spectrum.shape[1:])

    def denoise(self, x_t: Tensor, sigma: Tensor | float) -> Tensor:
        s = as_map(sigma, x_t)
        if s.ndim and max(s.shape[2:]) > 1:
            raise ValueError("the closed form needs one noise level for each image")
        centre = self._centre(x_t)
        return centre + self._filter(x_t - centre, self.spectrum / (self.spectrum + s.square()))

    def covary(self, x: Tensor) -> Tensor:
        """`S x`: the prior's covariance applied to an image."""
        return self._filter(x, self.spectrum)

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Samples of the prior."""
        noise = white(self.spectrum.expand(count, *self.spectrum.shape), generator)
        return self._centre(noise) + self._filter(noise, self.spectrum.sqrt())

    def draw_posterior(
        self, imaging: Imaging, y: Tensor, generator: torch.Generator, *, steps: int = 60
    ) -> Tensor:
        """Exact samples of `p(x | y)`, the noise taken at the level that the data show."""
        x = self.draw(len(y), generator)
        variance = _variance(imaging, y)
        gap = y - imaging.apply(x) - variance.sqrt() * white(y, generator)

        def forward(v: Tensor) -> Tensor:
            return imaging.apply(self.covary(imaging.adjoint(v))) + variance * v

        return x + self.covary(imaging.adjoint(_solve(forward, gap, steps)))

    def _centre(self, like: Tensor) -> Tensor:
        return self.mean.reshape(1, -1, *[1] * (like.ndim - 2)).to(like)

    def _filter(self, x: Tensor, gain: Tensor) -> Tensor:
        axes = tuple(range(2, x.ndim))
        half = gain[..., : x.shape[-1] // 2 + 1]
        return torch.fft.irfftn(torch.fft.rfftn(x, dim=axes) * half, s=x.shape[2:], dim=axes)


def fit_gaussian(
    imaging: Imaging,
    batches: Sequence[Tensor],
    generator: torch.Generator,
    *,
    rounds: int = 6,
    on_round: Callable[[int], None] | None = None,
) -> GaussianPrior:
    """Fit by EM, started broad: a spectrum that begins too low recovers far more slowly than too high."""
    mean = torch.stack([b.mean(dim=(0, *range(2, b.ndim))) for b in batches]).mean(0)
    power = torch.stack([b.var(dim=(0, *range(2, b.ndim))) for b in batches]).mean(0)
    shape = _falling(imaging.domain).to(power)
    prior = GaussianPrior(BROAD * power.reshape(-1, *[1] * shape.ndim) * shape, mean)
    for number in range(rounds):
        total: Tensor | None = None
        mean, count = torch.zeros_like(mean), 0
        for y in batches:
            x = prior.draw_posterior(imaging, y, generator)
            centred = x - prior._centre(x)
            axes = tuple(range(2, x.ndim))
            seen = torch.fft.fftn(centred, dim=axes).abs().square().sum(0) / x[0, 0].numel()
            total = seen if total is None else total + seen
            mean = mean + x.mean(dim=axes).sum(0)
            count += len(x)
        assert total is not None
        prior = GaussianPrior(total / count, mean / count)
        if on_round is not None:
            on_round(number)
    return prior


def _falling(domain: Sequence[int]) -> Tensor:
    """The spectrum to start from, of mean one: `(f^2 + f0^2)^-1.25`, as images of nearly anything have.

    Where the optics pass nothing, EM leaves the start as it is: a flat one would stay as noise for ever.
    """
    squares = [torch.fft.fftfreq(n).square() for n in domain]
    total = sum(torch.meshgrid(*squares, indexing="ij"), torch.zeros(()))
    shape = (total + KNEE**2) ** -1.25
    return shape / shape.mean()


def _variance(imaging: Imaging, y: Tensor) -> Tensor:
    """The noise at the recorded level, smoothed: a single dark pixel must not claim to be exact."""
    flat = y.flatten(0, 1).unsqueeze(1)
    smooth = _smoother[flat.ndim - 2](flat, 5, stride=1, padding=2, count_include_pad=False)
    return imaging.noise.variance(smooth.reshape(y.shape)).clamp_min(1e-8)


_smoother = {2: F.avg_pool2d, 3: F.avg_pool3d}


def _solve(forward: Callable[[Tensor], Tensor], b: Tensor, steps: int, tolerance: float = 1e-3) -> Tensor:
    """Conjugate gradients with scalars for each image, so that a batch changes nothing."""
    axes = tuple(range(1, b.ndim))
    x, r = torch.zeros_like(b), b.clone()
    p, rr = r.clone(), r.square().sum(axes, keepdim=True)
    goal = rr * tolerance**2
    for _ in range(steps):
        q = forward(p)
        live = rr > goal
        step = torch.where(live, rr / (p * q).sum(axes, keepdim=True).clamp_min(1e-30), 0 * rr)
        x, r = x + step * p, r - step * q
        new = r.square().sum(axes, keepdim=True)
        p = r + torch.where(live, new / rr.clamp_min(1e-30), 0 * rr) * p
        rr = new
        if not bool((rr > goal).any()):
            break
    return x

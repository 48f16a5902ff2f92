"""`assess`: everything that can be said of a restoration on the user's own data, without any truth."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from emdiff_app import posterior
from emdiff_app.diffusion import Prior
from emdiff_app.physics import Imaging
from emdiff_app.physics.checking import agreement

from .familiar import direction_of, familiar_with, known_dreams, promised_by
from .predicting import predict_other_half
from .recording import below_offset, block_ratio, planes_of, saturated_share, signal_ratio
from .records import Figures, Predictions, Verdict
from .smooth import noise_at, recorded_pixels
from .spectra import Promised, radial_power
from .structures import find_structures
from .verdict import judge

__all__ = ["Assessment", "assess", "draw"]

PATCH = 8
UNLIKELY = 5.0
HALF_SAMPLES = 3
"""So many samples of the first half make its clean estimate."""
EDGES = 41
SMALLEST = 16
MOST_RECORDED = 0.95
"""With more pixels missing the spectrum says more of what fills them than of the recording."""


@dataclass(frozen=True, eq=False)
class Assessment:
    """The verdict, the figures behind it, and the pictures, in the prior's units and over the recorded field.

    `residual` is whitened, of the first sample; `histogram` its density in bins from -5 to 5.
    """

    verdict: Verdict
    figures: Figures
    recorded: Tensor
    restored: Tensor
    spread: Tensor
    residual: Tensor
    doubtful: Tensor
    histogram: tuple[float, ...]


def draw(
    prior: Prior,
    imaging: Imaging,
    y: Tensor,
    count: int,
    *,
    sampler: str,
    steps: int,
    generator: torch.Generator,
) -> Tensor:
    """`count` samples (K, B, C, *domain) of every image of y."""
    sample = posterior.get(sampler).sample
    return torch.stack([sample(prior, imaging, y, steps=steps, generator=generator) for _ in range(count)])


@torch.no_grad()
def assess(
    prior: Prior,
    imaging: Imaging,
    y: Tensor,
    samples: Tensor,
    *,
    sampler: str = "auto",
    steps: int = 24,
    seed: int = 0,
    hold_out: bool = True,
) -> Assessment:
    """Judge `samples` (K, B, C, *domain) of the recorded images y (B, C, *field), all in the prior's units.

    `sampler` and `steps` are those that made the samples; the hold-out restores half of the photons with
    them, which costs half as much as eight samples. Crops of 64 pixels and more are best: the prior's own images, which
    are made once for each size, stand beside them.
    """
    generator = torch.Generator().manual_seed(seed)
    seen = recorded_pixels(imaging, y)
    mean = samples.mean(0)
    residual = torch.stack([imaging.residual(y, x) for x in samples])
    parts = [agreement(imaging, y, x) for x in samples]
    squared = residual.square().mean(0)
    dark, bright = _by_brightness(squared, imaging.apply(mean), seen)
    variance = noise_at(imaging, y, seen)
    fields = imaging.crop(samples.flatten(0, 1)).reshape(len(samples), len(y), -1, *_inside(imaging, mean))
    known = familiar_with(prior, _plane(imaging))
    promised = _promised(prior, imaging, y)
    filled = _filled(imaging, y, samples[0], seen, generator)
    whole = float(seen.float().mean()) > MOST_RECORDED
    structures = find_structures(fields) if len(samples) > 1 else None
    figures = Figures(
        pixels=int(seen.sum()),
        samples=len(samples),
        chi2=tuple(float(imaging.chi2(y, x).mean()) for x in samples),
        whiteness=tuple(float(c) for c in torch.tensor([p.autocorrelation for p in parts]).mean(0)),
        chi2_dark=dark,
        chi2_bright=bright,
        misfit=_misfit(squared, seen),
        signal=signal_ratio(y, variance, seen),
        saturated=saturated_share(y, seen),
        below_offset=below_offset(imaging, y, seen),
        blocks=block_ratio(y, seen),
        outside=known.outside(fields),
        darkest=known.darkest(imaging.crop(mean)),
        unfamiliar=float(known.unfamiliar(fields[0]).float().mean()),
        direction=direction_of(filled) - promised.direction if promised else None,
        spectrum=promised.compare(radial_power(filled), float(variance.mean()))
        if promised and whole
        else None,
        predictions=_predictions(prior, imaging, y, seen, len(samples), sampler, steps, generator)
        if hold_out
        else None,
        doubtful=structures.doubtful if structures else None,
    )
    whitened = residual[0][seen]
    counts = torch.histc(whitened.clamp(-5, 5), EDGES - 1, -5, 5) / max(len(whitened), 1) * (EDGES - 1) / 10
    return Assessment(
        judge(figures),
        figures,
        y,
        imaging.crop(mean),
        imaging.crop(samples.std(0)) if len(samples) > 1 else torch.zeros_like(imaging.crop(mean)),
        residual[0],
        structures.map if structures else torch.zeros_like(imaging.crop(mean)),
        tuple(counts.tolist()),
    )


def _inside(imaging: Imaging, x: Tensor) -> tuple[int, ...]:
    return tuple(imaging.crop(x[:1]).shape[2:])


def _plane(imaging: Imaging) -> tuple[int, int]:
    rows, columns = imaging.domain[-2:]
    return int(rows), int(columns)


def _promised(prior: Prior, imaging: Imaging, like: Tensor) -> Promised | None:
    """What the imaging model makes of the prior's own images; not for volumes, and not for tiny images."""
    if len(imaging.domain) != 2 or min(imaging.field) < SMALLEST:
        return None
    return promised_by(imaging, known_dreams(prior, _plane(imaging)).to(like))


def _filled(imaging: Imaging, y: Tensor, x: Tensor, seen: Tensor, generator: torch.Generator) -> Tensor:
    """What was not recorded is filled with a recording of the sample x: right where the restoration is."""
    if bool(seen.all()):
        return y
    return torch.where(seen, y, imaging.noise.simulate(imaging.apply(x), generator))


def _predictions(
    prior: Prior,
    imaging: Imaging,
    y: Tensor,
    seen: Tensor,
    samples: int,
    sampler: str,
    steps: int,
    generator: torch.Generator,
) -> Predictions:
    def restored(model: Imaging, half: Tensor) -> Tensor:
        count = min(samples, HALF_SAMPLES)
        return draw(prior, model, half, count, sampler=sampler, steps=steps, generator=generator)

    return predict_other_half(imaging, y, seen, restored, generator)


def _by_brightness(squared: Tensor, level: Tensor, seen: Tensor) -> tuple[float | None, float | None]:
    """chi2 in the darkest and the brightest quarter of the pixels."""
    light, values = level.expand_as(squared)[seen], squared[seen]
    if len(light) < 64:
        return None, None
    order = light.argsort()
    quarter = len(order) // 4
    return float(values[order[:quarter]].mean()), float(values[order[-quarter:]].mean())


def _misfit(squared: Tensor, seen: Tensor) -> float:
    """The share of windows of 8 x 8 pixels whose mean square is beyond chance."""
    weight = seen.to(squared.dtype)
    sums, counts = (
        avg_pool2d(planes_of(v), PATCH, divisor_override=1) for v in (torch.where(seen, squared, 0.0), weight)
    )
    full = counts >= PATCH**2 / 4
    means = sums / counts.clamp_min(1)
    beyond = means > 1 + UNLIKELY * (2 / counts.clamp_min(1)).sqrt()
    return float((beyond & full).sum() / full.sum().clamp_min(1))

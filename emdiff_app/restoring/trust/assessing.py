"""`assess`: everything that can be said of a restoration on the user's own data, without any truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from emdiff_app import posterior
from emdiff_app.diffusion import Prior
from emdiff_app.physics import Imaging
from emdiff_app.physics.checking import agreement
from emdiff_app.posterior.pairs import in_pairs, variance_of

from .familiar import direction_of, familiar_with, known_dreams, promised_by
from .predicting import predict_other_half
from .recording import below_offset, block_ratio, planes_of, saturated_share, signal_ratio
from .records import Figures, Predictions, Verdict
from .smooth import noise_at
from .spectra import radial_power
from .structures import find_structures
from .verdict import judge

__all__ = ["Assessment", "assess", "draw"]

PATCH = 8
UNLIKELY = 5.0
HALF_SAMPLES = 2
"""So many samples of the first half make its clean estimate."""
BARS, REACH = 40, 5
SMALLEST = 16
MOST_RECORDED = 0.95
"""With more pixels missing the spectrum says more of what fills them than of the recording."""
OnStep = Callable[[], None]


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
    on_step: OnStep = lambda: None,
) -> Tensor:
    """`count` samples (K, B, C, *domain) of every image of y, in pairs."""
    sample = posterior.get(sampler).sample

    def told(*_: object) -> None:
        on_step()

    each = in_pairs(generator, count)
    return torch.stack([sample(prior, imaging, y, steps=steps, generator=own, on_step=told) for own in each])


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
    on_step: OnStep = lambda: None,
) -> Assessment:
    """Judge `samples` (K, B, C, *domain) of the recorded images y (B, C, *field), all in the prior's units.

    `sampler` and `steps` are those that made the samples; the hold-out restores one half of the photons with
    them. Crops of 64 pixels and more are best: beside them stand images of the prior's own, which are made
    once for each size. `on_step` is called after every step of the sampler, and may raise to stop.
    """
    generator = torch.Generator().manual_seed(seed)
    seen = imaging.seen(y).expand_as(y)
    residual = imaging.residual(y, samples[0])
    fields = torch.stack([imaging.crop(x) for x in samples])
    several = len(samples) > 1
    structures = find_structures(fields) if several else None
    figures = Figures(
        pixels=int(seen.sum()),
        samples=len(samples),
        **_of_residual(imaging, y, samples, seen),
        **_of_recording(imaging, y, seen),
        **_of_prior(prior, imaging, y, samples[0], fields, seen, generator, on_step),
        predictions=_predictions(prior, imaging, y, seen, len(samples), sampler, steps, generator, on_step)
        if hold_out
        else None,
        doubtful=structures.doubtful if structures else None,
    )
    mean = fields.mean(0)
    return Assessment(
        verdict=judge(figures),
        figures=figures,
        recorded=y,
        restored=mean,
        spread=variance_of(fields).sqrt(),
        residual=residual,
        doubtful=structures.map if structures else torch.zeros_like(mean),
        histogram=_density(residual[seen]),
    )


def _of_residual(imaging: Imaging, y: Tensor, samples: Tensor, seen: Tensor) -> dict[str, Any]:
    """How large and how white it is, and where."""
    mean = samples.mean(0)
    squared = _squared(imaging, y, samples, mean, seen)
    dark, bright = _by_brightness(squared, imaging.apply(mean), seen)
    lags = torch.tensor([agreement(imaging, y, x).autocorrelation for x in samples]).mean(0)
    return {
        "chi2": tuple(float(imaging.chi2(y, x).mean()) for x in samples),
        "whiteness": tuple(lags.tolist()),
        "chi2_dark": dark,
        "chi2_bright": bright,
        "misfit": _misfit(squared, seen),
    }


def _squared(imaging: Imaging, y: Tensor, samples: Tensor, mean: Tensor, seen: Tensor) -> Tensor:
    """`<(y - A x)^2> / Var[y | mean]` at each pixel, over the samples.

    With the variance at each sample's own level a sample that is darker than the truth by chance would count for many.
    """
    variance = imaging.noise_variance(mean).clamp_min(torch.finfo(y.dtype).tiny)
    off = torch.stack([torch.where(seen, y - imaging.apply(x), 0.0).square() for x in samples])
    return off.mean(0) / variance


def _of_recording(imaging: Imaging, y: Tensor, seen: Tensor) -> dict[str, Any]:
    """What the recorded image shows by itself."""
    return {
        "signal": signal_ratio(y, noise_at(imaging, y, seen), seen),
        "saturated": saturated_share(y, seen),
        "below_offset": below_offset(imaging, y, seen),
        "blocks": block_ratio(y, seen),
    }


def _of_prior(
    prior: Prior,
    imaging: Imaging,
    y: Tensor,
    x: Tensor,
    fields: Tensor,
    seen: Tensor,
    generator: torch.Generator,
    on_step: OnStep,
) -> dict[str, Any]:
    """The restored images beside the prior's own, and the recorded ones beside recordings of those."""
    known = familiar_with(prior, _plane(imaging), on_step)
    found: dict[str, Any] = {
        "outside": known.outside(fields),
        "darkest": known.darkest(fields.mean(0)),
        "unfamiliar": float(known.unfamiliar(fields[0]).float().mean()),
    }
    if len(imaging.domain) != 2 or min(imaging.field) < SMALLEST:
        return found
    promised = promised_by(imaging, known_dreams(prior, _plane(imaging)).to(y))
    # What was not recorded is filled with a recording of the sample: right where the restoration is.
    filled = torch.where(seen, y, imaging.noise.simulate(imaging.apply(x), generator))
    found["direction"] = direction_of(filled) - promised.direction
    if float(seen.float().mean()) > MOST_RECORDED:
        noise = float(noise_at(imaging, y, seen).mean())
        found["spectrum"] = promised.compare(radial_power(filled), noise)
    return found


def _density(whitened: Tensor) -> tuple[float, ...]:
    """The histogram of residuals from -5 to 5, beyond which they count as 5."""
    counts = torch.histc(whitened.clamp(-REACH, REACH), BARS, -REACH, REACH)
    return tuple((counts / max(len(whitened), 1) * (BARS / (2 * REACH))).tolist())


def _plane(imaging: Imaging) -> tuple[int, int]:
    rows, columns = imaging.domain[-2:]
    return int(rows), int(columns)


def _predictions(
    prior: Prior,
    imaging: Imaging,
    y: Tensor,
    seen: Tensor,
    samples: int,
    sampler: str,
    steps: int,
    generator: torch.Generator,
    on_step: OnStep,
) -> Predictions:
    def restored(model: Imaging, half: Tensor) -> Tensor:
        count = min(samples, HALF_SAMPLES)
        return draw(
            prior, model, half, count, sampler=sampler, steps=steps, generator=generator, on_step=on_step
        )

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

"""How good a prior is, on crops that it never learned from, and pictures of them.

The recorded crop is split into two parts with independent noise; one is restored, and the other says how likely
it was. No clean image is needed, and fitting the noise makes it worse.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from emdiff_app.images.atomic import replacing
from emdiff_app.physics import Imaging
from emdiff_app.physics.noise.thinning import thin
from emdiff_app.posterior.pairs import in_pairs, variance_of

__all__ = ["Judgement", "Sampling", "is_as_good", "judge", "write_preview"]

BINS = np.linspace(-5, 5, 41)
KEPT = 0.75
"""The part that is restored has this share of the light: the prior was made for images with all of it."""

RESTORED = 8
"""A restoration takes the mean of so many samples, and so must whoever compares them with another estimate."""

CLEARLY = 3.0
"""One pass must be better by so many standard errors. Of eight crops two are soon met by chance: with the truth at
hand, one pass was seen to be recommended where one look was 0.3 dB better and 48 crops could not tell them apart."""

ALONE = 0.01
"""One crop does not say what is chance; so much of its score a pixel is more than all that was seen of it."""

Sampling = Callable[[Imaging, Tensor, torch.Generator], Tensor]
"""From an imaging model and recorded crops to clean ones: a sample of each, or an estimate."""


@dataclass(frozen=True)
class Judgement:
    """A score (higher is better), the size of the residuals, and the pictures behind them.

    `estimate` says what restored best: `samples`, which stands for the mean of them and for one look, that is the same
    where it is possible, or the estimate in `one-pass`. `each` is the score of each crop, by that estimate, and
    `ablest` by whichever predicts best.
    """

    held_out: float
    each: tuple[float, ...]
    ablest: tuple[float, ...]
    estimate: str
    chi2: float
    residuals: tuple[float, ...]
    recorded: Tensor
    restored: Tensor
    spread: Tensor
    residual: Tensor  # whitened, of the first sample


def judge(
    imaging: Imaging,
    y: Tensor,
    generator: torch.Generator,
    sample: Sampling,
    one_pass: Sampling | None = None,
    one_look: Sampling | None = None,
    *,
    samples: int = 2,
    only: str | None = None,
) -> Judgement:
    """Restore the held-out crops `y`, and once more from a part of their light; `only` names the one way that counts.

    One pass costs many looks, and is recommended only where it is clearly better in likelihood and in distance.
    Likelihood alone errs where the noise is stronger than its model says, mostly in the dark: one pass keeps some
    of the surplus, which both parts share, so it seems detail. Distance alone looks at bright pixels alone.
    """
    seen = imaging.seen(y)
    filled = torch.where(seen, y, 0.0)
    x = torch.stack([sample(imaging, y, own) for own in in_pairs(generator, samples)])
    residual = torch.stack([imaging.residual(y, one) for one in x])

    averaged = samples if one_pass is None or one_look else RESTORED

    def mean(model: Imaging, data: Tensor, random: torch.Generator) -> Tensor:
        return torch.stack([sample(model, data, own) for own in in_pairs(random, averaged)]).mean(0)

    ways = {"samples": mean, "one-look": one_look, "one-pass": one_pass}
    able = {name: way for name, way in ways.items() if way is not None}
    other, unused, guesses = _from_a_part(imaging, torch.where(seen, y, torch.nan), generator, able)
    likely = {name: _likelihood(other, unused, guess) for name, guess in guesses.items()}
    estimate = only or "samples"
    if one_pass and not only and _stands_out(likely, "one-pass"):
        near = {name: _nearness(other, unused, guess) for name, guess in guesses.items()}
        estimate = "one-pass" if _stands_out(near, "one-pass") else "samples"
    best = likely[estimate if estimate == "one-pass" or one_look is None else "one-look"]
    ablest = max(likely.values(), key=_sum)
    counts, _ = np.histogram(residual[:, seen].cpu().numpy(), BINS)
    density = counts / (max(counts.sum(), 1) * np.diff(BINS))  # 0 where all lie outside, as they may at first
    chosen = one_pass if estimate == "one-pass" else one_look
    restored = x.mean(0) if chosen is None else chosen(imaging, y, generator)
    return Judgement(
        held_out=sum(best) / len(y),
        each=tuple(best),
        ablest=tuple(ablest),
        estimate=estimate,
        chi2=float(residual[:, seen].square().mean()),
        residuals=tuple(float(c) for c in density),
        recorded=filled,
        restored=imaging.crop(restored),
        spread=imaging.crop(variance_of(x).sqrt()),
        residual=residual[0],
    )


def _from_a_part(
    imaging: Imaging, y: Tensor, generator: torch.Generator, ways: Mapping[str, Sampling]
) -> tuple[Imaging, Tensor, dict[str, Tensor]]:
    """The other part of the data with its imaging model, and what each way makes of the first."""
    parts = thin(y, imaging.noise, generator, share=KEPT)
    first, other = (replace(imaging, noise=noise) for noise in (parts.first_noise, parts.second_noise))
    state = generator.get_state()
    guesses = {}
    for name, way in ways.items():
        generator.set_state(state)
        guesses[name] = way(first, parts.first, generator)
    return other, parts.second, guesses


def _likelihood(imaging: Imaging, y: Tensor, x: Tensor) -> list[float]:
    """How likely y is where x is true; per crop and pixel."""
    scores: Tensor = imaging.log_likelihood(y, x) / imaging.seen(y).flatten(1).sum(1).clamp_min(1)
    return scores.tolist()


def _sum(each: list[float]) -> float:
    total = sum(each)
    return total if math.isfinite(total) else -math.inf


def _nearness(imaging: Imaging, y: Tensor, x: Tensor) -> list[float]:
    """How near x comes to y: the mean square of the difference over the mean variance of the noise, negative."""
    squares, noise = (y - imaging.apply(x)).square(), imaging.noise_variance(x).expand(y.shape)
    far, usual = (torch.where(imaging.seen(y), v, 0.0).flatten(1).sum(1) for v in (squares, noise))
    return (-far / usual).tolist()


def _stands_out(scores: Mapping[str, list[float]], name: str) -> bool:
    """Whether it is better than all the others, by more than chance on these crops allows."""
    if not np.isfinite(scores[name]).all():
        return False
    return not any(
        is_as_good(s, scores[name], errors=CLEARLY) for other, s in scores.items() if other != name
    )


def is_as_good(each: Sequence[float], best: Sequence[float], errors: float = 1.0) -> bool:
    """Whether a round is not worse than the best so far by more than so many standard errors of their difference.

    Every round is judged on the same crops with the same noise. Of two that these cannot tell apart the later one
    is taken: what the recorded pixels hardly show, such as fine detail under blur, is what rounds are for.
    """
    difference = np.subtract(each, best)
    if not np.isfinite(best).all():
        return True
    if len(difference) == 1:
        return bool(difference[0] >= -ALONE)
    error = difference.std(ddof=1) / len(difference) ** 0.5
    return bool(difference.mean() >= -_allowed(errors, len(difference)) * error)


def _allowed(errors: float, count: int) -> float:
    """As many standard errors as chance exceeds as seldom where they are measured on so few crops (Student's t)."""
    from scipy.stats import norm, t

    return float(t.ppf(norm.cdf(errors), count - 1))


def write_preview(path: Path, judgement: Judgement, count: int = 4) -> None:
    """The first channel of the first held-out crops: recorded, restored, spread, what is left over, as arrays."""
    arrays = {
        name: getattr(judgement, name)[:count, 0].cpu().numpy().astype(np.float32)
        for name in ("recorded", "restored", "spread", "residual")
    }
    with replacing(path, overwrite=True) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)

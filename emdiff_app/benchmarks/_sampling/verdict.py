"""What the tables of samplers say, in sentences made from their figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .one_sampler import Outcome

__all__ = ["Comparison", "in_short"]

FAIR = 0.9
"""How often the truth should lie in the intervals."""


@dataclass(frozen=True)
class Comparison:
    """The default beside DPS at the step size that suits DPS best, on one problem."""

    title: str
    default: Outcome
    dps: Outcome
    count: int
    published: Outcome
    """DPS with the published step size."""
    look: Outcome | None = None
    """One look of the denoiser, where that is what a restoration does."""

    @property
    def one(self) -> float:
        """By how many dB one sample of the default is closer to the truth."""
        return self.default.one - self.dps.one

    @property
    def mean(self) -> float:
        """The same for the mean of the samples, which is what a restoration gives."""
        return self.default.mean - self.dps.mean

    @property
    def faster(self) -> float:
        return self.dps.seconds / self.default.seconds

    @property
    def over_published(self) -> float:
        """By how many dB the mean of the samples is closer than that of DPS as it was published."""
        return self.default.mean - self.published.mean

    @property
    def one_over_published(self) -> float:
        """The same for one sample."""
        return self.default.one - self.published.one

    @property
    def estimate(self) -> float:
        """By how many dB the clean estimate of a restoration is closer than what DPS gives, one sample."""
        return (self.look or self.default).mean - self.dps.one

    @property
    def estimate_faster(self) -> float:
        spent = self.look.seconds if self.look else self.count * self.default.seconds
        return self.dps.seconds / spent

    @property
    def sentence(self) -> str:
        chosen = self.default.chosen
        return (
            f"**{self.title}**: the default ({chosen}) is {_decibels(self.mean)} than DPS in the mean of {self.count} "
            f"samples and {_decibels(self.one)} in one, {self.faster:.0f} times faster; its 90 % intervals hold the "
            f"truth in {100 * self.default.covered:.0f} % of the pixels, those of DPS in "
            f"{100 * self.dps.covered:.0f} %.{self._why}"
        )

    @property
    def _why(self) -> str:
        """Why one sample of DPS may be closer: samples that differ too little all lie near their mean."""
        off = [abs(o.covered - FAIR) for o in (self.default, self.dps)]
        if self.one >= 0 or off[0] >= off[1]:
            return ""
        return (
            " One sample of DPS is closer because its samples differ too little from each other: each is nearly their "
            "mean, and they say less of what is not known."
        )


def in_short(comparisons: Sequence[Comparison]) -> str:
    """All problems in one sentence."""
    names = ("over_published", "mean", "one_over_published", "one", "estimate")
    published, mean, one_published, one, estimate = ([getattr(c, n) for c in comparisons] for n in names)
    faster, sooner = ([getattr(c, name) for c in comparisons] for name in ("faster", "estimate_faster"))
    return (
        f"**In short**: the default is {min(faster):.0f} to {max(faster):.0f} times faster than DPS with 1000 steps. "
        f"The mean of {comparisons[0].count} samples is closer to the truth than that of DPS as published in "
        f"{_of(published)} ({_range(published)} dB), and than that of DPS with the step size that suits it best, "
        f"chosen by the truth, in {_of(mean)} ({_range(mean)} dB). One sample, which no restoration gives unless "
        f"asked, is closer than one of DPS as published in {_of(one_published)} ({_range(one_published)} dB), and than "
        f"one with that best step size in {_of(one)} ({_range(one)} dB). What a restoration gives, the clean "
        f"estimate (one look of the denoiser where only noise was added, else that mean), is closer than one sample of "
        f"that DPS in {_of(estimate)} ({_range(estimate)} dB), {min(sooner):.0f} to {max(sooner):.0f} times faster."
    )


def _decibels(gain: float) -> str:
    return f"{abs(gain):.1f} dB {'better' if gain >= 0 else 'worse'}"


def _of(gains: Sequence[float]) -> str:
    return f"{sum(g > 0 for g in gains)} of {len(gains)} problems"


def _range(gains: Sequence[float]) -> str:
    return f"{min(gains):+.1f} to {max(gains):+.1f}"

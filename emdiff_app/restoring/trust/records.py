"""What a check of a restoration finds, as plain records: no torch here, so that a window can hold and save them."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict

__all__ = ["ALL_WELL", "Blur", "Figures", "Grade", "Predictions", "Reason", "Verdict"]

ALL_WELL = "The restoration explains the data, and the data look like what the prior has learned."


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Grade(StrEnum):
    """The three answers; also in words, never by colour alone."""

    TRUST = "trustworthy"
    CARE = "usable with care"
    STOP = "do not use"


class Predictions(_Record):
    """How well one half of the photons is predicted from the other, `<(y2 - A x)^2 / Var[y2]>`: 1 is the noise alone.

    `restored` from the restoration of the first half, `recorded` from that half as it is, `blurred` from its best
    Gaussian blur, whose width is chosen on the second half: no blur does better. `level` predicts everywhere the
    same: what there is to gain.
    """

    restored: float
    recorded: float
    blurred: float
    level: float


class Blur(_Record):
    """The recorded spectrum as `g exp(-4 pi^2 s f^2) S_A + v N`, beside its scatter over images of the prior's own.

    S_A is what the imaging model makes of the prior's images, N the noise it says. `contrast` is g, `widening` s in
    square pixels (below 0: sharper than expected), `noise` v.
    """

    contrast: float
    widening: float
    noise: float
    widening_scatter: float
    noise_scatter: float


class Figures(_Record):
    """All that was measured. None: it could not be measured on these images."""

    pixels: int
    samples: int
    chi2: tuple[float, ...]
    """Of each sample, about 1."""
    whiteness: tuple[float, ...]
    """Correlation of residuals 1 to 5 pixels apart, about 0."""
    chi2_dark: float | None = None
    chi2_bright: float | None = None
    """In the darkest and in the brightest quarter of the pixels."""
    misfit: float = 0.0
    """The share of small windows in which the residual is far too large for chance."""
    signal: float = 0.0
    """The variance of the recorded image over that of the noise, both averaged over 4 x 4 pixels: 1 is noise alone."""
    saturated: float = 0.0
    """The share of pixels that are piled up at the highest grey level."""
    below_offset: float = 0.0
    """The share of pixels further below the camera's offset than its noise explains."""
    blocks: float = 1.0
    """The finest detail within 8 x 8 blocks of some grid beside that of other grids: far below 1 after JPEG."""
    outside: float | None = None
    """The share of restored pixels outside the intensities that the prior knows."""
    darkest: float | None = None
    """How far the dark level lies above that of the prior's images, in standard deviations of their intensities."""
    unfamiliar: float | None = None
    """The share of windows whose local spectrum is unlike all that the prior has seen."""
    direction: float | None = None
    """ln of detail along the rows over that along the columns, less that of the prior's images."""
    spectrum: Blur | None = None
    predictions: Predictions | None = None
    doubtful: float | None = None
    """The share of structures (by area) that are in fewer than half of the samples."""

    @property
    def mean_chi2(self) -> float:
        return sum(self.chi2) / max(len(self.chi2), 1)


class Reason(_Record):
    """One sentence about what was found, what to do, and how much it weighs."""

    name: str
    grade: Grade
    sentence: str
    action: str


class Verdict(_Record):
    """The worst of all grades, and why."""

    grade: Grade
    reasons: tuple[Reason, ...] = ()

    @property
    def headline(self) -> str:
        """One line: the answer, with the reason that weighs most."""
        if not self.reasons:
            return f"Trustworthy: {ALL_WELL[0].lower()}{ALL_WELL[1:]}"
        return f"{self.grade.capitalize()}: {self.reasons[0].sentence}"

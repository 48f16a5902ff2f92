"""The methods without a prior as the window offers them; no torch here, so it has words of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["METHODS", "Number", "OtherMethod", "settings_words"]


@dataclass(frozen=True)
class Number:
    """A setting. `name` and `default` are the method's own; `automatic`: the lowest value stands for its own choice."""

    name: str
    title: str
    tip: str
    default: float
    low: float
    high: float
    decimals: int = 0
    unit: str = ""
    automatic: bool = False

    def given(self, value: float) -> float | int | None:
        """The value as the method takes it."""
        if self.automatic and value <= self.low:
            return None
        return value if self.decimals else int(value)


@dataclass(frozen=True)
class OtherMethod:
    title: str
    tip: str
    numbers: tuple[Number, ...] = ()


METHODS: Mapping[str, OtherMethod] = {
    "richardson-lucy": OtherMethod(
        "Richardson-Lucy",
        "Undoes blur step by step; noise grows with every step.",
        (Number("iterations", "Iterations", "More is sharper and noisier.", 16, 1, 1000),),
    ),
    "richardson-lucy-tv": OtherMethod(
        "Richardson-Lucy, noise held back",
        "Richardson-Lucy with total variation, which keeps flat areas flat.",
        (
            Number("iterations", "Iterations", "More is sharper.", 32, 1, 1000),
            Number("weight", "Flatness", "How strongly noise is held back.", 0.01, 0.0, 1.0, 3),
        ),
    ),
    "wiener": OtherMethod("Wiener", "The best linear filter for noise and blur together."),
    "tv": OtherMethod(
        "Total variation",
        "Flat areas with sharp edges; undoes noise and blur together.",
        (Number("weight", "Flatness", "More is flatter.", 0.0, 0.0, 10.0, 2, automatic=True),),
    ),
    "gaussian-blur": OtherMethod(
        "Gaussian blur",
        "Averages neighbouring pixels: less noise, less detail.",
        (Number("sigma", "Width", "More is smoother.", 1.0, 0.1, 20.0, 1, " px"),),
    ),
    "non-local-means": OtherMethod(
        "Non-local means",
        "Averages pixels whose surroundings look alike.",
        (Number("strength", "Strength", "In standard deviations of the noise.", 0.8, 0.1, 3.0, 2),),
    ),
    "wavelet": OtherMethod("Wavelets", "Shrinks wavelet coefficients that are no larger than the noise."),
    "bm3d": OtherMethod(
        "BM3D",
        "Filters groups of similar patches together. Needs a library of its own, free for non-commercial use.",
        (Number("strength", "Strength", "In units of the true noise.", 1.0, 0.1, 3.0, 2),),
    ),
    "noise2self": OtherMethod(
        "Noise2Self",
        "A small network that predicts each pixel from its neighbours; it first trains on this very image.",
        (Number("minutes", "Training", "How long it may train.", 2.0, 0.1, 120.0, 1, " min"),),
    ),
    "biharmonic": OtherMethod(
        "Smooth filling", "Fills missing pixels with the smoothest surface; the noise stays."
    ),
}


def settings_words(method: str, values: Mapping[str, float]) -> dict[str, float | int]:
    """The settings of `method` as it takes them, without those that it chooses by itself."""
    numbers = METHODS[method].numbers
    given = {number.name: number.given(values.get(number.name, number.default)) for number in numbers}
    return {name: value for name, value in given.items() if value is not None}

"""What no number of rounds can teach: frequencies that no recorded image holds stay as they started.

A fixed blur or fewer pixels remove the same fine detail from every image. Ways out are some sharp images, or a prior
learned on such. These questions are asked of an imaging model on the processor.
"""

import math
from collections.abc import Mapping

import torch

from emdiff_app.physics import Imaging

__all__ = ["contrast_at", "is_directional", "lost_bands", "pixels_under_one", "sentence"]

FAINT = 0.01
"""Detail of which less than this share of its contrast is recorded is lost."""
FREQUENCIES = 240
"""So many are looked at: the zeros of a motion or of a square aperture are narrow."""
NARROW = 6.5
"""A band of so many of them, or fewer, is told as one length."""
TOLD = 3
"""Of the bands, the widest; a long motion has many."""
SLANTED = 0.1
"""Contrast that differs by this much between one direction and another makes the physics directional."""


def lost_bands(imaging: Imaging) -> list[tuple[float, float]]:
    """The bands of frequencies, in cycles a pixel of the clean image, that are not recorded in some direction."""
    step = 0.5 / FREQUENCIES
    bands: list[tuple[float, float]] = []
    for number in range(1, FREQUENCIES + 1):
        frequency = number * step
        if frequency <= _nyquist(imaging) and all(
            _contrast(imaging, frequency, angle) >= FAINT for angle in (0.0, math.pi / 2)
        ):
            continue
        low = frequency - step / 2
        if bands and math.isclose(bands[-1][1], low):
            bands[-1] = bands[-1][0], low + step
        else:
            bands.append((low, low + step))
    return [(low, min(high, 0.5)) for low, high in bands]


def contrast_at(imaging: Imaging, frequency: float) -> float:
    """How strong waves of a frequency are recorded, over four directions; 0 beyond what pixels can show."""
    if frequency > _nyquist(imaging):
        return 0.0
    return sum(_contrast(imaging, frequency, k * math.pi / 4) for k in range(4)) / 4


def is_directional(imaging: Imaging) -> bool:
    """Whether the optics treat the directions differently, so that images may not be turned while learning."""
    angles = [k * math.pi / 4 for k in range(4)]
    frequencies = [0.05, 0.1, 0.2]
    contrast = torch.tensor([[_contrast(imaging, f, a) for f in frequencies] for a in angles])
    straight, slanted = contrast[::2], contrast[1::2]
    return bool(
        ((straight[0] - straight[1]).abs() > SLANTED).any()
        or ((slanted[0] - slanted[1]).abs() > SLANTED).any()
    )


def sentence(bands: list[tuple[float, float]], factor: float, pixel_size_um: Mapping[str, float]) -> str:
    """For the user; `factor` pixels of the clean image are one recorded pixel."""
    size = pixel_size_um.get("X")

    def length(frequency: float) -> str:
        period = 1 / frequency / factor
        return f"{period:.1f} pixels" + (f" ({period * size:.2g} um)" if size else "")

    def words(low: float, high: float) -> str:
        if high >= 0.5:
            return f"finer than about {length(low)}"
        if high - low <= NARROW * 0.5 / FREQUENCIES:
            return f"of about {length((low + high) / 2)}"
        return f"between {length(high)} and {length(low)}"

    widest = sorted(sorted(bands, key=lambda band: band[0] - band[1])[:TOLD])
    *others, last = [words(*band) for band in widest]
    detail = f"{', '.join(others)} and {last}" if others else last
    more = " (and of other lengths)" if len(bands) > TOLD else ""
    return (
        f"Detail {detail}{more} is missing from all these images alike and cannot be learned from them: there the "
        "prior keeps what it started with. A few sharp images, or a prior that has learned such detail, would teach it."
    )


def pixels_under_one(imaging: Imaging) -> int:
    """How many pixels of the clean image lie along one recorded pixel."""
    window = imaging.operator.window(tuple(slice(0, 1) for _ in imaging.field))
    return max(w.stop - w.start for w in window)


def _nyquist(imaging: Imaging) -> float:
    """Above this frequency waves look like other waves in the recorded pixels."""
    factor = pixels_under_one(imaging)
    return 0.5 / factor if factor > 1 else 1.0


def _contrast(imaging: Imaging, frequency: float, angle: float) -> float:
    """How strong a wave is recorded: of both phases, `sqrt(|A cos|^2 + |A sin|^2)`, one where nothing is lost."""
    rows, columns = (torch.arange(n, dtype=torch.float32) for n in imaging.domain[-2:])
    phase = math.sin(angle) * rows[:, None] + math.cos(angle) * columns
    waves = torch.stack([(2 * math.pi * frequency * phase).cos(), (2 * math.pi * frequency * phase).sin()])
    recorded = imaging.apply(waves[:, None])
    seen = 1.0 if imaging.observed is None else float(imaging.observed.float().mean())
    return math.sqrt(float(recorded.square().mean()) * 2 / max(seen, 1e-6))

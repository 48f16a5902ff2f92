"""Which term on the recorded pixels themselves fits an imaging model.

EM learns slowly where the noise is strong. There the recorded images say directly what is right, without bias, and
the samples supply only what the data cannot: noise levels below that of the recording, pixels that are missing.
"""

from dataclasses import dataclass, field
from typing import Literal

from emdiff_app.diffusion.anchors import (
    Denoising,
    FurtherMasking,
    HiddenPixels,
    Mixture,
    NoiseAbove,
    Sure,
    Term,
)
from emdiff_app.physics import Imaging

__all__ = ["Anchor", "AnchorName", "anchor_for"]

AnchorName = Literal["auto", "none", "hidden-pixels", "noise-above", "sure", "further-masking"]

WIDER = 0.3
"""Stein's estimate teaches the level of the recording and so much above it: of levels that are hardly higher
`NoiseAbove` says little, and held-out images, which have less light, are at one of them."""
ABOVE = 0.3
"""How much the levels above weigh beside Stein's estimate: they are not those that a recorded image is seen at."""
CAMERA = 0.5
"""So many of the samples get noise as the camera makes it, the others white noise."""


@dataclass(frozen=True)
class Anchor:
    """A term on recorded images, if there is one for this physics, and the term on samples beside it."""

    name: str
    term: Term | None
    on_samples: Denoising = field(default_factory=Denoising)
    variance: bool = False
    """Whether the network needs its second head."""
    maps: bool = False
    """Whether it is taught noise of uneven strength."""
    start: str | None = None
    """The start that such a term alone makes."""


def anchor_for(name: AnchorName, imaging: Imaging) -> Anchor:
    """`auto`: hidden pixels for a camera's noise, noise above and Stein's for white noise, further masking for
    missing pixels, nothing where a pixel of the recorded image is not a pixel of the clean one."""
    sharp = imaging.operator.sharp
    camera = imaging.noise.depends_on_light and sharp
    plain = Denoising(camera=CAMERA) if camera else Denoising()
    if name == "none" or not sharp:
        return Anchor("none", None, plain, maps=camera)
    missing = imaging.observed is not None
    if name == "auto":
        name = "further-masking" if missing else "hidden-pixels" if camera else "noise-above"
    match name:
        case "hidden-pixels":
            return Anchor(name, HiddenPixels(), plain, variance=True, maps=camera, start=name)
        case "further-masking":
            return Anchor(name, FurtherMasking(), plain, maps=True)
        case "sure":
            return Anchor(name, Sure(), plain, maps=camera)
        case _:
            if camera or missing:
                return Anchor("noise-above", NoiseAbove(), plain, maps=True)
            both = Mixture([(ABOVE, NoiseAbove()), (1.0, Sure(WIDER))])
            return Anchor("noise-above", both, plain, start="one-look")

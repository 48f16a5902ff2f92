"""Which grey levels of a stack mean what to the prior."""

from emdiff_app.errors import EMDiffError
from emdiff_app.images import IntensityScale, Stack
from emdiff_app.physics import ImagingModel, PoissonGaussianNoise

from .words import INTENSITIES

__all__ = ["scales_for"]


def scales_for(
    stack: Stack, learned: IntensityScale, own: ImagingModel, given: ImagingModel | None, intensities: str
) -> tuple[IntensityScale, IntensityScale, str]:
    """The scale of the images, the scale by which the noise is known, and a sentence where there is one to say.

    `prior`: the scale of the images that the prior was learned from. Where both cameras are known by their photons
    (`level = gain photons + offset`), levels are compared as photons, so that another gain or offset of the camera,
    or an image that was stretched afterwards, changes nothing.

    `image`: the range of this stack's intensities stands for that of the training images. Noise of the prior's own
    model is then taken to have been stretched along with them.
    """
    if intensities not in INTENSITIES:
        raise EMDiffError(
            f"intensities must be {' or '.join(INTENSITIES)}, not {intensities!r}; nothing was restored."
        )
    if intensities == "image":
        noise = (given or own).noise
        known = noise.offset if given is not None and isinstance(noise, PoissonGaussianNoise) else None
        fitted = IntensityScale.fit([stack], offset=known)
        return fitted, learned if given is None else fitted, ""
    if given is None or not _by_photons(own, given):
        return learned, learned, ""
    here, there = given.noise.parameters(), own.noise.parameters()
    ratio = here.gain / there.gain
    scale = IntensityScale(
        offset=here.offset + (learned.offset - there.offset) * ratio, gain=learned.gain * ratio
    )
    said = (
        f"The camera differs from the prior's (gain {here.gain:.4g} and {there.gain:.4g}, offset {here.offset:.4g} and "
        f"{there.offset:.4g}): grey levels are compared by their photons."
    )
    return scale, scale, said


def _by_photons(own: ImagingModel, given: ImagingModel) -> bool:
    pair = (own.noise, given.noise)
    if not all(isinstance(noise, PoissonGaussianNoise) for noise in pair):
        return False
    here, there = given.noise.parameters(), own.noise.parameters()
    return bool((here.gain, here.offset) != (there.gain, there.offset))

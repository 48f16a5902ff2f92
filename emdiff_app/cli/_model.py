"""The imaging model of a command: the one that was given, or the noise estimated and nothing else assumed."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from emdiff_app.physics import ImagingModel

__all__ = ["model_or_estimate"]

MOST = 9
"""Of more files than this the noise is measured in so many, spread evenly."""


OFFSET = (
    "If you know it, `emdiff estimate --offset N --out camera.json` measures with it, for --model camera.json"
)


def model_or_estimate(
    model: Path | None, stacks: Sequence[Path], *, each: bool = True, **overrides: Any
) -> tuple[ImagingModel, list[str]]:
    """The model and sentences about what was assumed: one noise for all images, that of the middle one.

    With `each`, whoever uses the model measures the noise of stretched images one by one.
    """
    if model is not None:
        return ImagingModel.read(model), []
    from emdiff_app.images import open_stack
    from emdiff_app.physics import estimate_noise

    measured = []
    for path in stacks[:: -(-len(stacks) // MOST)]:
        with open_stack(path, **overrides) as stack:
            measured.append(estimate_noise(stack))
    middle = sorted(measured, key=lambda found: found.variance_at_median)[len(measured) // 2]
    said = [f"No imaging model was given: noise alone is assumed, measured as: {middle.model.in_words}."]
    if any(found.stretched and (found.per_image or len(measured) > 1) for found in measured):
        alone = each and all(found.stretched for found in measured)
        used = "" if alone else ", but that of the middle one is used for all"
        said.append(
            f"The images were probably stretched one by one, so their noise differs{used}; images as the camera "
            "recorded them serve better."
        )
    elif len(measured) > 1:
        said.append(f"That is the middle one of {len(measured)} files; it is used for all.")
    caveats = (caveat.replace("Give --offset if you know it", OFFSET) for caveat in middle.caveats)
    return ImagingModel(noise=middle.model), [*said, *caveats]

"""The imaging model of a command: the one that was given, or the noise estimated and nothing else assumed."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from emdiff_app.physics import ImagingModel

__all__ = ["model_or_estimate"]


def model_or_estimate(
    model: Path | None, stacks: Sequence[Path], **overrides: Any
) -> tuple[ImagingModel, list[str]]:
    """The model and sentences about what was assumed."""
    if model is not None:
        return ImagingModel.read(model), []
    from emdiff_app.images import open_stack
    from emdiff_app.physics import estimate_noise

    with open_stack(stacks[0], **overrides) as stack:
        found = estimate_noise(stack)
    chosen = ImagingModel(noise=found.model)
    said = f"No imaging model was given: assuming noise alone, estimated as {chosen.noise!r}."
    return chosen, [said, *found.caveats]

"""What a restoration tells while it works; no torch here, so that a window can know it."""

from dataclasses import dataclass

from emdiff_app.errors import EMDiffError

__all__ = ["Cancelled", "RestoreProgress"]


@dataclass(frozen=True)
class RestoreProgress:
    """How far a restoration is: planes that are finished, and the step within the present one."""

    plane: int
    planes: int
    step: int
    steps: int

    @property
    def fraction(self) -> float:
        return (self.plane + self.step / max(self.steps, 1)) / max(self.planes, 1)


class Cancelled(EMDiffError):  # noqa: N818 - a wish, not an error
    """The user stopped a restoration."""

    def __init__(self) -> None:
        super().__init__("The restoration was cancelled; your images are untouched.")

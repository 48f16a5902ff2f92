"""What a restoration tells while it works; no torch here, so that a window can know it."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from emdiff_app.errors import EMDiffError

__all__ = ["Cancelled", "RestoreProgress", "Watch"]


@dataclass(frozen=True)
class RestoreProgress:
    """How far a restoration is: planes that are finished, the step within the present one, the tile within the step.

    `together` planes of a volume are worked on at once.
    """

    plane: int
    planes: int
    step: int
    steps: int
    tile: int = 0
    tiles: int = 1
    together: int = 1
    remaining_s: float | None = None

    @property
    def fraction(self) -> float:
        steps = (self.step + self.tile / max(self.tiles, 1)) / max(self.steps, 1)
        return (self.plane + self.together * min(steps, 1.0)) / max(self.planes, 1)


class Cancelled(EMDiffError):  # noqa: N818 - a wish, not an error
    """The user stopped a restoration."""

    def __init__(self) -> None:
        super().__init__("The restoration was cancelled; your images are untouched.")


class Watch:
    """Counts planes, steps and tiles, tells how far they are and asks whether to stop; all in one thread."""

    def __init__(
        self,
        planes: int,
        on_progress: Callable[[RestoreProgress], None],
        should_stop: Callable[[], bool],
    ) -> None:
        self.planes, self.on_progress, self.should_stop = planes, on_progress, should_stop
        self._plane, self._together, self._step, self._steps = 0, 1, 0, 1
        self._start: tuple[float, float] | None = None

    def begin(self, plane: int, together: int, steps: int) -> None:
        """`together` planes are worked on next, the first of which is number `plane`, in so many steps."""
        self._plane, self._together, self._step, self._steps = plane, together, 0, steps
        if self._start is None:
            self._start = time.monotonic(), plane / max(self.planes, 1)

    def step(self) -> None:
        """One more step is done."""
        self._ask()
        self._step = min(self._step + 1, self._steps)
        self._tell(0, 1)

    def tile(self, tile: int, tiles: int) -> None:
        """Within the step, so many tiles are done."""
        self._ask()
        if tiles > 1 and tile < tiles:
            self._tell(tile, tiles)

    def end(self) -> None:
        self._plane, self._together, self._step = self.planes, 0, 0
        self._tell(0, 1)

    def _ask(self) -> None:
        if self.should_stop():
            raise Cancelled

    def _tell(self, tile: int, tiles: int) -> None:
        now = RestoreProgress(self._plane, self.planes, self._step, self._steps, tile, tiles, self._together)
        self.on_progress(
            RestoreProgress(
                now.plane,
                now.planes,
                now.step,
                now.steps,
                tile,
                tiles,
                now.together,
                self._left(now.fraction),
            )
        )

    def _left(self, fraction: float) -> float | None:
        """Seconds to go at the pace so far; planes that an earlier run finished say nothing about it."""
        if self._start is None:
            return None
        began, first = self._start
        done, spent = fraction - first, time.monotonic() - began
        return None if done <= 0 or spent < 1 else (1 - fraction) / done * spent

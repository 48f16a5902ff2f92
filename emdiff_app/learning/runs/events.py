"""What happens in a run, one JSON object a line: the only source for plots, progress and remaining time.

A worker appends, anybody may follow: the window, the terminal, a colleague on a shared folder. A line is
complete when it ends in a newline; a half-written last line is left for the next look.
"""

import contextlib
import json
import os
import time
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

__all__ = [
    "Event",
    "EventFollower",
    "EventWriter",
    "Failed",
    "Finished",
    "Notice",
    "Paused",
    "Preview",
    "Progress",
    "Resumed",
    "Saved",
    "Scored",
    "Started",
    "Stopped",
]


class _Happening(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")  # a newer program may say more

    time: float = Field(default_factory=time.time, description="Seconds since 1970, by the worker's clock.")


class Started(_Happening):
    """The worker has understood its recipe and begins, or begins again after an interruption."""

    kind: Literal["started"] = "started"
    rounds: int
    device: str
    device_name: str = Field(default="", description="What the device calls itself.")
    processes: int = Field(default=1, description="So many work together.")
    images: int
    crops: int
    parameters: int
    resumed_from_round: int | None = None


class Progress(_Happening):
    """How far the run is. `loss` is there while the prior is trained."""

    kind: Literal["progress"] = "progress"
    round: int
    phase: Literal["start", "denoise", "e-step", "m-step", "score"]
    step: int
    steps: int
    loss: float | None = None
    memory_bytes: int | None = Field(
        default=None, description="What the worker holds: of the GPU where it uses one, else of the computer."
    )
    remaining_s: tuple[float, float] | None = Field(
        default=None, description="The time left, as a range from hopeful to careful."
    )


class Scored(_Happening):
    """How good the prior is after a round, on crops that it never learned from."""

    kind: Literal["scored"] = "scored"
    round: int
    held_out: float = Field(description="Log-likelihood per pixel of hidden data; higher is better.")
    chi2: float = Field(description="Mean square of the whitened residual of a sample; about 1 is right.")
    residuals: tuple[float, ...] = Field(default=(), description="Histogram of those residuals from -5 to 5.")
    best: bool = False


class Preview(_Happening):
    """Pictures of the same held-out crops after each round; `file` is relative to the run folder."""

    kind: Literal["preview"] = "preview"
    round: int
    file: str


class Saved(_Happening):
    """Everything up to here survives a power cut."""

    kind: Literal["saved"] = "saved"
    round: int
    file: str


class Notice(_Happening):
    """Something the user should know; the run goes on."""

    kind: Literal["notice"] = "notice"
    text: str


class Paused(_Happening):
    kind: Literal["paused"] = "paused"


class Resumed(_Happening):
    kind: Literal["resumed"] = "resumed"


class Stopped(_Happening):
    """The user asked it to stop, or its time was up; what was learned is kept, unless the disk refused it."""

    kind: Literal["stopped"] = "stopped"
    round: int
    prior: str | None = None  # none is written before the start has been judged
    unsaved: str = Field(default="", description="What could not be saved, in words; else nothing.")

    @property
    def words(self) -> str:
        """What became of the work."""
        return self.unsaved or "what was learned is kept."


class Finished(_Happening):
    kind: Literal["finished"] = "finished"
    round: int
    prior: str
    out_of_time: bool = False


class Failed(_Happening):
    """It cannot go on. `text` says what happened, what is kept and what to do."""

    kind: Literal["failed"] = "failed"
    text: str
    details: str = ""


Event = Annotated[
    Started | Progress | Scored | Preview | Saved | Notice | Paused | Resumed | Stopped | Finished | Failed,
    Field(discriminator="kind"),
]
_event: TypeAdapter[Any] = TypeAdapter(Event)

LONGEST_LINE = 1 << 20
MOST_WAITING = 100


class EventWriter:
    """Appends events to a file, each line in one write so that followers never see a torn one.

    What the disk does not take now is written later, in order; of a long wait, progress is left out.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._waiting: list[bytes] = []
        _end_torn_line(path)

    def write(self, event: _Happening) -> None:
        if self._waiting and isinstance(event, Progress) and len(self._waiting) > MOST_WAITING:
            return
        self._waiting.append(event.model_dump_json(exclude_none=True).encode() + b"\n")
        with contextlib.suppress(OSError):  # a full disk: who asks sees it from the file's silence
            self._append()

    def _append(self) -> None:
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            while self._waiting:
                written = os.write(descriptor, self._waiting[0])
                if written < len(self._waiting[0]):  # the disk is full in the middle of a line
                    self._waiting[0] = self._waiting[0][written:]
                    return
                del self._waiting[0]
        finally:
            os.close(descriptor)


class EventFollower:
    """Reads the events that have come since the last look."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._at = 0

    def read(self) -> list[Any]:
        """New events in order; lines that are no events (damaged, or from the future) are passed over."""
        try:
            with self.path.open("rb") as file:
                if file.seek(0, os.SEEK_END) < self._at:
                    self._at = 0  # the file was made anew
                file.seek(self._at)
                data = file.read()
        except OSError:
            return []  # not there yet, or a network folder that is away for a moment
        whole, newline, _ = data.rpartition(b"\n")
        self._at += len(whole) + len(newline)
        return [event for line in whole.splitlines() if (event := _parsed(line)) is not None]


def _parsed(line: bytes) -> Any:
    if len(line) > LONGEST_LINE:
        return None
    try:
        return _event.validate_python(json.loads(line))
    except (ValueError, ValidationError):
        return None


def _end_torn_line(path: Path) -> None:
    """After a crash the last line may be half there: end it, so that the next one stands alone."""
    try:
        with path.open("rb+") as file:
            if file.seek(0, os.SEEK_END) and file.seek(-1, os.SEEK_END) >= 0 and file.read(1) != b"\n":
                file.write(b"\n")
    except FileNotFoundError:
        pass

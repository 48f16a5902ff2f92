"""What a job may do next, and which buttons it offers: two tables, and nothing else decides."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["LEARN_BUTTONS", "NEXT", "RESTORE_BUTTONS", "Button", "JobState"]


class JobState(StrEnum):
    IDLE = "idle"
    PREPARING = "preparing"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPING = "stopping"
    STOPPED = "stopped"
    DONE = "done"
    FAILED = "failed"

    @property
    def ended(self) -> bool:
        """Nothing is at work any more."""
        return self in (JobState.STOPPED, JobState.DONE, JobState.FAILED)

    @property
    def busy(self) -> bool:
        return not self.ended and self is not JobState.IDLE


S = JobState

NEXT: Mapping[JobState, frozenset[JobState]] = {
    S.IDLE: frozenset({S.PREPARING}),
    S.PREPARING: frozenset({S.RUNNING, S.PAUSED, S.STOPPING, S.STOPPED, S.DONE, S.FAILED}),
    S.RUNNING: frozenset({S.PAUSED, S.STOPPING, S.STOPPED, S.DONE, S.FAILED}),
    S.PAUSED: frozenset({S.RUNNING, S.STOPPING, S.STOPPED, S.DONE, S.FAILED}),
    # A job may reach its end by itself while it is being stopped.
    S.STOPPING: frozenset({S.STOPPED, S.DONE, S.FAILED}),
    S.STOPPED: frozenset({S.PREPARING}),
    S.DONE: frozenset({S.PREPARING}),
    S.FAILED: frozenset({S.PREPARING}),
}
"""Where a state may lead. What is not here is ignored, so late news cannot wake a job that has ended."""


@dataclass(frozen=True)
class Button:
    text: str
    enabled: bool = True


def _learn(start: Button, pause: Button, stop: Button) -> Mapping[str, Button]:
    return {"start": start, "pause": pause, "stop": stop}


_OFF = False
LEARN_BUTTONS: Mapping[JobState, Mapping[str, Button]] = {
    S.IDLE: _learn(Button("Start learning"), Button("Pause", _OFF), Button("Stop and keep", _OFF)),
    S.PREPARING: _learn(Button("Start learning", _OFF), Button("Pause", _OFF), Button("Stop and keep")),
    S.RUNNING: _learn(Button("Start learning", _OFF), Button("Pause"), Button("Stop and keep")),
    S.PAUSED: _learn(Button("Start learning", _OFF), Button("Resume"), Button("Stop and keep")),
    S.STOPPING: _learn(Button("Start learning", _OFF), Button("Pause", _OFF), Button("Stop now")),
    S.STOPPED: _learn(Button("Start anew"), Button("Resume"), Button("Stop and keep", _OFF)),
    S.DONE: _learn(Button("Start anew"), Button("Pause", _OFF), Button("Stop and keep", _OFF)),
    S.FAILED: _learn(Button("Start anew"), Button("Resume"), Button("Stop and keep", _OFF)),
}
"""`pause` doubles as resume: of a paused worker, or of a run whose worker has gone."""

RESTORE_BUTTONS: Mapping[JobState, Mapping[str, Button]] = {
    state: {
        "start": Button("Restore", not state.busy),
        "stop": Button("Cancel", state.busy and state is not S.STOPPING),
    }
    for state in JobState
}

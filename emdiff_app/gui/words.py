"""The lines that say how far a job is."""

import time

from emdiff_app.learning.runs.story import PHASES, duration

from .jobs import CHECKING, LEARNING, JobState, LearningStatus, RestoringStatus

__all__ = ["ago", "duration", "learning_fraction", "learning_line", "restoring_line"]

PARTS = {"e-step": (0.0, 0.45), "m-step": (0.45, 0.95), "score": (0.95, 1.0)}
START = {
    "start": (0.0, 0.1),
    "denoise": (0.1, 0.4),
    "e-step": (0.4, 0.6),
    "m-step": (0.6, 0.95),
    "score": (0.95, 1.0),
}
"""From where to where a round is, or the start before the first one, in each of its phases: roughly."""

STATES = {
    JobState.IDLE: "",
    JobState.PREPARING: "Getting ready...",
    JobState.RUNNING: "Starting...",
    JobState.PAUSED: "Paused",
    JobState.STOPPING: "Stopping after this step...",
    JobState.STOPPED: "Stopped",
    JobState.DONE: "Done",
    JobState.FAILED: "Failed",
}


def learning_line(status: LearningStatus, now: float | None = None) -> str:
    """`Round 3/12, learning, step 840/2000, 40-50 min left, saved 2 min ago`."""
    word = STATES[status.state]
    if not status.rounds:
        return word
    parts = [] if status.state is JobState.RUNNING else [word.rstrip(".")]
    # Before the first round a start is made from the images as they are.
    parts.append(f"round {status.round}/{status.rounds}" if status.round else "making a start")
    if status.state.busy and status.phase:
        parts += [PHASES.get(status.phase, status.phase), f"step {status.step}/{status.steps}"]
    if status.state is JobState.RUNNING and status.remaining_s:
        parts.append(f"{duration(*status.remaining_s)} left")
    parts.append(ago(status.saved_at, now))
    line = ", ".join(part for part in parts if part)
    return line[:1].upper() + line[1:]


def learning_fraction(status: LearningStatus) -> float | None:
    """How far a run is, from 0 to 1; None before it has said so. The start counts as much as a round."""
    if not status.rounds or not status.steps:
        return None
    begins, ends = (PARTS if status.round else START).get(status.phase, (0.0, 0.0))
    within = begins + (ends - begins) * min(status.step / status.steps, 1.0)
    return min((status.round + within) / (status.rounds + 1), 1.0)


def restoring_line(status: RestoringStatus) -> str:
    """`Plane 3 of 12`, with the words of the state around it."""
    if status.state is JobState.RUNNING and status.counted == CHECKING:
        return "Checking some parts closely, to see whether to believe it..."
    if status.state is JobState.RUNNING and status.counted == LEARNING and status.progress:
        return f"Learning from the image first, {100 * status.progress.fraction:.0f} %"
    if status.state is JobState.RUNNING and status.progress:
        progress = status.progress
        line = (
            f"{status.counted.capitalize()} {min(progress.plane + 1, progress.planes)} of {progress.planes}"
        )
        left = progress.remaining_s
        return f"{line}, about {duration(0.8 * left, 1.3 * left)} left" if left else line
    if status.state is JobState.STOPPING:
        return "Cancelling after this step..."
    return STATES[status.state]


def ago(then: float | None, now: float | None = None) -> str:
    """When it was saved, for a person."""
    if then is None:
        return "nothing saved yet"
    seconds = max((time.time() if now is None else now) - then, 0)
    if seconds < 60:
        return "saved just now"
    return f"saved {int(seconds // 60)} min ago" if seconds < 5400 else f"saved {seconds / 3600:.1f} h ago"

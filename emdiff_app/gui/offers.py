"""What can be done about what went wrong: the buttons under a message."""

from pathlib import Path

from emdiff_app.errors import EMDiffError
from emdiff_app.learning import RunFolder

from .host import Offer
from .jobs import LearningStatus

__all__ = ["ELSEWHERE", "about_failure", "about_notice", "about_verdict"]

MEMORY = ("out of memory", "memory ran out", "ran out of memory")
FULL = ("disk is full", "no space left", "quota exceeded", "choose another folder")
"""How the engine and the systems say that a disk takes no more."""
ELSEWHERE = Offer("Choose another folder...", "move_run")
MORE_CLEAN = ("lean or sharper images", "cannot be learned from them")


def about_failure(status: LearningStatus) -> tuple[Offer, ...]:
    """A run that failed goes on from its last save, with less memory or on another disk where that was the reason."""
    if status.run is None:
        return ()
    elsewhere = (ELSEWHERE,) if _says(FULL, status.failure) and _is_whole(status.run) else ()
    if not status.saved_at:
        return elsewhere
    less = _less_memory(status) if _says(MEMORY, status.failure) else ()
    return (*elsewhere, *less, Offer("Resume", "resume"))


def _says(words: tuple[str, ...], text: str) -> bool:
    return any(word in text.lower() for word in words)


def _is_whole(run: Path) -> bool:
    """Whether a worker could begin: a disk may have been full before the images of a run were written."""
    try:
        return all(Path(name).exists() for name in RunFolder.open(run).recipe.stacks)
    except (EMDiffError, OSError):
        return False


def _less_memory(status: LearningStatus) -> tuple[Offer, ...]:
    assert status.run is not None
    try:
        batch = RunFolder.open(status.run).recipe.batch
    except EMDiffError:
        return ()
    offers = []
    if batch > 1:
        words = f"Continue with batch {batch // 2} (was {batch})"
        offers.append(Offer(words, "resume_with", ({"batch": batch // 2},)))
    if not status.device.startswith("cpu"):
        offers.append(Offer("Use CPU (much slower)", "resume_with", ({"device": "cpu"},)))
    return tuple(offers)


def about_notice(text: str) -> tuple[Offer, ...]:
    if _says(FULL, text):
        return (ELSEWHERE,)
    return (Offer("Add clean images...", "add_clean"),) if _says(MORE_CLEAN, text) else ()


def about_verdict(text: str) -> tuple[Offer, ...]:
    doubted = "noise is under-estimated" in text or "noise is probably under-estimated" in text
    return (Offer("Estimate the noise again", "estimate"),) if doubted else ()

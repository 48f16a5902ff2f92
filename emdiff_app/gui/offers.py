"""What can be done about what went wrong: the buttons under a message."""

from emdiff_app.errors import EMDiffError
from emdiff_app.learning import RunFolder

from .host import Offer
from .jobs import LearningStatus

__all__ = ["about_failure", "about_notice", "about_verdict"]

MEMORY = ("out of memory", "memory ran out", "ran out of memory")
MORE_CLEAN = ("lean or sharper images", "cannot be learned from them")


def about_failure(status: LearningStatus) -> tuple[Offer, ...]:
    """A run that failed goes on from its last save, asking for less memory where that was the reason."""
    if status.run is None or not status.saved_at:
        return ()
    short = any(words in status.failure.lower() for words in MEMORY)
    less = _less_memory(status) if short else ()
    return (*less, Offer("Resume", "resume"))


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
    lost = any(words in text for words in MORE_CLEAN)
    return (Offer("Add clean images...", "add_clean"),) if lost else ()


def about_verdict(text: str) -> tuple[Offer, ...]:
    doubted = "noise is under-estimated" in text or "noise is probably under-estimated" in text
    return (Offer("Estimate the noise again", "estimate"),) if doubted else ()

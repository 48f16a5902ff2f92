"""Short work off the window's thread: open a file, estimate the noise, write a result."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from emdiff_app.errors import EMDiffError

from .mailbox import Mailbox

__all__ = ["Outcome", "Tasks", "sentence_of"]

T = TypeVar("T")


@dataclass(frozen=True)
class Outcome(Generic[T]):
    """What came of a task: its value, or the sentence to show."""

    done: Callable[[T], None]
    failed: Callable[[str], None]
    value: T | None = None
    failure: str | None = None

    def deliver(self) -> None:
        """Hand it over; called on the window's thread."""
        if self.failure is None:
            self.done(self.value)  # type: ignore[arg-type]
        else:
            self.failed(self.failure)


class Tasks:
    """Runs functions in threads and posts their outcomes."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox
        self._started = 0
        self._threads: list[threading.Thread] = []

    def run(self, work: Callable[[], T], done: Callable[[T], None], failed: Callable[[str], None]) -> None:
        self._started += 1
        topic = f"task {self._started}"

        def body() -> None:
            try:
                outcome = Outcome(done, failed, value=work())
            except Exception as error:
                outcome = Outcome(done, failed, failure=sentence_of(error))
            self._mailbox.post(topic, outcome)

        self._threads = [t for t in self._threads if t.is_alive()]
        thread = threading.Thread(target=body, name=f"emdiff {topic}", daemon=True)
        self._threads.append(thread)
        thread.start()

    @property
    def busy(self) -> bool:
        return any(t.is_alive() for t in self._threads)


def sentence_of(error: BaseException) -> str:
    """The sentence for a user: our own errors speak for themselves."""
    if isinstance(error, EMDiffError):
        return str(error)
    if isinstance(error, MemoryError):
        return "The computer ran out of memory; nothing of yours is lost. Choose a smaller part of the image."
    return (
        f"This failed in a way it should not have ({type(error).__name__}: {error}); your images are "
        "untouched. Please report it."
    )

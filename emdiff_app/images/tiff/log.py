"""What tifffile would log becomes a list of sentences; nothing of it is printed."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["collected_messages", "worth_saying"]

_COLLECTING: ContextVar[list[str] | None] = ContextVar("tifffile messages", default=None)

# What tifffile reports and the user should know, in our words. Damaged directories, missing planes and empty
# tiles are not here: our own checks find them and say more.
_WORTH_SAYING = {
    "shaped series": "The description of the stack in the file does not fit its pages; they were taken as they stand.",
    "ImageJ series": "The ImageJ description of the file does not fit its pages; they were taken as they stand.",
    "MMStack series is missing files": "Other files of this Micro-Manager stack are missing; what is here was opened.",
    "LSM file incompletely written": "The recording of this LSM file was not finished; later planes may be missing.",
    "invalid data type": "Some tags of the file are damaged and were left out.",
}


def _keep(record: logging.LogRecord) -> bool:
    """Catch the record where someone collects; everybody else's logging stays as it was."""
    messages = _COLLECTING.get()
    if messages is None:
        return True
    if record.levelno >= logging.WARNING:
        messages.append(record.getMessage())
    return False


@contextmanager
def collected_messages() -> Iterator[list[str]]:
    """Collect what tifffile reports in this thread while the block runs."""
    logger = logging.getLogger("tifffile")
    if _keep not in logger.filters:
        logger.addFilter(_keep)
    messages: list[str] = []
    token = _COLLECTING.set(messages)
    try:
        yield messages
    finally:
        _COLLECTING.reset(token)


def worth_saying(messages: list[str]) -> list[str]:
    """Sentences for the user, each once."""
    return [
        sentence for sign, sentence in _WORTH_SAYING.items() if any(sign in message for message in messages)
    ]

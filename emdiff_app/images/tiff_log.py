"""What tifffile would log becomes a list of sentences; nothing of it is printed."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["collected_messages"]

_COLLECTING: ContextVar[list[str] | None] = ContextVar("tifffile messages", default=None)


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

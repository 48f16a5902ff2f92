"""Mistakes of ours inside the window: said in it, not only in a terminal that nobody sees."""

import traceback
from collections.abc import Callable
from types import TracebackType

from emdiff_app.gui import Session
from emdiff_app.gui.jobs import sentence_of

__all__ = ["Mishaps"]

Hook = Callable[[type[BaseException], BaseException, TracebackType | None], object]


class Mishaps:
    """An exception hook that tells the session and then does what was done before."""

    def __init__(self, session: Session, before: Hook) -> None:
        self._session = session
        self._before = before

    def __call__(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        self._before(kind, error, trace)
        if isinstance(error, Exception):
            details = "".join(traceback.format_exception(kind, error, trace))
            self._session.tell(sentence_of(error), "error", details)

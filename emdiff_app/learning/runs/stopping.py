"""Ctrl-C and a polite kill, as wishes to stop and keep."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["asked_to_stop"]


@contextmanager
def asked_to_stop(wish: Callable[[bool], None], *, patient: bool = False) -> Iterator[None]:
    """Within it, they call `wish`, which is told whether it was Ctrl-C; a second one ends the program at once.

    That is, unless it is `patient`, since another program passes on what it hears and ends this one in time.
    """

    def heard(number: int, _: Any) -> None:
        if not patient:
            for known in before:
                signal.signal(known, before[known])
        wish(number == signal.SIGINT)

    signals = [signal.SIGINT, signal.SIGTERM]
    before = {known: signal.getsignal(known) for known in signals}
    for known in signals:
        signal.signal(known, heard)
    try:
        yield
    finally:
        for known in signals:
            signal.signal(known, before[known])

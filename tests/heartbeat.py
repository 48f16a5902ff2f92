"""How alive a window is: the gaps between the beats of a 10 ms timer, without what other programs took.

Linux says for each thread how long it was ready to run and another ran (the second number of its `schedstat`). A busy
machine lengthens that and nothing else, so it is taken off; on an idle one there is nothing to take off. Elsewhere
gaps are what the clock says.
"""

import threading
import time

from qtpy.QtCore import QObject, Qt, QTimer

from emdiff_app.app.opening import kept_waiting_s

EVERY_MS = 10


def kept_waiting() -> float:
    """How long the threads of this process have waited for a processor, all together."""
    return sum(kept_waiting_s(thread.native_id) for thread in threading.enumerate())


class Heartbeat(QObject):
    """Beats from `start` to `stop`; `gaps` in seconds."""

    def __init__(self) -> None:
        super().__init__()
        self.gaps: list[float] = []
        self._last = self._waited = 0.0
        self._timer = QTimer(self, interval=EVERY_MS, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)

    def start(self) -> None:
        self.gaps.clear()
        self._last, self._waited = time.monotonic(), kept_waiting()
        self._timer.start()

    def stop(self) -> None:
        self._timer.stop()

    def _beat(self) -> None:
        now, waited = time.monotonic(), kept_waiting()
        # A thread that has ended takes its sum along: then nothing is taken off.
        self.gaps.append(now - self._last - max(waited - self._waited, 0.0))
        self._last, self._waited = time.monotonic(), waited

    @property
    def p95(self) -> float:
        return sorted(self.gaps)[int(0.95 * len(self.gaps))]

    @property
    def longest(self) -> float:
        return max(self.gaps)

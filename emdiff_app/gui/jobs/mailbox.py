"""How threads talk to the window: the latest value of each topic, never a queue that could fill or block."""

import threading
from typing import Any

__all__ = ["Mailbox"]


class Mailbox:
    """Threads `post`, the window `collect`s. A value that was not collected yet is replaced by a newer one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: dict[str, Any] = {}

    def post(self, topic: str, value: Any) -> None:
        with self._lock:
            self._values.pop(topic, None)  # the newest post comes last
            self._values[topic] = value

    def collect(self) -> dict[str, Any]:
        """Everything posted since the last look, oldest first."""
        with self._lock:
            values, self._values = self._values, {}
        return values

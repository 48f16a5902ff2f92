"""How long a run will still take, from how long its parts have taken so far."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

__all__ = ["Clock"]

SLEPT = 20.0
SLEPT_S = 60.0
"""A step that took so many times as long as usual, and more than a minute, was not work: the computer slept."""


@dataclass
class Clock:
    """Counts steps of each phase; `planned` says how many of each the whole run has.

    A phase that has not run yet is guessed from the others by its number of network passes, `weight`.
    """

    planned: dict[str, int]
    weight: dict[str, float]
    now: Callable[[], float] = time.monotonic
    done: dict[str, int] = field(default_factory=dict)
    known: dict[str, int] = field(default_factory=dict)
    spent: dict[str, float] = field(default_factory=dict)
    _last: float = 0.0

    def __post_init__(self) -> None:
        self._last = self.now()

    def tick(self, phase: str) -> float:
        """One more step of `phase` is finished; returns the time by the same clock."""
        now = self.now()
        took = max(now - self._last, 0.0)
        self._last = now
        count, spent = self.known.get(phase, 0), self.spent.get(phase, 0.0)
        if count >= 3 and took > max(SLEPT * spent / count, SLEPT_S):
            took = spent / count
        self.done[phase] = self.done.get(phase, 0) + 1
        self.known[phase], self.spent[phase] = count + 1, spent + took
        return now

    def wait(self) -> None:
        """Time that passed until now was not work."""
        self._last = self.now()

    def remaining_s(self) -> tuple[float, float] | None:
        """Hopeful and careful seconds, or nothing while too little is known."""
        work = sum(self.known[p] * self.weight[p] for p in self.known)
        if sum(self.known.values()) < 5 or work <= 0:
            return None
        pace = sum(self.spent.values()) / work
        total = 0.0
        for phase, planned in self.planned.items():
            known = self.known.get(phase, 0)
            each = self.spent[phase] / known if known >= 3 else pace * self.weight[phase]
            total += max(planned - self.done.get(phase, 0), 0) * each
        return 0.85 * total, 1.3 * total

"""How long a run will still take, from how long its parts have taken so far."""

import time
from dataclasses import dataclass, field

__all__ = ["Clock"]


@dataclass
class Clock:
    """Counts steps of each phase; `planned` says how many of each the whole run has.

    A phase that has not run yet is guessed from the others by its number of network passes, `weight`.
    """

    planned: dict[str, int]
    weight: dict[str, float]
    done: dict[str, int] = field(default_factory=dict)
    spent: dict[str, float] = field(default_factory=dict)
    _last: float = field(default_factory=time.monotonic)

    def tick(self, phase: str) -> float:
        """One more step of `phase` is finished; returns the time by the same clock."""
        now = time.monotonic()
        self.done[phase] = self.done.get(phase, 0) + 1
        self.spent[phase] = self.spent.get(phase, 0.0) + now - self._last
        self._last = now
        return now

    def wait(self) -> None:
        """Time that passed until now was not work."""
        self._last = time.monotonic()

    def remaining_s(self) -> tuple[float, float] | None:
        """Hopeful and careful seconds, or nothing while too little is known."""
        work = sum(self.done[p] * self.weight[p] for p in self.done)
        if sum(self.done.values()) < 5 or work <= 0:
            return None
        pace = sum(self.spent.values()) / work
        total = 0.0
        for phase, planned in self.planned.items():
            done = self.done.get(phase, 0)
            each = self.spent[phase] / done if done >= 3 else pace * self.weight[phase]
            total += max(planned - done, 0) * each
        return 0.85 * total, 1.3 * total

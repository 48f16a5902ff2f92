"""News from the threads: what they mean for the window, and what it offers to do about them."""

import time

from emdiff_app.gui.host import Offer
from emdiff_app.gui.jobs import JobState, LearningStatus, Outcome, RestoringStatus
from emdiff_app.gui.offers import about_failure, about_notice, about_verdict
from emdiff_app.gui.restoration import Restored

from .state import State

__all__ = ["News"]


EVERY_S = 0.25


class News(State):
    def __post_init__(self) -> None:
        super().__post_init__()
        self._held: LearningStatus | None = None
        self._told = 0.0

    def poll(self) -> None:
        """Take in what the threads have posted; called ten times a second on the window's thread."""
        for topic, value in self.mailbox.collect().items():
            if topic == "learning":
                self._held = value
            elif topic == "restoring":
                self._restoring_news(value)
            elif isinstance(value, Outcome):
                value.deliver()
        self._tell_of_learning()
        if self.working and not self.tasks.busy:
            self.working = ""

    def _tell_of_learning(self) -> None:
        """At once what changes the buttons or is to be seen; that it goes on, some times a second."""
        status, before, now = self._held, self.learning, time.monotonic()
        if status is None:
            return
        same = (status.state, status.scores, status.previews) == (
            before.state,
            before.scores,
            before.previews,
        )
        if not same or status.notice != before.notice or now - self._told >= EVERY_S:
            self._held, self._told = None, now
            self._learning_news(status)

    def _learning_news(self, status: LearningStatus) -> None:
        before, self.learning = self.learning, status
        waiting = self._take_prior(status)
        news = (before.state, before.attempt) != (status.state, status.attempt)
        if status.state is JobState.FAILED and news:
            self.tell(status.failure, "error", status.details, (*about_failure(status), *waiting))
        elif waiting and news:
            assert status.run is not None
            assert self.prior is not None
            self.tell(
                f"The prior of {status.run.name} is there. Restore goes on using {self.prior.name}, which you have "
                "chosen.",
                offers=waiting,
            )
        elif status.notice and status.notice != before.notice:
            self.tell(status.notice, "warning", offers=about_notice(status.notice))

    def _take_prior(self, status: LearningStatus) -> tuple[Offer, ...]:
        """Use what the run has learned, but never in the place of what the user has chosen: then offer it."""
        if status.prior is None or status.prior == self.prior or status.run is None:
            return ()
        chosen = self.prior is not None and self.prior != self.learned
        if not chosen and (status.state.ended or self.prior is None):
            self.prior = self.learned = status.prior
        return (Offer("Use it", "use_prior", (status.prior,)),) if chosen and status.state.ended else ()

    def _restoring_news(self, status: RestoringStatus) -> None:
        before, self.restoring = self.restoring, status
        for part in status.parts:
            if part not in self.shown:
                self.shown[part] = self.host.add_result(part)
        if status.state is JobState.DONE:
            self._end_restored(status.result)
        elif status.failure:
            self._end_unfinished(status)
        elif _planes(status) > _planes(before):
            for key in self.shown.values():
                self.host.renew_result(key)

    def _end_restored(self, done: Restored) -> None:
        self.unsaved |= set(self.shown.values())
        for part, key in self.shown.items():
            self.host.renew_result(key, whole=True)
            if part.kind == "restored":
                self.restored = {**self.restored, part.of: part.stack}
        self.restored_words = done if done.judged else None
        self.tell(done.verdict, "warning" if done.rejected else "info", offers=about_verdict(done.verdict))

    def _end_unfinished(self, status: RestoringStatus) -> None:
        """Planes that are finished stay; a result without one goes."""
        planes, text = _planes(status), status.failure
        if planes:
            self.unsaved |= set(self.shown.values())
        for key in self.shown.values():
            if planes:
                self.host.renew_result(key, whole=True)
            else:
                self.host.remove_result(key)
        if planes and self.shown and status.progress:
            text += (
                f" The {planes} of {status.progress.planes} planes that are finished stay in their layers."
            )
        self.tell(text, "error" if status.state is JobState.FAILED else "info")


def _planes(status: RestoringStatus) -> int:
    """How many planes are finished."""
    return status.progress.plane if status.progress else 0

"""News from the threads: what they mean for the window, and what it offers to do about them."""

from emdiff_app.gui.host import Offer
from emdiff_app.gui.jobs import JobState, LearningStatus, Outcome, RestoringStatus
from emdiff_app.gui.restoration import Restored

from .state import State

__all__ = ["News"]


class News(State):
    def poll(self) -> None:
        """Take in what the threads have posted; called ten times a second on the window's thread."""
        for topic, value in self.mailbox.collect().items():
            if topic == "learning":
                self._learning_news(value)
            elif topic == "restoring":
                self._restoring_news(value)
            elif isinstance(value, Outcome):
                value.deliver()
        if self.working and not self.tasks.busy:
            self.working = ""

    def _learning_news(self, status: LearningStatus) -> None:
        before, self.learning = self.learning, status
        if status.prior and (status.state.ended or not self.prior):
            self.prior = status.prior
        if status.state is JobState.FAILED and before.state is not JobState.FAILED:
            offers = (Offer("Resume", "resume"),) if status.saved_at else ()
            self.tell(status.failure, "error", status.details, offers)
        elif status.notice and status.notice != before.notice:
            self.tell(status.notice, "warning")

    def _restoring_news(self, status: RestoringStatus) -> None:
        self.restoring = status
        if status.state is JobState.DONE:
            self._show_restored(status.result)
        elif status.failure:
            self.tell(status.failure, "error" if status.state is JobState.FAILED else "info")

    def _show_restored(self, restored: Restored) -> None:
        for result in restored.results:
            self.host.add_result(result)
            if result.kind == "restored":
                self.restored = {**self.restored, result.of: result.stack}
        if restored.sentences:
            self.tell(" ".join(restored.sentences))

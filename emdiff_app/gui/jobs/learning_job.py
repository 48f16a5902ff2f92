"""Learning: a thread that supervises the worker process of a run and follows its events."""

import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

from emdiff_app.learning import EventFollower, RunFolder

from .history import History, LearningStatus
from .mailbox import Mailbox
from .states import JobState
from .task import sentence_of
from .worker import WorkerCommand, exit_words, last_words, start_worker, worker_command

__all__ = ["LearningJob"]

LOOK_EVERY_S = 0.05
LEAVE_S = 10.0  # how long a worker may take to leave after its last event
END_S = 60.0  # how long it may take to end when its run is to be moved
NOT_OURS = (
    "This window did not start the worker of this run, so it cannot end it at once. The worker was asked to stop; "
    "it does so at its next step, and all is kept."
)

Mover = Callable[[RunFolder, Callable[[], bool]], RunFolder | None]
"""Takes a run elsewhere as long as the function says so; None if it was called off."""


class LearningJob:
    """One run at a time. Every method returns at once; what happens is posted as `learning`."""

    def __init__(self, mailbox: Mailbox, command: WorkerCommand = worker_command) -> None:
        self._mailbox = mailbox
        self._command = command
        self._thread: threading.Thread | None = None
        self._history: History | None = None
        self._attempts = 0
        self._own = False
        self._run: RunFolder | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._stop = threading.Event()
        self._kill = threading.Event()
        self._leave = threading.Event()
        self._mover: Mover | None = None

    @property
    def folder(self) -> Path | None:
        """Where the run is now."""
        return self._history.run if self._history else None

    @property
    def alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    @property
    def own(self) -> bool:
        """Whether the worker is one that this window started, or is about to start."""
        return self._own

    def start(self, prepare: Callable[[], RunFolder], folder: Path) -> None:
        """Make the run in the background, then let a worker learn."""
        self._begin(History(folder), lambda: self._learn(prepare))

    def resume(self, run: RunFolder) -> None:
        """Let a new worker go on with a run from its last save."""
        self._begin(self._replayed(run), lambda: self._learn(lambda: run))

    def follow(self, run: RunFolder) -> None:
        """Show a run that was started elsewhere; if somebody works on it, keep following."""
        self._begin(History(run.path), lambda: self._watch(run), own=False)

    def pause(self) -> None:
        if self._run:
            self._run.ask("pause")

    def unpause(self) -> None:
        if self._run:
            self._run.ask("resume")

    def stop(self) -> None:
        """Stop and keep; asked twice, end the worker at once and keep the last save."""
        if self._stop.is_set():
            self._kill.set()
        self._stop.set()

    def move(self, run: RunFolder, mover: Mover) -> None:
        """End the worker, if one is at work, let `mover` take the run elsewhere, and go on with it there.

        `stop` and `leave` call it off as long as the run is where it was.
        """
        if self.alive and not self._known().state.ended:
            self._stop.clear()
            self._mover = mover
        else:
            self._begin(self._replayed(run), lambda: self._move_on(run, mover))

    def leave(self) -> None:
        """Stop looking, and let the worker go on without a window unless it was to stop."""
        self._leave.set()
        self.join()

    def join(self, timeout: float | None = 5.0) -> None:
        if self._thread is not None:
            self._thread.join(timeout)

    # in the thread ---------------------------------------------------------------------------

    def _begin(self, history: History, work: Callable[[], None], *, own: bool = True) -> None:
        if self._history is None or self._history.state.ended:
            if not self._own:
                self._leave.set()
            self.join(1.0)  # its last news is out, so it is about to leave
        if self.alive:
            return
        self._attempts += 1
        history.attempt = self._attempts
        self._history, self._run, self._process, self._mover = history, None, None, None
        self._own = own
        for flag in (self._stop, self._kill, self._leave):
            flag.clear()
        self._post(history.status())

        def body() -> None:
            self._guarded(work)
            mover, over = self._mover, self._known().state is JobState.DONE
            if mover and not (over or self._stop.is_set() or self._leave.is_set()):
                self._guarded(lambda: self._move_on(RunFolder(history.run), mover))
            self._post(self._known().status())

        self._thread = threading.Thread(target=body, name="emdiff learning", daemon=True)
        self._thread.start()

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:
            history = self._known()
            history.fail(sentence_of(error), last_words(history.run))

    def _move_on(self, run: RunFolder, mover: Mover) -> None:
        self._mover = None
        self._known().begin_again()
        self._post(self._known().status())
        moved = mover(run, lambda: not (self._stop.is_set() or self._leave.is_set()))
        if moved is not None:
            history = self._replayed(moved)
            history.attempt, history.notice = self._attempts, ""
            self._history = history
        self._learn(lambda: moved or run)

    def _replayed(self, run: RunFolder) -> History:
        history = History(run.path)
        for event in run.follower().read():
            history.take(event)
        history.begin_again()
        return history

    def _learn(self, prepare: Callable[[], RunFolder]) -> None:
        history = self._known()
        run = prepare()
        if self._stop.is_set():
            history.move(JobState.STOPPED)
            return
        follower = run.follower()
        follower.read()  # what a resumed run has said before is known
        self._own = True
        self._run, self._process = run, start_worker(run, self._command)
        self._supervise(follower)

    def _supervise(self, follower: EventFollower) -> None:
        history, process = self._known(), self._process
        assert process is not None
        asked = False
        unwanted_at: float | None = None
        ended_at: float | None = None
        while not self._may_leave(asked):
            gone = process.poll() is not None  # asked before reading, so that no last event is missed
            self._read(follower)
            if gone:
                break
            now = time.monotonic()
            if self._unwanted:
                unwanted_at = unwanted_at or now
                asked = asked or self._ask_to_stop()
            ended_at = (ended_at or now) if history.state.ended else None
            deaf = self._mover and unwanted_at and now - unwanted_at > END_S
            if self._kill.is_set() or deaf or (ended_at and now - ended_at > LEAVE_S):
                process.kill()
            time.sleep(LOOK_EVERY_S)
        if not self._leave.is_set() and not history.state.ended:
            self._explain_end(process.wait())

    def _explain_end(self, code: int) -> None:
        history = self._known()
        if self._kill.is_set():
            history.prior = history.run / "prior.emprior" if history.saved_at else None
            history.move(JobState.STOPPED)
            return
        history.fail(
            f"The learning process {exit_words(code)}. {history.saved_words()} "
            "Press Resume to go on from there.",
            last_words(history.run),
        )

    def _watch(self, run: RunFolder) -> None:
        history, follower = self._known(), run.follower()
        self._run, asked = run, False
        while not self._may_leave(asked):
            at_work = run.shows_life()  # asked before reading, so that no last event is missed
            self._read(follower)
            if not at_work:
                # Else what has ended is being taken up again, or its worker is about to leave.
                history.fail(
                    f"Nobody is working on this run. {history.saved_words()} Press Resume to go on from there."
                )
                return
            if self._kill.is_set() and history.notice != NOT_OURS:
                history.notice = NOT_OURS
                self._post(history.status())
            if self._unwanted and not history.state.ended:
                asked = asked or self._ask_to_stop()
            time.sleep(LOOK_EVERY_S)

    def _may_leave(self, asked: bool) -> bool:
        """A window that goes does not look on, but first a worker hears that it is to stop, or is ended."""
        ending = self._own and self._kill.is_set()
        return self._leave.is_set() and not ending and (asked or not self._stop.is_set())

    @property
    def _unwanted(self) -> bool:
        return self._stop.is_set() or self._mover is not None

    def _ask_to_stop(self) -> bool:
        """Whether it could be asked: a disk that is full may refuse even that, and then it is tried again."""
        history = self._known()
        if history.state is not JobState.STOPPING:
            history.move(JobState.STOPPING)
            self._post(history.status())
        try:
            if self._run:
                self._run.ask("stop")
        except OSError:
            return False
        return True

    def _read(self, follower: EventFollower) -> None:
        history = self._known()
        news = follower.read()
        for event in news:
            history.take(event)
        # The end is told when the worker has gone and its memory is free, not before.
        if news and not history.state.ended:
            self._post(history.status())

    def _known(self) -> History:
        assert self._history is not None
        return self._history

    def _post(self, status: LearningStatus) -> None:
        self._mailbox.post("learning", status)

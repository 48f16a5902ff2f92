"""A window that closes: what is asked, and what becomes of the run."""

import subprocess
import time

import fake_worker
import pytest

from emdiff_app.gui.jobs import JobState
from emdiff_app.gui.leaving import Leaving, part_from, wind_up
from emdiff_app.gui.model_form import ModelForm, Noise
from emdiff_app.gui.runs import Choices, make_run
from emdiff_app.gui.unfinished import find_unfinished
from emdiff_app.learning import RunFolder


class Answers:
    """Answers one question after the other and keeps what was asked."""

    def __init__(self, *answers):
        self.answers, self.questions = list(answers), []

    def __call__(self, parent, question):
        self.questions.append(question)
        return self.answers.pop(0)


@pytest.fixture
def learned(session, host, until):
    """A run of this window, at work."""

    def go(mode="slow"):
        host.add()
        session.form = ModelForm(Noise(0, 1, 1))
        session.learning_job._command = fake_worker.command(mode)
        session.learn()
        until(lambda: session.learning.saved_at is not None)
        return session.learning.run, session.learning_job._process

    return go


@pytest.fixture
def anothers(session, host, until):
    """A run that another process works on, opened in this window, and that process."""
    host.add()
    model = ModelForm(Noise(0, 1, 1)).imaging_model()
    run = make_run(session.runs_folder / "theirs", host.refs, model, Choices("quick"))
    with subprocess.Popen(fake_worker.command("slow")(run.path)) as process:
        until(lambda: (run.path / "prior.emprior").exists())
        session.open_run(run.path)
        until(lambda: session.learning.saved_at is not None)
        yield run.path, process
        process.kill()


def test_discarding_is_asked_twice_and_until_then_nothing_is_done(session, learned):
    run, process = learned()
    ask = Answers(Leaving.DISCARD, Leaving.CANCEL)
    assert part_from(session, ask, None) is Leaving.CANCEL
    assert run.name in ask.questions[1].text
    assert "cannot be brought back" in ask.questions[1].more
    assert part_from(session, Answers(Leaving.DISCARD, Leaving.DISCARD), None) is Leaving.DISCARD
    time.sleep(0.2)
    assert process.poll() is None  # the window may still stay
    assert session.learning.state is JobState.RUNNING
    wind_up(session, Leaving.DISCARD)
    assert process.wait(10) != 0


def test_a_run_of_another_process_cannot_be_discarded_on_leaving(session, anothers):
    run, process = anothers
    ask = Answers(Leaving.KEEP_LEARNING)
    assert part_from(session, ask, None) is Leaving.KEEP_LEARNING
    assert Leaving.DISCARD not in ask.questions[0].answers.values()
    wind_up(session, Leaving.DISCARD)
    time.sleep(0.3)
    assert (run / "recipe.json").exists()
    assert process.poll() is None


def test_a_run_of_another_process_is_paused_on_leaving_where_that_is_wanted(session, anothers):
    run, process = anothers
    wind_up(session, Leaving.STOP)
    assert process.wait(10) == 0
    assert find_unfinished(session.runs_folder).path == run


def test_a_worker_of_another_process_is_not_said_to_be_gone_when_it_is_to_stop_at_once(
    session, anothers, until
):
    session.learning_job.stop()
    session.learning_job.stop()
    until(lambda: session.message is not None)
    assert "did not start the worker" in session.message.text
    until(lambda: session.learning.state is JobState.STOPPED)


def test_the_window_does_not_wait_for_a_worker_that_takes_its_time(session, learned):
    run, process = learned("deaf")
    began = time.monotonic()
    wind_up(session, Leaving.STOP)
    assert time.monotonic() - began < 4
    assert (run / "control" / "stop").exists()  # it stops when it comes to it
    assert process.poll() is None
    process.kill()
    process.wait()


def test_a_run_that_another_worker_has_taken_up_meanwhile_is_not_deleted(session, learned, until):
    run, _ = learned()
    session.stop_learning()
    until(lambda: session.learning.state is JobState.STOPPED)
    RunFolder.open(run).clear_requests()
    with subprocess.Popen(fake_worker.command("slow")(run)) as other:
        until(lambda: (run / "lock").stat().st_size > 0)
        wind_up(session, Leaving.DISCARD)
        time.sleep(0.3)
        assert (run / "recipe.json").exists()
        assert other.poll() is None
        other.kill()

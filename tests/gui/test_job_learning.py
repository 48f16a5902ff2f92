"""Learning as the window sees it, against a worker that behaves and several that do not."""

import os
import signal
import subprocess

import fake_worker
import pytest

from emdiff_app.gui.jobs import JobState, LearningJob, Mailbox
from emdiff_app.gui.model_form import ModelForm, Noise
from emdiff_app.learning import RunFolder

S = JobState


@pytest.fixture
def learn(session, host):
    """Start learning with a worker of the given mode."""
    host.add()
    session.form = ModelForm(Noise(0, 1, 2))

    def start(mode):
        session.learning_job._command = fake_worker.command(mode)
        session.learn()

    return start


def test_a_run_goes_to_its_end_and_brings_a_prior(session, learn, until):
    states = []
    session.events.learning.connect(lambda status: states.append(status.state))
    learn("finish")
    until(lambda: session.learning.state is S.DONE)
    status = session.learning
    assert [s for i, s in enumerate(states) if s not in states[:i]] == [S.PREPARING, S.RUNNING, S.DONE]
    assert len(status.loss_x) == fake_worker.ROUNDS * fake_worker.STEPS
    assert [score.round for score in status.scores] == [1, 2]
    assert [number for number, _ in status.previews] == [1, 2]
    assert session.prior == status.run / "prior.emprior"


def test_images_that_are_no_files_are_written_into_the_run_with_their_pixel_size(session, learn, until):
    from emdiff_app.images import open_stack

    learn("finish")
    until(lambda: session.learning.state is S.DONE)
    (path,) = RunFolder.open(session.learning.run).recipe.stacks
    with open_stack(path) as written:
        assert written.pixel_size["X"].value == pytest.approx(0.1)
        assert (written.numpy() == session.images[0].stack.numpy()).all()


def test_pause_and_resume(session, learn, until):
    learn("slow")
    until(lambda: session.learning.state is S.RUNNING)
    session.pause()
    until(lambda: session.learning.state is S.PAUSED)
    session.pause()
    until(lambda: session.learning.state is S.RUNNING)


def test_stop_takes_effect_and_keeps_the_prior(session, learn, until):
    learn("slow")
    until(lambda: len(session.learning.loss_x) > 2)
    session.stop_learning()
    until(lambda: session.learning.state is S.STOPPED, seconds=2)
    assert session.prior.is_file()
    assert session.learning_job._process.poll() == 0  # gone, and its memory with it


def test_learning_can_start_again_as_soon_as_the_window_says_it_has_stopped(session, learn, until):
    learn("slow")
    until(lambda: session.learning.state is S.RUNNING)
    session.stop_learning()
    until(lambda: session.learning.state is S.STOPPED)
    session.resume()
    until(lambda: session.learning.state is S.RUNNING)


def test_a_worker_that_ignores_stop_is_ended_when_asked_again(session, learn, until):
    learn("deaf")
    until(lambda: session.learning.state is S.RUNNING)
    session.stop_learning()
    until(lambda: session.learning.state is S.STOPPING)
    session.stop_learning()
    until(lambda: session.learning.state is S.STOPPED, seconds=2)


def test_a_prior_that_the_user_chose_is_not_swapped_for_that_of_a_run(session, learn, until, tmp_path):
    chosen = tmp_path / "B.emprior"
    learn("slow")
    until(lambda: session.prior is not None)
    assert session.prior == session.learning.run / "prior.emprior"
    session.use_prior(chosen)
    session.stop_learning()
    until(lambda: session.learning.state is S.STOPPED)
    assert session.prior == chosen
    assert session.learning.run.name in session.message.text
    assert "B.emprior" in session.message.text
    (offer,) = session.message.offers
    getattr(session, offer.verb)(*offer.given)
    assert session.prior == session.learning.prior


def test_the_prior_of_one_run_gives_way_to_that_of_the_next(session, learn, until):
    learn("finish")
    until(lambda: session.learning.state is S.DONE)
    learn("finish")
    until(lambda: session.learning.attempt == 2 and session.learning.state is S.DONE)
    assert session.prior == session.learning.run / "prior.emprior"


def test_a_killed_worker_is_said_with_an_offer_to_resume_which_works(session, learn, until):
    learn("vanish")
    until(lambda: session.learning.state is S.FAILED)
    assert "kept" in session.message.text
    assert [offer.text for offer in session.message.offers] == ["Resume"]
    seen = len(session.learning.loss_x)
    session.learning_job._command = fake_worker.command("finish")
    session.resume()
    until(lambda: session.learning.state is S.DONE)
    assert len(session.learning.loss_x) > seen
    assert session.message is None


def test_kill_minus_nine_from_outside(session, learn, until):
    learn("slow")
    until(lambda: session.learning.saved_at is not None)
    os.kill(session.learning_job._process.pid, signal.SIGKILL)
    until(lambda: session.learning.state is S.FAILED)
    assert "SIGKILL" in session.message.text


def test_what_a_worker_says_about_its_failure_is_what_is_shown(session, learn, until):
    learn("complain")
    until(lambda: session.learning.state is S.FAILED)
    assert session.message.text.startswith("The GPU ran out of memory")
    assert session.message.details == "why"


def test_a_traceback_stays_in_the_details(session, learn, until):
    learn("crash")
    until(lambda: session.learning.state is S.FAILED)
    assert "Traceback" not in session.message.text
    assert "a mistake in the worker" in session.message.details
    assert session.message.offers == ()  # nothing was saved, so there is nothing to resume


def test_nothing_ticked_is_said_and_no_folder_is_made(session, learn, until):
    session.ticked = frozenset()
    learn("finish")
    until(lambda: session.learning.state is S.FAILED)
    assert "tick one" in session.message.text
    assert not session.runs_folder.exists()


def test_a_window_that_leaves_lets_the_worker_go_on_and_another_one_sees_it(session, learn, until):
    learn("finish")
    until(lambda: session.learning.state is S.RUNNING)
    process = session.learning_job._process
    session.learning_job.leave()
    other = LearningJob(mailbox := Mailbox())
    other.follow(RunFolder.open(session.learning.run))
    assert process.wait(10) == 0
    other.join(10)
    assert mailbox.collect()["learning"].state is S.DONE


def test_an_old_unfinished_run_is_shown_with_the_offer_to_resume(session, learn, until):
    learn("vanish")
    until(lambda: session.learning.state is S.FAILED)
    run = session.learning.run
    os.utime(run / "lock", (0, 0))
    session.open_run(run)
    until(lambda: session.learning.state is S.FAILED and "Nobody" in session.learning.failure)
    assert [offer.verb for offer in session.message.offers] == ["resume"]


@pytest.mark.parametrize(("mode", "end"), [("slow", S.STOPPED), ("complain", S.FAILED)])
def test_a_run_that_has_ended_once_and_was_resumed_elsewhere_is_shown_at_work(
    session, learn, until, mode, end
):
    learn(mode)
    until(lambda: session.learning.saved_at is not None)
    session.stop_learning()
    until(lambda: session.learning.state is end)
    run = RunFolder.open(session.learning.run)
    run.clear_requests()
    session.open_run(run.path)
    until(lambda: session.learning.attempt == 2 and session.learning.state is end)
    worker = subprocess.Popen(fake_worker.command("late")(run.path))
    try:
        until(lambda: run.is_worked_on)  # but it has not said a word
        session.open_run(run.path)
        until(lambda: session.learning.state is S.RUNNING)
        assert session.learning.failure == ""
        session.stop_learning()
        until(lambda: session.learning.state is S.STOPPED)
    finally:
        worker.kill()
        worker.wait()


def test_what_is_no_run_folder_is_refused_in_words(session, tmp_path):
    session.open_run(tmp_path)
    assert "not a run folder" in session.message.text

"""What events add up to."""

import pytest

from emdiff_app.gui.jobs import JobState
from emdiff_app.gui.jobs.history import History
from emdiff_app.learning import events as e


@pytest.fixture
def history(tmp_path):
    return History(tmp_path)


def progress(round, step, loss=0.5, phase="m-step"):
    return e.Progress(round=round, phase=phase, step=step, steps=3, loss=loss)


def test_losses_of_all_rounds_stand_one_after_the_other_with_marks_between(history):
    for number in (1, 2, 3):
        for step in (1, 2, 3):
            history.take(progress(number, step))
    status = history.status()
    assert list(status.loss_x) == list(range(1, 10))
    assert status.round_marks == (3, 6)


def test_going_back_to_a_checkpoint_does_not_draw_backwards(history):
    for step in (1, 2, 3, 1, 2):
        history.take(progress(1, step))
    assert sorted(history.status().loss_x) == list(history.status().loss_x)


def test_the_best_of_a_round_is_its_last_score(history):
    history.take(e.Scored(round=1, held_out=-2.0, chi2=1.1))
    history.take(e.Scored(round=1, held_out=-1.0, chi2=1.0, best=True))
    (score,) = history.status().scores
    assert (score.held_out, score.best) == (-1.0, True)


@pytest.mark.parametrize("file", ["../../secret.npz", "/etc/passwd.npz", "previews/x.png", "previews/x.npy"])
def test_previews_outside_the_run_or_of_other_kinds_are_not_looked_at(history, file):
    history.take(e.Preview(round=1, file=file))
    assert history.status().previews == ()


def test_a_prior_is_offered_only_when_it_is_there(history, tmp_path):
    history.take(e.Saved(round=1, file="prior.emprior"))
    assert history.status().prior is None
    (tmp_path / "prior.emprior").write_bytes(b"x")
    history.take(e.Saved(round=1, file="prior.emprior"))
    assert history.status().prior == tmp_path / "prior.emprior"


def test_the_first_reason_of_a_failure_stays(history):
    history.take(e.Started(rounds=1, device="cpu", images=1, crops=1, parameters=1))
    history.take(e.Failed(text="Out of memory."))
    history.fail("The process ended.")
    assert history.status().state is JobState.FAILED
    assert history.status().failure == "Out of memory."

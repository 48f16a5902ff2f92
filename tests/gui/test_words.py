"""Lines a person can read."""

import pytest

from emdiff_app.gui.jobs import CHECKING, JobState, LearningStatus, RestoringStatus
from emdiff_app.gui.words import ago, duration, learning_fraction, learning_line, restoring_line
from emdiff_app.restoring import RestoreProgress


def test_a_running_job_says_where_it_is_how_long_it_takes_and_what_is_safe():
    status = LearningStatus(
        state=JobState.RUNNING, rounds=12, round=3, phase="m-step", step=840, steps=2000,
        remaining_s=(2400, 3000), saved_at=1000.0,
    )  # fmt: skip
    assert learning_line(status, now=1121.0) == (
        "Round 3/12, learning, step 840/2000, 40-50 min left, saved 2 min ago"
    )


def at(round, phase, step):
    return LearningStatus(state=JobState.RUNNING, rounds=2, round=round, phase=phase, step=step, steps=4)


def test_before_the_first_round_it_says_that_it_learns_to_denoise():
    assert learning_line(at(0, "denoise", 3)).startswith("Making a start, learning to denoise, step 3/4, ")


def test_the_bar_never_goes_back():
    way = [at(0, phase, step) for phase in ("start", "denoise") for step in (1, 4)]
    way += [at(r, phase, s) for r in (0, 1, 2) for phase in ("e-step", "m-step", "score") for s in (1, 4)]
    shown = [learning_fraction(status) for status in way]
    assert shown == sorted(shown)
    assert 0 < shown[0] < 0.1
    assert shown[-1] == 1
    assert learning_fraction(LearningStatus()) is None


@pytest.mark.parametrize("state", JobState)
def test_every_state_has_words_of_its_own(state):
    lines = {learning_line(LearningStatus(state=s)) for s in JobState}
    assert len(lines) == len(JobState)


@pytest.mark.parametrize("seconds", [0, 1, 59, 60, 89, 91, 3600, 5399, 5401, 86400 * 9])
def test_durations_are_ranges_that_never_shrink_to_nothing(seconds):
    low, high = duration(seconds, seconds * 1.2).split(" ")[0].split("-")
    assert 0 < float(low) <= float(high)


def test_nothing_saved_is_said():
    assert ago(None) == "nothing saved yet"


def test_when_all_planes_are_there_it_says_that_it_checks_them():
    last = RestoreProgress(3, 3, 0, 1)
    lines = [restoring_line(RestoringStatus(JobState.RUNNING, last, c)) for c in ("plane", CHECKING)]
    assert lines == ["Plane 3 of 3", "Checking some parts closely, to see whether to believe it..."]

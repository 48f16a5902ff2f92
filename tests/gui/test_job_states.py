"""The two tables that rule what a job may do and which buttons it offers."""

import itertools

import pytest

from emdiff_app.gui.jobs import LEARN_BUTTONS, NEXT, RESTORE_BUTTONS, JobState
from emdiff_app.gui.jobs.history import History

S = JobState


def enabled(table, state):
    return {name for name, button in table[state].items() if button.enabled}


@pytest.mark.parametrize("table", [LEARN_BUTTONS, RESTORE_BUTTONS])
@pytest.mark.parametrize("state", JobState)
def test_a_job_can_be_started_when_none_is_at_work_and_stopped_when_one_is(table, state):
    assert ("start" in enabled(table, state)) != state.busy
    if state.busy and not (table is RESTORE_BUTTONS and state is S.STOPPING):
        assert "stop" in enabled(table, state)


@pytest.mark.parametrize(
    ("state", "word"),
    [(S.RUNNING, "Pause"), (S.PAUSED, "Resume"), (S.STOPPED, "Resume"), (S.FAILED, "Resume")],
)
def test_the_second_button_pauses_or_resumes(state, word):
    assert LEARN_BUTTONS[state]["pause"].text == word
    assert LEARN_BUTTONS[state]["pause"].enabled


def test_a_stop_that_takes_long_can_be_forced():
    assert LEARN_BUTTONS[S.STOPPING]["stop"].text == "Stop now"
    assert LEARN_BUTTONS[S.STOPPING]["stop"].enabled


@pytest.mark.parametrize("state", [s for s in JobState if s.busy])
def test_no_state_is_a_trap(state):
    assert {S.STOPPED, S.FAILED} <= NEXT[state]


@pytest.mark.parametrize(("before", "after"), list(itertools.product(JobState, JobState)))
def test_only_what_the_table_allows_happens(before, after, tmp_path):
    history = History(tmp_path)
    history.state = before
    history.move(after)
    assert history.state == (after if after in NEXT[before] else before)


@pytest.mark.parametrize("state", [s for s in JobState if s.ended])
def test_late_news_does_not_wake_a_job_that_has_ended(state):
    assert NEXT[state] == {S.PREPARING}

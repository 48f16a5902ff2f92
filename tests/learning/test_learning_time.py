"""The time that is left, and the time limit, on computers that sleep and whose clocks are set."""

from types import SimpleNamespace

import pytest
from tiny_runs import make_run, told

from emdiff_app.learning import Recipe, learn
from emdiff_app.learning.pace.pacing import Pace, time_for_another
from emdiff_app.learning.pace.planning import FIRST_DRAWS, clock_for, steps_done
from emdiff_app.learning.pace.timing import Clock
from emdiff_app.learning.rounds import Rounds
from emdiff_app.learning.runs import control as control_file
from emdiff_app.learning.runs.control import FolderControl, StopRequested
from emdiff_app.learning.team import Alone
from emdiff_app.learning.work import State


class Time:
    """A clock that a test sets."""

    now = 0.0

    def __call__(self):
        return self.now


def clock(time, steps=100):
    return Clock({"m-step": steps}, {"m-step": 1.0}, now=time)


def run_steps(clock, time, count, each=2.0):
    for _ in range(count):
        time.now += each
        clock.tick("m-step")


def test_the_remaining_time_is_a_range_around_the_truth():
    time = Time()
    watch = clock(time)
    assert watch.remaining_s() is None
    run_steps(watch, time, 40)
    low, high = watch.remaining_s()
    assert low < 60 * 2.0 < high


@pytest.mark.parametrize("jump", [9 * 3600.0, -3600.0])
def test_a_night_of_sleep_is_not_taken_for_slow_work(jump):
    time = Time()
    watch = clock(time)
    run_steps(watch, time, 40)
    time.now += jump
    run_steps(watch, time, 10)
    low, high = watch.remaining_s()
    assert low < 50 * 2.0 < high < 200


def test_work_that_becomes_slower_is_believed():
    time = Time()
    watch = clock(time)
    run_steps(watch, time, 10, each=2.0)
    run_steps(watch, time, 40, each=30.0)
    assert watch.remaining_s()[1] > 50 * 20


def test_a_resumed_run_counts_only_what_is_left():
    time = Time()
    watch = clock(time)
    watch.done = {"m-step": 80}
    run_steps(watch, time, 10)
    low, high = watch.remaining_s()
    assert low < 10 * 2.0 < high


def test_what_is_done_and_what_is_planned_add_up(tmp_path):
    recipe = make_run(tmp_path, rounds=3).recipe
    assert isinstance(recipe, Recipe)
    everything = State(round=recipe.last_round + 1)
    assert steps_done(recipe, everything, 1) == clock_for(recipe, 1).planned
    half = steps_done(recipe, State(round=2, stage="m-step", step=5), 1)
    assert half["m-step"] == recipe.steps_in(0) + recipe.steps_in(1) + 5
    assert half["score"] == 2


def test_a_start_without_samples_is_not_counted_as_if_it_drew_some(tmp_path):
    recipe = make_run(tmp_path, rounds=1).recipe
    drawn, pixels, somebodys = (
        clock_for(recipe, 1, start).planned for start in ("gaussian", "one-look", "prior")
    )
    assert drawn[FIRST_DRAWS] == pixels[FIRST_DRAWS] == 1
    assert drawn["e-step"] == somebodys["e-step"] == 1
    assert not somebodys.get(FIRST_DRAWS)
    assert not pixels.get("e-step")
    assert not pixels.get("start")
    assert somebodys["m-step"] == recipe.steps


@pytest.mark.parametrize(("left_s", "begun"), [(100.0, True), (20.0, False)])
def test_the_first_round_is_begun_by_what_sampling_takes_and_not_by_what_the_start_took(
    tmp_path, left_s, begun
):
    """Fitting a Gaussian and drawing from it says nothing about the network: 16 crops are soon drawn."""
    recipe = make_run(tmp_path, rounds=3, time_limit_min=60.0, sampler_steps=20).recipe
    work = SimpleNamespace(recipe=recipe, crops=range(16), control=SimpleNamespace(left_s=left_s))
    state = State(round=0, notes={"drawing_s": 1000.0, "pace_s": 0.1, "judging_s": 5.0})
    assert time_for_another(work, state, 1, "denoised") == begun


def test_a_time_limit_counts_work_and_neither_sleep_nor_pauses(tmp_path):
    time, run = Time(), make_run(tmp_path)
    control = FolderControl(run, time_limit_s=1000.0, clock=time)
    for jump in (1.0, 8 * 3600.0, -7200.0, 1.0):
        time.now += jump
        control.check()
    assert 500 < seconds_until_stop(control, time) < 1000


def seconds_until_stop(control, time):
    for seconds in range(2000):
        try:
            control.check()
        except StopRequested:
            return seconds
        time.now += 1.0
    return None


def test_a_time_limit_bounds_the_time_that_is_left(tmp_path):
    run = make_run(tmp_path, rounds=1000, time_limit_min=0.5)
    left = []

    def look(event):
        if event.kind == "progress" and event.remaining_s:
            left.append(event.remaining_s)
            run.ask("stop")

    assert learn(run, look)
    assert all(0 <= low <= high <= 30 for low, high in left)
    assert left


@pytest.mark.parametrize(
    ("stage", "judged"), [("e-step", [0, 1]), ("m-step", [0, 1, 2]), ("score", [0, 1, 2])]
)
def test_a_run_whose_time_is_over_ends_well_wherever_it_is(tmp_path, monkeypatch, stage, judged):
    """Draws are left off; training and judging are brought to an end, so that they were not for nothing."""
    run = make_run(tmp_path, rounds=5, time_limit_min=60.0)
    method = {"e-step": "_e_step", "m-step": "_m_step", "score": "_judge"}[stage]
    do = getattr(Rounds, method)

    def late(self):
        if self.state.round == 2:
            self.work.control.worked_s = 3601.0
        return do(self)

    monkeypatch.setattr(Rounds, method, late)
    assert learn(run)
    assert told(run)[-1].kind == "finished"
    assert [e.round for e in told(run, "scored")] == judged
    assert "time that was given" in told(run, "notice")[-1].text
    assert run.prior.exists()


@pytest.mark.parametrize("stage", ["e-step", "score"])
def test_a_run_that_its_time_has_ended_goes_on_with_more(tmp_path, monkeypatch, stage):
    run = make_run(tmp_path, rounds=3, time_limit_min=60.0)
    with monkeypatch.context() as patch:
        method = {"e-step": "_e_step", "score": "_judge"}[stage]
        do = getattr(Rounds, method)

        def late(self):
            if self.state.round == 2:
                self.work.control.worked_s = 3601.0
            return do(self)

        patch.setattr(Rounds, method, late)
        assert learn(run)
    done = 1 if stage == "e-step" else 2
    assert told(run, "finished")[-1].round == done
    assert learn(run, time_limit_min=60.0)
    assert [e.resumed_from_round for e in told(run, "started")] == [None, done]
    assert [e.round for e in told(run, "scored")] == [0, 1, 2, 3]
    assert told(run)[-1].round == 3
    assert learn(run, time_limit_min=60.0)  # now there is nothing left to do
    assert len(told(run, "scored")) == 4


def test_training_ends_with_the_time_whatever_its_pace_was(tmp_path, monkeypatch):
    run = make_run(tmp_path, rounds=5, steps=300, time_limit_min=60.0)
    check = FolderControl.check

    def late(self, **how):
        last = told(run, "progress")[-1:]
        if last and (last[0].round, last[0].phase) == (2, "m-step"):
            self.worked_s = 3601.0
        return check(self, **how)

    monkeypatch.setattr(FolderControl, "check", late)
    assert learn(run)
    steps = {e.round: e.step for e in told(run, "progress") if e.phase == "m-step"}
    assert steps[2] < 300
    assert max(steps) == 2
    assert told(run)[-1].kind == "finished"


@pytest.mark.parametrize("paused_s", [0.0, 8 * 3600.0])
def test_a_pause_does_not_shorten_the_training_after_it(tmp_path, monkeypatch, paused_s):
    time, run = Time(), make_run(tmp_path, rounds=1, steps=3000, time_limit_min=60.0)

    def night(seconds):
        time.now += paused_s
        run.ask("resume")

    monkeypatch.setattr(control_file, "time", SimpleNamespace(monotonic=time, sleep=night))
    control = FolderControl(run, time_limit_s=3600.0, clock=time)
    work = SimpleNamespace(recipe=run.recipe, control=control, team=Alone())
    pace = Pace.of(work, State(round=1, notes={"judging_s": 10.0}), "gaussian")
    step = 0
    while step < pace.steps:
        control.check()
        pace.look(step)
        step += 1
        time.now += 0.5
        if step == 100 and paused_s:
            run.ask("pause")
    assert step == 3000


def test_what_no_sampler_draws_says_nothing_of_how_long_sampling_takes(tmp_path):
    recipe = make_run(tmp_path, rounds=4, crops=64).recipe
    time = Time()
    watch = clock_for(recipe, 1)
    watch.now = time
    watch.wait()
    for phase, count, each in (
        (FIRST_DRAWS, 2, 1.0),
        ("m-step", 8, 1.0),
        ("score", 3, 1.0),
        ("e-step", 3, 50.0),
    ):
        for _ in range(count):
            time.now += each
            watch.tick(phase)
    batches = watch.planned["e-step"] - 3
    assert 0.85 * 50 * batches < watch.remaining_s()[0] < 0.85 * (50 * batches + 50)

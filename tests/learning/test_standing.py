"""Which round is kept, and what is said where the start did better than what came of it."""

import json
import shutil

import pytest
from tiny_runs import CAMERA, make_run, told

from emdiff_app.learning import learn, worker
from emdiff_app.learning.judging import judgement, jury, standing
from emdiff_app.learning.judging.standing import behind_the_start, takes_the_lead
from emdiff_app.learning.steps import drawing
from emdiff_app.learning.work import State, fingerprint
from emdiff_app.priors import read_card


def after(scores, begins_with):
    """What is kept after rounds with these scores on two crops, and whether each took the lead."""
    state, leads = State(), []
    for number, each in enumerate(scores):
        state.round = number
        leads.append(takes_the_lead(state, list(each), list(each), "samples", begins_with))
    return state, leads


def test_of_rounds_that_cannot_be_told_apart_the_last_is_kept_and_a_clearly_worse_one_is_not():
    state, leads = after([(1.0, 2.0), (1.2, 1.9), (0.5, 1.5)], "gaussian")
    assert leads == [True, True, False]
    assert state.notes["best_round"] == 1


def test_many_small_steps_down_are_no_way_down():
    """Each is compared with the best of all, not with the one before."""
    state, leads = after([(0.0, 0.0), *((-0.1 * n, -0.1 * n - 0.01) for n in range(1, 6))], "gaussian")
    assert leads == [True] + 5 * [False]
    assert state.notes["best_round"] == 0


@pytest.mark.parametrize(("begins_with", "kept"), [("hidden-pixels", 1), ("one-look", 1), ("denoised", 0)])
def test_a_start_that_gives_no_samples_gives_way_and_is_remembered(begins_with, kept):
    state, _ = after([(2.0, 2.1), (1.0, 1.0)], begins_with)
    assert state.notes["best_round"] == kept
    assert behind_the_start(state) == (kept == 1)


def test_who_predicts_as_well_in_one_of_its_ways_is_not_behind_the_start():
    state = State()
    takes_the_lead(state, [2.0, 2.1], [2.0, 2.1], "one-pass", "hidden-pixels")
    state.round = 1
    takes_the_lead(state, [1.0, 1.1], [2.0, 2.1], "samples", "hidden-pixels")
    assert not behind_the_start(state)


def test_one_crop_does_not_say_that_a_round_is_behind():
    state, _ = after([(2.0,), (1.0,)], "hidden-pixels")
    assert not behind_the_start(state)


def test_one_crop_decides_only_where_the_difference_is_large():
    assert after([(2.0,), (2.0 - 1e-6,), (1.0,)], "gaussian")[1] == [True, True, False]


@pytest.mark.parametrize(("crops", "stands_out"), [(1, False), (2, False), (8, True)])
def test_few_crops_must_differ_more(crops, stands_out):
    """Each is better by 0.005 +- 0.002."""
    better = [0.005 + 0.002 * (-1) ** number for number in range(crops)]
    assert judgement._stands_out({"samples": [0.0] * crops, "one-pass": better}, "one-pass") == stands_out


def test_a_start_without_a_finite_score_gives_way():
    state, leads = after([(float("nan"), 1.0), (0.5, 0.6), (0.1, 0.1)], "gaussian")
    assert leads == [True, True, False]
    assert state.notes["best"] == [0.5, 0.6]


def test_who_catches_up_with_the_start_is_not_behind_it_any_more():
    state, _ = after([(2.0, 2.1), (1.0, 1.0), (2.1, 2.05)], "hidden-pixels")
    assert state.notes["best_round"] == 2
    assert not behind_the_start(state)


def test_a_prior_that_predicts_worse_than_the_start_did_says_so(tmp_path, monkeypatch):
    judge, made = jury.judge, []

    def worse(*given, **words):
        result = judge(*given, **words)
        made.append(result)
        lower = tuple(score - 5.0 * (len(made) > 1) for score in made[0].each)
        return jury.replace(result, each=lower, ablest=lower, held_out=sum(lower) / len(lower))

    monkeypatch.setattr(jury, "judge", worse)
    run = make_run(tmp_path, model=CAMERA, held_out=2)
    assert learn(run)
    assert any("the rounds go on all the same" in event.text for event in told(run, "notice"))
    card = read_card(run.prior)
    assert card.training.rounds == 1
    assert any("needs more rounds" in text for text in card.training.notices)


@pytest.mark.parametrize("interrupted", [False, True])
def test_when_patience_ends_fresh_weights_learn_from_samples_of_the_best_round(
    tmp_path, monkeypatch, interrupted
):
    drawn_with = watched_draws(monkeypatch)

    def stop(event):
        if interrupted and event.kind == "scored" and event.round == 1:
            run.ask("stop")

    monkeypatch.setattr(standing, "is_as_good", lambda *_, **__: False)
    fresh = {"patience": 2, "scratch_rounds": 1, "scratch_steps": 4}
    run = make_run(tmp_path, start="gaussian", anchor="none", rounds=5, **fresh)
    learn(run, stop)
    if interrupted:
        assert told(run)[-1].kind == "stopped"
        assert learn(run)
    assert [e.round for e in told(run, "scored")] == [0, 1, 2, 6]
    assert any("unless that of fresh weights" in event.text for event in told(run, "notice"))
    assert drawn_with[-1] == drawn_with[0]
    assert len(set(drawn_with)) == 2


def test_fresh_weights_learn_from_the_best_round_also_where_the_rounds_end_first(tmp_path, monkeypatch):
    drawn_with = watched_draws(monkeypatch)
    monkeypatch.setattr(standing, "is_as_good", lambda *_, **__: False)
    run = make_run(
        tmp_path, start="gaussian", anchor="none", rounds=2, patience=2, scratch_rounds=1, scratch_steps=4
    )
    assert learn(run)
    assert [e.round for e in told(run, "scored")] == [0, 1, 2, 3]
    assert drawn_with[-1] == drawn_with[0]


def test_samples_lost_while_fresh_weights_learn_are_drawn_by_those_before_them(tmp_path, monkeypatch):
    drawn_with = watched_draws(monkeypatch)
    monkeypatch.setattr(worker, "TICK_S", 0.0)
    run = make_run(
        tmp_path, start="gaussian", anchor="none", rounds=1, patience=0, scratch_rounds=1, scratch_steps=6
    )

    def stop(event):
        if event.kind == "progress" and (event.round, event.phase, event.step) == (2, "m-step", 3):
            run.ask("stop")

    learn(run, stop)
    assert told(run)[-1].kind == "stopped"
    shutil.rmtree(run.samples / "round-0002")
    before = list(drawn_with)
    assert learn(run)
    assert len(drawn_with) > len(before)
    assert set(drawn_with[len(before) :]) == {before[-1]}


def test_patience_counts_rounds_that_were_judged_and_begins_anew_with_more_of_them(tmp_path, monkeypatch):
    monkeypatch.setattr(standing, "is_as_good", lambda *_, **__: False)
    run = make_run(tmp_path, start="gaussian", anchor="none", rounds=9, patience=2, first_weight=0.3)
    assert learn(run)
    assert [e.round for e in told(run, "scored")] == [0, 1, 2]
    assert told(run)[-1].round == 2
    assert told(run, "saved")[-1].round == 2
    recipe = json.loads((run.path / "recipe.json").read_text())
    (run.path / "recipe.json").write_text(json.dumps(recipe | {"rounds": 14}))
    assert learn(run)
    assert told(run, "started")[-1].resumed_from_round == 2
    assert [e.round for e in told(run, "scored")] == [0, 1, 2, 10, 11]


def watched_draws(monkeypatch):
    """The weights of every draw from a network."""
    restoring, drawn_with = drawing.restoring, []

    def watched(work, prior, *rest, **words):
        drawn_with.append(fingerprint(prior))
        return restoring(work, prior, *rest, **words)

    monkeypatch.setattr(drawing, "restoring", watched)
    return drawn_with


def test_more_rounds_after_fresh_weights_go_on_from_the_last_and_not_from_old_ones(tmp_path, monkeypatch):
    drawn_with = watched_draws(monkeypatch)
    fresh = {"patience": 0, "scratch_rounds": 1, "scratch_steps": 4}
    run = make_run(tmp_path, start="gaussian", anchor="none", rounds=1, **fresh)
    assert learn(run)
    recipe = json.loads((run.path / "recipe.json").read_text())
    (run.path / "recipe.json").write_text(json.dumps(recipe | {"rounds": 4}))
    assert learn(run)
    assert [e.round for e in told(run, "scored")] == [0, 1, 2, 3, 4, 5]
    assert len(set(drawn_with)) == len(drawn_with)


def test_patience_begins_anew_with_more_rounds_also_where_it_did_not_end_the_run(tmp_path, monkeypatch):
    monkeypatch.setattr(standing, "is_as_good", lambda *_, **__: False)
    run = make_run(tmp_path, start="gaussian", anchor="none", rounds=2, patience=2)
    assert learn(run)
    recipe = json.loads((run.path / "recipe.json").read_text())
    (run.path / "recipe.json").write_text(json.dumps(recipe | {"rounds": 12}))
    assert learn(run)
    assert [e.round for e in told(run, "scored")] == [0, 1, 2, 3, 4]

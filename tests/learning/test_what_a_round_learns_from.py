"""The parts of a round one by one: what is drawn, what is left out, and what a batch consists of."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tiny_runs import BLURRED, make_run

from emdiff_app.diffusion import Batch, GaussianPrior
from emdiff_app.images import save_stack, stack_from_array
from emdiff_app.learning import PRESETS, learn, rounds
from emdiff_app.learning.runs.control import NoControl
from emdiff_app.learning.runs.samples import Samples
from emdiff_app.learning.steps import drawing, e_step, start
from emdiff_app.learning.steps.anchoring import anchor_for
from emdiff_app.learning.steps.e_step import Drawn, drawn, restoring
from emdiff_app.learning.steps.lessons import Lessons
from emdiff_app.learning.work import State, fingerprint
from emdiff_app.physics import GaussianNoise, ImagingModel
from emdiff_app.physics.random import generator_of

SIDE = 8
IMAGING = ImagingModel(noise=GaussianNoise(sigma=0.5)).bind((SIDE, SIDE))


def work_on(tmp_path, y, **recipe):
    """As much of a run as one stage asks for."""
    return SimpleNamespace(
        recipe=SimpleNamespace(
            **{"seed": 0, "absurd": 3.0, "batch": 4, "crop": SIDE, "share": lambda _: 1.0} | recipe
        ),
        crops=range(len(y)),
        recorded=lambda first, last: y[first:last],
        imaging_of=lambda first, some: IMAGING,
        samples=Samples(tmp_path / "samples"),
        device=torch.device("cpu"),
        control=NoControl(),
    )


def test_samples_that_make_no_sense_are_left_out_and_counted(tmp_path):
    x = torch.rand(8, 1, SIDE, SIDE, generator=generator_of(0))
    y = IMAGING.simulate(x, generator_of(1))

    def draw(recorded, first, generator):
        made = x.clone()
        made[2] += 10.0
        made[5, 0, 0, 0] = torch.nan
        return made

    state = State(round=1)
    found = drawn(work_on(tmp_path, y), state, draw)
    assert state.discarded == 2
    assert found.numbers.tolist() == [0, 1, 3, 4, 6, 7]
    assert torch.equal(found.clean, x[found.numbers])
    assert found.chi2 == pytest.approx(1.0, abs=0.2)


def test_what_pixels_alone_have_taught_is_drawn_with_its_spread(tmp_path, monkeypatch):
    """Means in its place would make each round narrower than the one before."""
    y = torch.zeros(16, 1, SIDE, SIDE)
    monkeypatch.setattr(start, "seen_at_once", lambda *_, **__: (torch.ones_like(y), torch.full_like(y, 4.0)))
    draw = start.from_pixels(work_on(tmp_path, y), None, "hidden-pixels")
    made = draw(y, 0, generator_of(0))
    assert float(made.mean()) == pytest.approx(1.0, abs=0.2)
    assert float(made.std()) == pytest.approx(2.0, rel=0.1)


@pytest.mark.parametrize("batch", [2, 4, 16])
def test_clean_images_have_their_share_of_batches_of_any_size(tmp_path, batch):
    samples = Drawn(torch.zeros(16, 1, SIDE, SIDE), torch.arange(16), 1.0)
    lessons = Lessons(
        work_on(tmp_path, torch.zeros(16, 1, SIDE, SIDE), batch=batch),
        anchor_for("none", IMAGING),
        samples,
        torch.ones(3, 1, SIDE, SIDE),
        share=0.0,
        clean_share=0.15,
    )
    which = generator_of(0)
    shares = [float(lessons.next(which, range(batch))[0].clean.mean()) for _ in range(600)]
    assert sum(shares) / len(shares) == pytest.approx(0.15, abs=0.03)


@pytest.mark.parametrize(("share", "there"), [(0.0, True), (0.5, True), (1.0, True), (0.5, False)])
def test_the_recorded_pixels_have_their_share_of_the_steps(tmp_path, monkeypatch, share, there):
    zeros = torch.zeros(4, 1, SIDE, SIDE)
    samples = Drawn(zeros, torch.arange(4), 1.0) if there else None
    anchor = anchor_for("noise-above", IMAGING)
    lessons = Lessons(work_on(tmp_path, zeros), anchor, samples, share=share)
    monkeypatch.setattr(Lessons, "_recorded", lambda self, which, mine: Batch(clean=zeros))
    which = generator_of(0)
    terms = [lessons.next(which, range(4))[1] for _ in range(400)]
    wanted = share if there else 1.0
    assert sum(term is anchor.term for term in terms) / 400 == pytest.approx(wanted, abs=0.08)


def test_rounds_go_on_from_the_weights_before_and_the_last_one_from_fresh_ones(tmp_path, monkeypatch):
    train, seen = rounds.train, []

    def watched(work, state, trainer, *rest):
        before = fingerprint(trainer.prior)
        train(work, state, trainer, *rest)
        seen.append((state.round, before, fingerprint(trainer.prior)))

    monkeypatch.setattr(rounds, "train", watched)
    run = make_run(tmp_path, rounds=2, scratch_rounds=1, scratch_steps=8, start="gaussian", anchor="none")
    assert learn(run)
    (_, _, after_start), (_, before_1, after_1), (_, before_2, after_2), (last, before_3, _) = seen
    assert (before_1, before_2) == (after_start, after_1)
    assert last == 3
    assert before_3 not in (after_start, after_1, after_2)


@pytest.mark.parametrize(
    ("begins_with", "changes", "cautious", "recorded"),
    [
        ("gaussian", {"cautious_rounds": 2}, [True, True, False], [True, True, True]),
        ("gaussian", {"cautious_rounds": 0}, [False, False, False], [True, True, True]),
        # What is nearly free of noise needs no caution.
        ("denoised", {"denoised_rounds": 2}, [False, False, False], [False, False, True]),
    ],
)
def test_early_rounds_under_blur_are_cautious_or_draw_from_denoised_images(
    tmp_path, monkeypatch, begins_with, changes, cautious, recorded
):
    restoring, seen = drawing.restoring, []

    def watched(work, prior, weight, data, *, cautious):
        y = work.recorded(0, 2)
        seen.append((cautious, bool(torch.equal(data(y, 0)[1], y))))
        return restoring(work, prior, weight, data, cautious=cautious)

    monkeypatch.setattr(drawing, "restoring", watched)
    run = make_run(tmp_path, model=BLURRED, start=begins_with, rounds=3, **changes)
    assert learn(run)
    each = list(dict.fromkeys(zip((n // (len(seen) // 3) for n in range(len(seen))), seen, strict=True)))
    assert [(c, r) for _, (c, r) in each] == list(zip(cautious, recorded, strict=True))


def test_tempering_reaches_the_samples_and_ends_at_one(tmp_path, monkeypatch):
    restoring, weights = drawing.restoring, []

    def watched(work, prior, weight, data, *, cautious):
        weights.append(weight)
        return restoring(work, prior, weight, data, cautious=cautious)

    monkeypatch.setattr(drawing, "restoring", watched)
    run = make_run(tmp_path, rounds=6, start="gaussian", anchor="none", first_weight=0.25)
    assert learn(run)
    assert weights[0] == 0.25
    assert weights == sorted(weights)
    assert weights[-1] == 1.0


def taught(tmp_path, monkeypatch, **changes):
    """The lessons of every training of a run, by its round."""
    seen = []
    monkeypatch.setattr(
        rounds, "train", lambda work, state, trainer, lessons, _: seen.append((state.round, lessons))
    )
    run = make_run(tmp_path, start="gaussian", anchor="none", **changes)
    assert learn(run)
    return dict(seen)


def test_clean_images_are_learned_from_in_every_round_and_those_of_another_kind_at_the_start(
    tmp_path, monkeypatch
):
    clean = np.full((2, 64, 64), 100.0, np.float32)
    clean[:, ::8, ::8] = 300
    save_stack(stack_from_array(clean, "ZYX"), tmp_path / "clean.tif")
    for field, there in (("clean", [True, True, True]), ("similar", [True, False, False])):
        (tmp_path / field).mkdir()
        lessons = taught(tmp_path / field, monkeypatch, rounds=2, **{field: (str(tmp_path / "clean.tif"),)})
        assert [lessons[number].clean is not None for number in range(3)] == there


def test_rounds_restore_a_share_of_the_crops_and_fresh_weights_learn_from_all(tmp_path, monkeypatch):
    changes = {"rounds": 2, "first_share": 0.25, "last_share": 0.5, "scratch_rounds": 1, "scratch_steps": 4}
    monkeypatch.setattr(e_step, "E_BATCH", 4)  # a share is of whole batches
    lessons = taught(tmp_path, monkeypatch, absurd=1e9, **changes)
    assert [len(lessons[number].drawn.clean) for number in range(4)] == [16, 4, 8, 16]


def test_each_round_has_an_optimiser_of_its_own_and_draws_with_the_running_average(tmp_path, monkeypatch):
    train, restoring, begun, drawn_with, averages = rounds.train, drawing.restoring, [], [], []

    def trained(work, state, trainer, *rest):
        before = {name: value for name, value in trainer.state().items() if name.startswith("optimiser")}
        begun.append(sum(part.numel() for part in tensors_of(before)))
        train(work, state, trainer, *rest)
        assert any(part.numel() for part in tensors_of(trainer.state()["optimiser"]))
        averages.append((fingerprint(trainer.average), fingerprint(trainer.prior)))

    def watched(work, prior, *rest, **words):
        drawn_with.append(fingerprint(prior))
        return restoring(work, prior, *rest, **words)

    monkeypatch.setattr(rounds, "train", trained)
    monkeypatch.setattr(drawing, "restoring", watched)
    assert learn(make_run(tmp_path, rounds=2, start="gaussian", anchor="none"))
    assert begun == [0, 0, 0]
    assert list(dict.fromkeys(drawn_with)) == [average for average, _ in averages[:2]]
    assert all(average != weights for average, weights in averages)


def tensors_of(value):
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from tensors_of(part)


def test_a_round_draws_samples_and_not_their_means(tmp_path):
    """Of white images of power one under noise of half that deviation: a sample has the power of the images."""
    prior = GaussianPrior(torch.ones(1, SIDE, SIDE), torch.zeros(1))
    y = IMAGING.simulate(prior.draw(256, generator_of(0)), generator_of(1))
    work = work_on(tmp_path, y, sampler="auto", sampler_steps=4)
    draw = restoring(work, prior, 1.0, start.as_recorded(work), cautious=False)
    x = draw(y, 0, generator_of(2))
    assert float(x.square().mean()) == pytest.approx(1.0, abs=0.05)  # of means: 0.8


def test_the_published_preset_is_the_published_algorithm():
    preset = PRESETS["emdiffusion"]
    assert (preset["sampler"], preset["sampler_steps"], preset["anchor"]) == ("dps", 1000, "none")
    assert preset["first_weight"] > 1
    assert preset["scratch_rounds"] >= 1
    assert preset["first_share"] == preset["last_share"] == 0.1
    assert (preset["first_clean_share"], preset["clean_share"]) == (1.0, 0.0)

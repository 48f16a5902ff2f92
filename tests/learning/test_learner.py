"""A whole small run: what it leaves behind, how it stops, goes on and fails."""

import numpy as np
import pytest
import torch

from emdiff_app.images import open_stack, save_stack, stack_from_array
from emdiff_app.learning import Recipe, RunFolder, learn
from emdiff_app.learning.rounds import Rounds
from emdiff_app.physics import ImagingModel, PoissonGaussianNoise
from emdiff_app.priors import read_prior

MODEL = ImagingModel.model_validate(
    {
        "operator": [{"kind": "blur", "psf": {"kind": "gaussian", "sigma_px": 1.0}}],
        "noise": {"kind": "poisson-gaussian", "offset": 100, "gain": 2, "read_noise": 2},
    }
)
SMALL = {"size": "tiny", "rounds": 1, "crops": 16, "crop": 24, "held_out": 2, "batch": 4}
SHORT = {"denoising_steps": 6, "first_steps": 6, "steps": 6, "sampler_steps": 4, "gaussian_rounds": 2}


@pytest.fixture
def make_run(tmp_path):
    rng = np.random.default_rng(0)
    spots = (rng.random((2, 96, 96)) > 0.98) * 400.0
    stack = stack_from_array((100 + 2 * rng.poisson(spots + 20)).astype(np.uint16), "ZYX", name="spots")
    save_stack(stack, tmp_path / "spots.tif")

    def make(name="run", **changes):
        fields = {"stacks": (str(tmp_path / "spots.tif"),), "model": MODEL, **SMALL, **SHORT, **changes}
        return RunFolder.create(tmp_path / name, Recipe(**fields))

    return make


def kinds(run):
    return [e.kind for e in run.follower().read()]


def weights(run):
    return list(read_prior(run.prior)[0].parameters())


def test_a_run_ends_with_a_prior_previews_checkpoints_and_scores(make_run):
    run = make_run()
    assert learn(run), run.follower().read()[-1].details
    told = run.follower().read()
    assert told[0].kind == "started"
    assert told[-1].kind == "finished"
    scores = [e for e in told if e.kind == "scored"]
    assert [e.round for e in scores] == [0, 1]
    assert all(np.isfinite(e.held_out) and e.chi2 > 0 for e in scores)
    for event in (e for e in told if e.kind == "preview"):
        assert (run.path / event.file).is_file()
    assert (run.path / [e for e in told if e.kind == "saved"][-1].file).is_file()
    with np.load(run.previews / "round-0001.npz") as preview:
        assert (
            preview["restored"].shape == preview["recorded"].shape == preview["spread"].shape == (2, 24, 24)
        )
    prior, card = read_prior(run.prior)
    assert card.training.images == ("spots.tif",)
    assert card.model == MODEL
    assert card.scale.offset == 100
    assert torch.isfinite(prior.denoise(torch.zeros(1, 1, 32, 32), 0.5)).all()


def test_the_same_seed_learns_the_same_weights(make_run):
    runs = [make_run("a"), make_run("b")]
    for run in runs:
        learn(run)
    for one, other in zip(*map(weights, runs), strict=True):
        assert torch.equal(one, other)


def test_a_stopped_run_goes_on_to_the_same_end_as_one_that_was_never_stopped(make_run):
    whole, broken = make_run("whole"), make_run("broken")
    learn(whole)

    def stop_in_round_one(event):
        if event.kind == "progress" and event.round == 1:
            broken.ask("stop")

    assert learn(broken, on_event=stop_in_round_one)
    assert kinds(broken)[-1] == "stopped"
    assert broken.prior.is_file()
    assert learn(broken)
    assert kinds(broken)[-1] == "finished"
    for one, other in zip(weights(whole), weights(broken), strict=True):
        assert torch.equal(one, other)


def test_the_weight_of_the_data_changes_once_a_round_however_often_the_round_begins(make_run, monkeypatch):
    run, weights_now, begin = make_run(rounds=5, first_weight=4.0), [], Rounds._begin

    def twice(self, samples):
        weights_now.append(self._drawing.weight(self.state))
        begin(self, samples)
        begin(self, samples)  # as after an interruption before the first step
        assert (
            self._drawing.weight(self.state) == weights_now[-1]
        )  # a sample that is lost meanwhile is drawn as it was

    monkeypatch.setattr(Rounds, "_begin", twice)
    assert learn(run)
    assert weights_now[:4] == pytest.approx([4.0, 4.0, 2.0, 2**0.5], rel=1e-3)
    assert weights_now[-1] == 1.0


def test_a_damaged_checkpoint_falls_back_and_says_so(make_run):
    run = make_run()
    learn(run)
    newest = max(run.checkpoints.iterdir())
    newest.write_bytes(newest.read_bytes()[:1000])
    assert learn(run)
    notices = [e.text for e in run.follower().read() if e.kind == "notice"]
    assert any(newest.name in text for text in notices)


@pytest.mark.parametrize(
    ("changes", "word"),
    [({"stacks": ("nowhere.tif",)}, "nowhere"), ({"crop": 512}, "smaller"), ({"channel": 3}, "channel")],
)
def test_what_cannot_work_fails_in_one_sentence(make_run, changes, word):
    run = make_run(**changes)
    assert not learn(run)
    failed = run.follower().read()[-1]
    assert failed.kind == "failed"
    assert word in failed.text
    assert "Traceback" not in failed.text


@pytest.mark.parametrize(
    ("offset", "level", "word"), [(0.0, 0, "constant"), (90.0, 0, "constant"), (300.0, 3, "offset")]
)
def test_images_without_light_are_refused(make_run, tmp_path, offset, level, word):
    flat = np.random.default_rng(0).poisson(level, (2, 64, 64)) + 100
    save_stack(stack_from_array(flat.astype(np.uint16), "ZYX"), tmp_path / "flat.tif")
    camera = ImagingModel(noise=PoissonGaussianNoise(offset=offset, gain=1.0, read_noise=1.0))
    run = make_run(stacks=(str(tmp_path / "flat.tif"),), model=camera)
    assert not learn(run)
    assert word in run.follower().read()[-1].text


def test_held_out_crops_are_not_learned_from(make_run):
    from emdiff_app.learning.crops.places import draw_places

    with open_stack(make_run().recipe.stacks[0]) as stack:
        judges, places = draw_places([stack], 24, 4, 200, 1)
    assert len(judges) == 4
    assert len(places) == 200
    assert not any(p.overlaps(j, 24) for p in places for j in judges)

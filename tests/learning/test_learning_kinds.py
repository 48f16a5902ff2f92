"""Every way to begin, every kind of physics: a tiny run of each ends with a prior that says what it is."""

import numpy as np
import pytest
import torch
from tiny_runs import TINY, told

from emdiff_app.errors import RunError
from emdiff_app.images import save_stack, stack_from_array
from emdiff_app.learning import Recipe, RunFolder, learn
from emdiff_app.learning.crops.places import draw_places
from emdiff_app.physics import ImagingModel
from emdiff_app.priors import read_prior

WHITE = {"kind": "gaussian", "sigma": 0.1}
CAMERA = {"kind": "poisson-gaussian", "offset": 0, "gain": 0.02, "read_noise": 0.02}
BLUR = {"kind": "blur", "psf": {"kind": "gaussian", "sigma_px": 1.2, "shape": [7, 7]}}


@pytest.fixture
def learned(tmp_path):
    rng = np.random.default_rng(0)
    clean = np.clip(np.cumsum(rng.normal(0, 0.2, (4, 48, 48)), 2), 0, 1).astype(np.float32)
    holes = clean + rng.normal(0, 0.1, clean.shape).astype(np.float32)
    holes[rng.random(clean.shape) < 0.5] = np.nan
    camera = (0.02 * rng.poisson(50 * clean) + rng.normal(0, 0.02, clean.shape)).astype(np.float32)
    images = {"clean": clean, "noisy": np.nan_to_num(holes, nan=0.5), "holes": holes, "camera": camera}
    for name, planes in images.items():
        save_stack(stack_from_array(planes, "ZYX", name=name), tmp_path / f"{name}.tif")

    def learn_from(name, *operators, noise=WHITE, **changes):
        model = ImagingModel.model_validate({"operator": list(operators), "noise": noise})
        files = {
            k: tuple(str(tmp_path / n) for n in v) for k, v in changes.items() if k in ("clean", "similar")
        }
        fields = {**TINY, "hidden_steps": 8, "neighbour_steps": 8, "clean_steps": 8, **changes, **files}
        run = RunFolder.create(
            tmp_path / f"run-{len(list(tmp_path.iterdir()))}",
            Recipe(stacks=(str(tmp_path / f"{name}.tif"),), model=model, **fields),
        )
        assert learn(run), told(run)[-1]
        prior, card = read_prior(run.prior)
        assert all(bool(torch.isfinite(p).all()) for p in prior.parameters())
        return run, prior, card

    return learn_from


def test_a_cameras_noise_begins_with_hidden_pixels_and_teaches_noise_maps(learned):
    run, prior, card = learned("camera", noise=CAMERA)
    assert prior.variance
    assert card.takes_maps
    assert card.estimate in ("one-pass", "samples")
    assert len(told(run, "scored")) == 2


def test_missing_pixels_are_learned_from_images_that_bring_their_masks_as_nan(learned):
    _, _, card = learned("holes", {"kind": "mask", "pattern": "array"})
    assert card.takes_maps
    assert card.estimate == "samples"


def test_a_mask_of_the_whole_plane(learned):
    learned("noisy", {"kind": "mask", "missing": 0.5})


def test_blur_says_what_it_can_never_learn_in_the_run_and_on_the_card(learned):
    run, _, card = learned("noisy", BLUR)
    (notice,) = (e.text for e in told(run, "notice") if "cannot be learned" in e.text)
    assert card.training.notices[0] == notice


def test_a_few_clean_images_are_learned_from_and_nothing_is_lost_then(learned):
    run, _, _ = learned("noisy", BLUR, clean=("clean.tif",))
    assert not any("cannot be learned" in e.text for e in told(run, "notice"))


def test_images_of_another_kind_begin_a_run(learned):
    learned("noisy", similar=("clean.tif",))


def test_somebodys_prior_begins_a_run_without_training(learned, tmp_path):
    first, prior, _ = learned("noisy")
    run, other, _ = learned("noisy", prior=str(first.prior), size="small")
    assert other.arguments == prior.arguments
    assert [e.round for e in told(run, "scored")] == [0, 1]


def test_a_prior_that_cannot_say_how_sure_it_is_begins_a_run_on_a_cameras_noise(learned):
    """Learned under blur, it has no second head, which hidden pixels need; samples alone do as well."""
    first, prior, _ = learned("noisy", BLUR)
    assert not prior.variance
    run, _, _ = learned("camera", noise=CAMERA, prior=str(first.prior))
    assert [e.round for e in told(run, "scored")] == [0, 1]
    assert any("goes on from samples alone" in e.text for e in told(run, "notice"))


def test_the_published_algorithm_takes_a_share_and_then_fresh_weights(learned):
    run, _, _ = learned(
        "noisy", BLUR, sampler="dps", first_weight=2.0, first_share=0.5, last_share=0.5, clean=("clean.tif",),
        clean_share=0.0, first_clean_share=1.0, scratch_rounds=1, scratch_steps=4,
    )  # fmt: skip
    assert [e.round for e in told(run, "scored")] == [0, 1, 2]


def test_a_time_limit_ends_the_last_round_before_it(learned):
    run, _, _ = learned("noisy", BLUR, rounds=1000, steps=100_000, time_limit_min=0.1)
    assert told(run)[-1].kind == "finished"
    assert any("time that was given" in e.text for e in told(run, "notice"))


def test_a_start_from_neighbours_leaves_time_for_all_levels_of_noise(learned):
    many = {"hidden_steps": 100_000, "neighbour_steps": 100_000, "rounds": 1000}
    run, _, _ = learned("camera", noise=CAMERA, time_limit_min=0.15, **many)
    trained = {e.round: e.step for e in told(run, "progress") if e.phase == "m-step"}
    assert trained[1] > trained[0] / 2
    assert told(run)[-1].kind == "finished"


def test_patience_ends_a_run_that_does_not_get_better(learned):
    run, _, _ = learned(
        "noisy", BLUR, rounds=50, patience=1, learning_rate=0.02, decay=False, steps=12, held_out=6
    )
    assert len(told(run, "scored")) < 51


def test_five_clean_images_as_small_as_a_crop_are_enough_to_learn_from(tmp_path):
    side = TINY["crop"]
    clean = stack_from_array(np.random.default_rng(0).random((5, side, side), np.float32), "ZYX")
    _, places = draw_places([clean], side, 0, TINY["crops"], 0)
    assert len(places) == 5
    with pytest.raises(RunError, match="too small to keep 1 crop"):
        draw_places([clean], side, 2, TINY["crops"], 0)

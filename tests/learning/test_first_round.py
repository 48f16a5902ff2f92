"""What a run may be trusted with before it has done more than its start, and what it refuses or keeps exact."""

import numpy as np
import pytest
import torch
from tiny_runs import CAMERA, make_run, told

from emdiff_app.images import IntensityScale, save_stack, stack_from_array
from emdiff_app.learning import learn
from emdiff_app.learning.crops.crop_set import CropSet
from emdiff_app.learning.crops.places import Place
from emdiff_app.physics import ImagingModel
from emdiff_app.priors import read_card


def stop_after_the_start(run):
    def listen(event):
        if event.kind == "scored" and event.round == 0:
            run.ask("stop")

    return listen


def test_the_first_prior_of_a_camera_is_for_one_pass_and_says_that_it_makes_no_samples(tmp_path):
    run = make_run(tmp_path, model=CAMERA, save_every_s=0)
    learn(run, stop_after_the_start(run))
    assert told(run)[-1].kind == "stopped"
    card = read_card(run.prior)
    assert card.training.rounds == 0
    assert card.estimate == "one-pass"
    assert any("its samples cannot" in text for text in card.training.notices)


def test_a_prior_that_has_learned_from_samples_says_nothing_of_the_kind(tmp_path):
    run = make_run(tmp_path, model=CAMERA)
    assert learn(run)
    card = read_card(run.prior)
    assert card.training.rounds == 1
    assert not any("its samples cannot" in text for text in card.training.notices)


def test_small_differences_on_a_large_offset_reach_the_network():
    pixels = 4_000_000_000 + np.arange(32 * 32, dtype=np.uint32).reshape(32, 32) % 300
    stack = stack_from_array(pixels, "YX")
    crops = CropSet([stack], [Place(0, (), 0, 0)], 32, IntensityScale.fit([stack]))
    assert len(torch.unique(crops.batch(0, 1))) == 300


def test_clean_images_of_several_channels_are_refused(tmp_path):
    clean = np.random.default_rng(0).random((3, 64, 64)).astype(np.float32)
    save_stack(stack_from_array(clean, "CYX"), tmp_path / "clean.tif")
    run = make_run(tmp_path, clean=(str(tmp_path / "clean.tif"),))
    assert not learn(run)
    assert "3 channels" in told(run)[-1].text


@pytest.mark.parametrize("anchor", ["sure", "hidden-pixels", "noise-above"])
def test_an_anchor_that_blur_forbids_is_refused_rather_than_ignored(tmp_path, anchor):
    psf = {"kind": "gaussian", "fwhm_px": 2.0}
    noise = {"kind": "gaussian", "sigma": 5.0}
    blurred = ImagingModel.model_validate({"operator": [{"kind": "blur", "psf": psf}], "noise": noise})
    run = make_run(tmp_path, model=blurred, anchor=anchor)
    assert not learn(run)
    assert f"The anchor {anchor}" in told(run)[-1].text

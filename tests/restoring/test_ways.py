"""Which way an image is restored: what the prior's card says, and the noise of the plane at hand."""

import numpy as np
import pytest
import torch
from restoring_tools import BLURRED, SCALE, small_prior, squares, stack_of

from emdiff_app.diffusion import Batch
from emdiff_app.diffusion.one_pass import one_pass
from emdiff_app.errors import EMDiffError
from emdiff_app.images import stack_from_array
from emdiff_app.physics import ImagingModel, estimate_noise
from emdiff_app.posterior.look import look
from emdiff_app.restoring import KnownPrior, restore

CAMERA = ImagingModel.model_validate(
    {"noise": {"kind": "poisson-gaussian", "offset": 100, "gain": 2, "read_noise": 3}}
)


def known(estimate="one-pass", **words):
    prior = small_prior(variance=True, **words)
    prior.takes_maps = True
    return KnownPrior(prior, SCALE, CAMERA, "p", "", estimate)


def scaled(plane):
    return torch.from_numpy(SCALE.forward(plane).astype(np.float32))[None, None]


def test_one_pass_is_the_estimate_where_the_card_says_so():
    plane = squares(1, 32, 32)[0]
    made = restore(stack_of(plane, "YX"), known())
    assert made.facts["method"] == "one pass"
    batch = Batch.of(CAMERA.bind((32, 32), scale=SCALE), scaled(plane))
    mean, variance = one_pass(known().prior, batch, ways=2)
    np.testing.assert_allclose(made.mean.numpy(), SCALE.inverse(mean[0, 0].numpy()), rtol=1e-3)
    np.testing.assert_allclose(made.spread.numpy(), SCALE.gain * variance[0, 0].sqrt().numpy(), rtol=1e-2)
    assert restore(stack_of(plane, "YX"), known("samples")).facts["method"] == "one look"


def test_samples_beside_one_pass_give_the_spread():
    stack = stack_of(squares(1, 32, 32))
    alone = restore(stack, known())
    beside = restore(stack, known(), steps=2, write=("mean", "spread", "sample"))
    np.testing.assert_array_equal(beside.mean.numpy(), alone.mean.numpy())
    assert beside.facts["mean_of"] == "one pass"
    assert np.abs(beside.spread.numpy() - alone.spread.numpy()).mean() > 0.1
    asked = restore(stack, known(), samples=2, steps=2)  # who asks for an average gets one
    assert np.abs(asked.mean.numpy() - alone.mean.numpy()).mean() > 0.1


def test_one_pass_goes_tile_by_tile_and_can_be_followed():
    stack, told = stack_of(squares(1, 80, 84)), []
    whole = restore(stack, known())
    tiled = restore(stack, known(), tile=32, on_progress=told.append)
    np.testing.assert_allclose(tiled.mean.numpy(), whole.mean.numpy(), atol=0.05)
    fractions = [p.fraction for p in told]
    assert fractions == sorted(fractions)
    assert len({p.step for p in told}) > 30


def test_one_pass_is_not_for_blur():
    assert restore(stack_of(squares(1, 32, 32)), known(), BLURRED, steps=2).facts["method"] == "spectral"


def test_each_plane_has_the_noise_that_was_measured_in_it():
    """The second plane is as the first with grey levels three times as far apart, and the noise with them."""
    level = squares(1, 96, 96, sigma=0)[0]
    rng = np.random.default_rng(0)
    first, second = (level + rng.normal(0, 1, level.shape) * np.sqrt(2 * (level - 100) + 9) for _ in "ab")
    stack = stack_from_array(np.stack([first, 3 * second]).astype(np.float32), "TYX", name="two")
    prior = known("samples")
    made = restore(stack, prior, noise_per_image="yes")
    assert made.facts["noise"] == "measured in each plane"
    assert any("measured in each of the 2 images" in said for said in made.sentences)
    measured = estimate_noise(stack, per_image=True, repeats=False)
    for number, plane in enumerate(stack.numpy()):
        own = ImagingModel(noise=measured.model_for((number,))).bind((96, 96), scale=SCALE)
        mean, _ = look(prior.prior, own, scaled(plane), on_step=lambda: None)
        np.testing.assert_allclose(made.mean.numpy()[number], SCALE.inverse(mean[0, 0].numpy()), rtol=1e-3)
    assert np.abs(made.mean.numpy() - restore(stack, prior).mean.numpy())[1].mean() > 1


def test_slices_of_a_volume_have_noises_of_their_own():
    rng = np.random.default_rng(0)
    light = 100 + 200 * rng.random((3, 1, 1)) + np.linspace(0, 300, 96)[:, None] * np.ones(96)
    stack = stack_of(
        (light + rng.normal(0, 1, light.shape) * np.sqrt(2 * (light - 100) + 9)).astype(np.float32)
    )
    prior = known("samples", neighbours=1)
    made = restore(stack, prior, noise_per_image="yes")
    assert made.mean.shape == stack.shape
    assert np.isfinite(made.mean.numpy()).all()
    assert made.facts["noise"] == "measured in each plane"


def stretched():
    """Three frames of one scene, each stretched to the range of its type."""
    rng = np.random.default_rng(0)
    light = 40 + 30 * np.sin(np.arange(96) / 9)[:, None] * np.ones(96)
    frames = [gain * rng.poisson(light * 255 / 110 / gain) for gain in (1.0, 2.0, 4.0)]
    shown = [np.rint(255 * (f - f.min()) / (f.max() - f.min())) for f in frames]
    return stack_from_array(np.stack(shown).astype(np.uint8), "TYX", name="movie")


def test_stretched_images_are_noticed_unless_the_noise_is_given():
    prior = known("samples")
    assert restore(stretched(), prior).facts["noise"] == "measured in each plane"
    assert "noise" not in restore(stretched(), prior, CAMERA).facts
    assert "noise" not in restore(stretched(), prior, noise_per_image="no").facts


def test_another_answer_is_refused():
    with pytest.raises(EMDiffError, match="yes, no or auto"):
        restore(stack_of(squares()), known(), noise_per_image="perhaps")

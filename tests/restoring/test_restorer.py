"""Restoring a stack: what comes back, what can be stopped, what is refused."""

import numpy as np
import pytest
import torch
from restoring_tools import BLURRED, NOISE, SIZES, gaussian_prior, small_prior, squares, stack_of, write_small

import emdiff_app
from emdiff_app.errors import PhysicsError, PriorError
from emdiff_app.images import PixelSize, stack_from_array
from emdiff_app.physics import ImagingModel
from emdiff_app.posterior.look import TURNS
from emdiff_app.restoring import Cancelled, restore


@pytest.fixture
def prior(tmp_path):
    """An untrained prior: the best linear guess, enough to see what restoring itself does."""
    return write_small(tmp_path / "p.emprior", trained=False)


@pytest.fixture
def stack():
    return stack_of(squares())


def test_a_restoration_keeps_axes_pixel_size_and_grey_levels(prior, stack):
    result = restore(stack, prior, samples=2, steps=6)
    for made in (result.mean, result.spread):
        assert (made.axes, made.shape, made.pixel_size) == (stack.axes, stack.shape, stack.pixel_size)
    assert abs(result.mean.numpy().mean() - stack.numpy().mean()) < 10
    assert (result.spread.numpy() > 0).all()


def test_times_and_channels_come_back_in_their_places(prior):
    planes = squares(4, 24, 28).reshape(2, 2, 24, 28)
    named = stack_of(planes, "TCYX", channels=("green", "red"))
    made = restore(named, prior).mean
    assert (made.axes, made.channels) == ("TCYX", ("green", "red"))
    assert [np.abs(made.numpy()[t, c] - planes[t, c]).mean() < 20 for t in (0, 1) for c in (0, 1)]


def test_the_clean_estimate_of_noisy_images_is_one_look(prior, stack):
    """`E[x | y]` of a Gaussian pixel: the untrained prior knows no neighbours."""
    steps = []
    result = restore(stack, prior, on_progress=steps.append)
    shrink = 0.4**2 / (0.4**2 + 0.1**2)
    np.testing.assert_allclose(result.mean.numpy(), 200 + shrink * (stack.numpy() - 200), rtol=1e-4)
    assert result.facts["method"] == "one look"
    assert len(steps) == 3 + 1  # one evaluation for each plane, and the end
    assert (result.spread.numpy() > 0).all()


def test_one_look_and_many_samples_agree_for_a_gaussian():
    """The closed form knows both: the mean, and the variance that is the same everywhere."""
    prior = gaussian_prior(32)
    model = ImagingModel.model_validate({"noise": {"kind": "gaussian", "sigma": 0.3}})
    truth = prior.draw(1, torch.Generator().manual_seed(0))[0, 0].numpy()
    stack = stack_of(truth + np.random.default_rng(0).normal(0, 0.3, truth.shape), "YX")
    look = restore(stack, prior, model, write=("mean", "spread", "prior-alone"))
    drawn = restore(stack, prior, model, samples=200, steps=12)
    spread = float(look.spread.numpy().mean())
    assert np.ptp(look.spread.numpy()) < 1e-4
    assert drawn.spread.numpy().mean() == pytest.approx(spread, rel=0.05)
    assert np.abs(drawn.mean.numpy() - look.mean.numpy()).mean() < 3 * spread / 200**0.5


def test_flips_and_turns_change_little_and_cost_eight_looks(tmp_path):
    path, stack = write_small(tmp_path / "p.emprior"), stack_of(squares(1, 48, 40))
    steps = []
    once, turned = (restore(stack, path, turns=turns, on_progress=steps.append) for turns in (False, True))
    assert len(steps) == (1 + 1) + (len(TURNS) + 1)
    difference = np.abs(once.mean.numpy() - turned.mean.numpy())
    assert 0 < difference.mean() < 20
    flipped = restore(stack_of(stack.numpy()[:, ::-1].copy()), path, turns=True)
    np.testing.assert_allclose(flipped.mean.numpy()[:, ::-1], turned.mean.numpy(), atol=0.01)


def test_one_sample_has_no_spread_unless_it_is_asked_for(prior, stack):
    assert restore(stack, prior, samples=1, steps=4).spread is None
    asked = restore(stack, prior, samples=1, steps=4, write=("sample", "spread"))
    assert (asked.spread.numpy() > 0).all()


@pytest.mark.parametrize(
    ("write", "drawn"), [(("mean",), 4), (("mean", "spread"), 8), (("sample",), 1), (("samples",), 8)]
)
def test_no_more_samples_are_drawn_than_the_results_need(prior, write, drawn):
    """Of a blurred image; the mean of two pairs is as good as that of many, a spread needs more."""
    assert (
        restore(stack_of(squares(1, 24, 24)), prior, BLURRED, steps=2, write=write).facts["samples"] == drawn
    )


def test_all_samples_differ_and_their_mean_is_the_estimate(prior, stack):
    made = restore(stack, prior, samples=4, steps=4, write=("mean", "spread", "samples"))
    samples = np.stack([sample.numpy() for sample in made.samples])
    assert samples.shape == (4, *stack.shape)
    np.testing.assert_allclose(samples.mean(0), made.mean.numpy(), rtol=1e-4)
    np.testing.assert_allclose(samples.std(0), made.spread.numpy(), rtol=1e-2, atol=0.01)


def test_what_comes_from_the_prior_alone():
    """For a Gaussian: everything where nothing was recorded, and `v / (v + sd^2)` of white images in noise."""
    white = gaussian_prior(32)
    white.spectrum = torch.full_like(white.spectrum, 0.16)
    noise = {"kind": "gaussian", "sigma": 0.2}
    masked = {"operator": [{"kind": "mask", "pattern": "lines", "step": 2}], "noise": noise}
    stack = stack_of(np.random.default_rng(0).normal(0.5, 0.4, (32, 32)), "YX")
    alone = restore(
        stack, white, ImagingModel.model_validate(masked), samples=200, steps=16, write=("prior-alone",)
    ).prior_alone.numpy()
    assert alone[1::2].mean() == pytest.approx(1, abs=0.07)
    assert alone[::2].mean() == pytest.approx(0.04 / 0.2, abs=0.04)
    one_look = restore(stack, white, ImagingModel.model_validate({"noise": noise}), write=("prior-alone",))
    np.testing.assert_allclose(one_look.prior_alone.numpy(), 0.2, rtol=1e-3)


def test_a_super_resolved_image_lies_over_its_input(tmp_path):
    """Half as large pixels, the first of which begins where the first recorded one does."""
    model = ImagingModel.model_validate(
        {"operator": [{"kind": "downsample", "factor": 2}], "noise": NOISE.noise}
    )
    path = write_small(tmp_path / "p.emprior", model=model)
    made = restore(stack_of(squares(2, 20, 24)), path, samples=2, steps=3).mean
    assert made.shape == (2, 40, 48)
    assert made.pixel_size == {**SIZES, "Y": PixelSize(0.05), "X": PixelSize(0.05)}
    places = made.extras["translation"]
    assert (places["Y"].value, places["X"].value) == pytest.approx((-0.025, -0.025))


def test_a_prior_of_noisy_images_restores_blurred_ones(prior, stack):
    result = restore(stack, prior, BLURRED, samples=2, steps=4)
    assert result.facts["method"] == "spectral"
    assert result.facts["imaging_model_from"] == "the user"


def test_a_prior_that_looks_at_neighbours_sees_the_whole_stack(tmp_path):
    path = write_small(tmp_path / "p.emprior", neighbours=1)
    planes = squares(4, 32, 36)
    usual = restore(stack_of(planes), path).mean.numpy()
    planes[2] += 30
    changed = np.abs(restore(stack_of(planes), path).mean.numpy() - usual).mean((1, 2))
    assert changed[1] > 0.01
    assert changed[3] > 0.01
    assert changed[0] < 1e-3


@pytest.mark.parametrize("samples", [None, 1])
def test_a_single_plane_has_no_neighbours(tmp_path, samples):
    path = write_small(tmp_path / "p.emprior", neighbours=1)
    plane = squares(1, 32, 36)
    alone = restore(stack_of(plane[0], "YX"), path, samples=samples, steps=3)
    assert alone.mean.shape == (32, 36)
    if samples is None:
        one_slice = restore(stack_of(plane), path)
        np.testing.assert_allclose(alone.mean.numpy(), one_slice.mean.numpy()[0], rtol=1e-5)


@pytest.mark.parametrize("operator", [BLURRED.operator, [{"kind": "mask", "pattern": "lines", "step": 2}]])
def test_a_model_for_planes_acts_on_each_slice_of_a_volume(tmp_path, operator):
    model = ImagingModel.model_validate({"operator": operator, "noise": NOISE.noise})
    path = write_small(tmp_path / "p.emprior", model=model, neighbours=1)
    made = restore(stack_of(squares(3, 24, 28)), path, samples=2, steps=3)
    assert made.mean.shape == (3, 24, 28)
    assert np.isfinite(made.mean.numpy()).all()


def test_colours_are_restored_together(tmp_path):
    path = write_small(tmp_path / "p.emprior", channels=3)
    photo = stack_from_array(
        (100 + 100 * np.random.default_rng(0).random((40, 44, 3))).astype(np.uint8), "YXS"
    )
    made = restore(photo, path)
    assert (made.mean.axes, made.mean.shape) == ("YXS", (40, 44, 3))


def test_the_same_seed_restores_the_same(prior, stack):
    one, other, third = (restore(stack, prior, samples=1, steps=4, seed=s).mean.numpy() for s in (1, 1, 2))
    np.testing.assert_array_equal(one, other)
    assert np.abs(one - third).mean() > 1


def test_progress_runs_from_start_to_end_by_plane_step_and_tile(prior):
    told = []
    large = stack_of(squares(2, 90, 100))
    restore(large, prior, samples=2, steps=4, tile=32, on_progress=told.append)
    fractions = [p.fraction for p in told]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    assert {p.plane for p in told} == {0, 1, 2}
    assert {p.step for p in told} == {0, 1, 2, 3, 4}
    assert max(p.tiles for p in told) >= 4
    assert {p.tile for p in told if p.tiles > 1} == set(range(1, max(p.tiles for p in told)))


def test_cancelling_takes_effect_within_a_step(prior, stack):
    steps = []
    with pytest.raises(Cancelled):
        restore(
            stack, prior, samples=1, steps=50, on_progress=steps.append, should_stop=lambda: len(steps) >= 7
        )
    assert len(steps) == 7


def test_notebooks_give_arrays_and_dictionaries(prior):
    made = emdiff_app.restore(
        squares(), prior, {"noise": {"kind": "gaussian", "sigma": 20}}, axes="ZYX", samples=2, steps=3
    )
    assert made.mean.shape == (3, 40, 50)
    assert callable(emdiff_app.learn)


def test_colour_is_refused_by_a_prior_of_one_channel(prior):
    photo = stack_from_array(np.zeros((16, 16, 3), np.uint8), "YXS", name="photo")
    with pytest.raises(PriorError, match=r"1 channel.*3"):
        restore(photo, prior)


def test_a_prior_in_memory_needs_to_be_told_the_imaging_model(stack):
    with pytest.raises((PriorError, PhysicsError), match="imaging model"):
        restore(stack, small_prior())


def test_the_verdict_is_made_when_it_is_asked_for(prior, stack, monkeypatch):
    """And not before: who wants only the pixels waits for nothing else."""
    from emdiff_app.restoring import trust

    asked, examine = [], trust.examine
    monkeypatch.setattr(trust, "examine", lambda *a, **k: asked.append(1) or examine(*a, **k))
    result = restore(stack, prior)
    assert not asked
    assert result.verdict.headline == result.verdict.headline
    assert asked == [1]
    assert result.examined.assessment.figures.pixels > 0
    checked = restore(stack, prior, check=True)
    assert asked == [1, 1]
    assert checked.verdict == result.verdict


def test_a_model_that_cannot_explain_the_data_is_said(prior, stack):
    blur = {"kind": "blur", "psf": {"kind": "gaussian", "sigma_px": 2}}
    wrong = ImagingModel.model_validate({"operator": [blur], "noise": {"kind": "gaussian", "sigma": 2}})
    said = restore(stack, prior, wrong, samples=1, steps=6)
    assert said.chi2 > 3
    assert "does not match" in said.sentences[0]

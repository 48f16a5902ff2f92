"""The small decisions of a run: where crops lie, which anchor fits, what is lost for ever, which round is kept."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from emdiff_app.diffusion import Batch, GaussianPrior, LearnedPrior
from emdiff_app.diffusion.gaussian_em import fit_gaussian
from emdiff_app.images import IntensityScale, stack_from_array
from emdiff_app.learning import PRESETS, Recipe
from emdiff_app.learning.crops.binding import Binding, noises_of
from emdiff_app.learning.crops.crop_set import CropSet
from emdiff_app.learning.crops.places import draw_places
from emdiff_app.learning.judging.judgement import is_as_good
from emdiff_app.learning.steps.anchoring import anchor_for
from emdiff_app.learning.steps.e_step import sampler_for
from emdiff_app.learning.steps.extrapolating import extrapolated
from emdiff_app.learning.steps.tempering import next_weight, weighted
from emdiff_app.learning.steps.unlearnable import is_directional, lost_bands, sentence
from emdiff_app.physics import ImagingModel

BLUR = {"kind": "blur", "psf": {"kind": "gaussian", "fwhm_px": 4.7}}
WHITE = {"kind": "gaussian", "sigma": 0.05}
CAMERA = {"kind": "poisson-gaussian", "offset": 0, "gain": 0.02, "read_noise": 0.01}


def model(*operators, noise=WHITE):
    return ImagingModel.model_validate({"operator": list(operators), "noise": noise})


def bound(*operators, noise=WHITE, side=32):
    return model(*operators, noise=noise).bind((side, side))


# places ------------------------------------------------------------------------------------------


def test_every_plane_has_its_turn_before_one_has_its_second():
    stack = stack_from_array(np.zeros((12, 40, 40), np.float32), "ZYX")
    _, places = draw_places([stack], 16, 0, 12, 0)
    assert {p.index for p in places} == {(z,) for z in range(12)}


def test_a_crop_is_never_taken_twice_and_images_of_its_size_give_one_each():
    stack = stack_from_array(np.zeros((20, 16, 16), np.float32), "ZYX")
    judges, places = draw_places([stack], 16, 4, 100, 0)
    assert len(places) == 16
    assert not {p.index for p in places} & {j.index for j in judges}


def test_with_more_tries_crops_lie_where_there_is_something_to_see():
    planes = np.zeros((4, 96, 96), np.float32)
    planes[:, 60:80, 60:80] = np.random.default_rng(0).random((4, 20, 20))
    stack = stack_from_array(planes, "ZYX")
    share = []
    for tries in (1, 6):
        _, places = draw_places([stack], 24, 0, 40, 0, tries=tries)
        share.append(
            np.mean([planes[p.index][p.row : p.row + 24, p.column : p.column + 24].any() for p in places])
        )
    assert share[1] > share[0] + 0.2


# the imaging model of each crop ------------------------------------------------------------------


def test_a_crop_has_the_part_of_the_mask_that_lies_over_it():
    stack = stack_from_array(np.ones((2, 64, 64), np.float32), "ZYX")
    spec = model({"kind": "mask", "missing": 0.5, "seed": 3})
    whole = spec.bind((64, 64)).observed[0, 0]
    _, places = draw_places([stack], 16, 0, 8, 0)
    binding = Binding(spec, [stack], 16, IntensityScale(offset=0, gain=1), torch.device("cpu"))
    imaging = binding.of(places, torch.zeros(8, 1, 16, 16))
    for place, mask in zip(places, imaging.observed, strict=True):
        assert torch.equal(mask[0], whole[place.row : place.row + 16, place.column : place.column + 16])


def test_pixels_that_are_not_finite_are_missing_where_each_image_brings_its_mask():
    pixels = np.ones((8, 16, 16), np.float32)
    pixels[:, ::2] = np.nan
    stack = stack_from_array(pixels, "ZYX")
    spec = model({"kind": "mask", "pattern": "array"})
    scale = IntensityScale(offset=0, gain=1)
    _, places = draw_places([stack], 16, 0, 8, 0)
    binding = Binding(spec, [stack], 16, scale, torch.device("cpu"))
    y = CropSet([stack], places, 16, scale, holes=binding.by_nan).batch(0, 8)
    assert torch.equal(binding.of(places, y).observed, torch.isfinite(y))


def test_images_that_were_stretched_one_by_one_have_their_own_noise():
    rng = np.random.default_rng(0)
    light = np.linspace(2, 60, 128)[None, :, None] + 5 * rng.random((1, 1, 128))
    gains = np.array([1.0, 2.0, 4.0])[:, None, None]
    stack = stack_from_array((gains * rng.poisson(light, (3, 128, 128))).astype(np.float32), "ZYX")
    camera = model(noise={**CAMERA, "gain": 2.0, "read_noise": 0.1})
    noises = noises_of([stack], camera, "yes", 0)
    found = [noises[0, (z,)].gain for z in range(3)]
    assert found == pytest.approx([1, 2, 4], rel=0.25)
    assert noises_of([stack], model(BLUR, noise=CAMERA), "auto", 0) is None


# which anchor ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operators", "noise", "name", "variance", "maps"),
    [
        ([], WHITE, "noise-above", False, False),
        ([], CAMERA, "hidden-pixels", True, True),
        ([{"kind": "mask", "missing": 0.5}], WHITE, "further-masking", False, True),
        ([BLUR], CAMERA, "none", False, False),
        ([BLUR, {"kind": "mask", "missing": 0.5}], WHITE, "none", False, False),
    ],
)
def test_the_anchor_fits_the_physics(operators, noise, name, variance, maps):
    anchor = anchor_for("auto", bound(*operators, noise=noise))
    assert (anchor.name, anchor.variance, anchor.maps) == (name, variance, maps)


def test_levels_above_the_noise_are_learned_around_missing_pixels():
    imaging = bound({"kind": "mask", "missing": 0.5})
    anchor = anchor_for("noise-above", imaging)
    y = torch.where(imaging.observed, torch.randn(2, 1, 32, 32), torch.nan)
    prior = LearnedPrior("tiny", 1, 1.0)
    assert anchor.maps  # which pixels are missing is told by the map
    assert torch.isfinite(anchor.term.loss(prior, Batch.of(imaging, y), torch.Generator()))


# what cannot be learned --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operators", "finest"),
    [
        ([BLUR], 4.0),
        ([{"kind": "downsample", "factor": 2}], 4.0),
        ([{"kind": "downsample", "factor": 3}], 6.0),
    ],
)
def test_lost_detail_is_told_in_pixels(operators, finest):
    ((low, high),) = lost_bands(bound(*operators, side=36))
    assert 1 / low == pytest.approx(finest, rel=0.06)
    assert high == 0.5
    assert "finer than about" in sentence([(low, high)], 1, {})
    assert "um)" in sentence([(low, high)], 1, {"X": 0.1})


@pytest.mark.parametrize(
    ("operator", "lengths"),
    [
        ({"kind": "blur", "psf": {"kind": "box", "size_px": 5}}, ("5.0", "2.5")),
        ({"kind": "motion-blur", "length_px": 7, "angle_deg": 0}, ("7.0", "3.5", "2.3")),
    ],
)
def test_the_narrow_zeros_of_a_motion_or_a_square_are_told_each(operator, lengths):
    text = sentence(lost_bands(bound(operator, side=64)), 1, {})
    assert all(f"of about {length} pixels" in text for length in lengths)
    assert "(and of other lengths)" not in text


@pytest.mark.parametrize("operators", [[], [{"kind": "mask", "missing": 0.7}]])
def test_noise_and_random_masks_lose_nothing_for_ever(operators):
    assert lost_bands(bound(*operators)) == []


def test_motion_is_directional_and_a_round_psf_is_not():
    assert is_directional(bound({"kind": "motion-blur", "length_px": 7, "angle_deg": 30}))
    assert not is_directional(bound(BLUR))
    assert not is_directional(bound())


def test_power_that_the_optics_hide_goes_on_as_where_it_is_seen():
    """Images with a steep power law behind a blur: samples of the Gaussian have its power, not that of the start."""
    side = 48
    imaging = model({**BLUR, "boundary": "periodic"}).bind((side, side))
    f = torch.fft.fftfreq(side)
    radius = (f[:, None] ** 2 + f**2).sqrt()
    law = (radius.square() + 0.03**2) ** -2
    truth = GaussianPrior((0.04 * law / law.mean())[None], torch.zeros(1))
    y = imaging.simulate(truth.draw(48, torch.Generator().manual_seed(0)), 1)
    fitted = fit_gaussian(imaging, [y], torch.Generator().manual_seed(2), rounds=6, margin=0.0)
    hidden = radius > 0.3
    power = float(truth.spectrum[0][hidden].mean())
    assert float(fitted.spectrum[0][hidden].mean()) > 10 * power
    assert 0.2 < float(extrapolated(fitted, imaging, 0.05**2).spectrum[0][hidden].mean()) / power < 4


# tempering ---------------------------------------------------------------------------------------


def test_a_weight_changes_the_variance_of_the_noise_and_nothing_else():
    imaging = bound(BLUR, noise=CAMERA)
    x = torch.full((1, 1, *imaging.domain), 0.5)
    ratio = weighted(imaging, 0.25).noise_variance(x) / imaging.noise_variance(x)
    assert ratio.mean() == pytest.approx(4, rel=1e-4)
    assert weighted(imaging, 1.0) is imaging


@given(st.floats(0.05, 5.0), st.floats(0.5, 20.0))
def test_the_weight_goes_to_one_and_never_past_it(weight, chi2):
    rounds = 12
    for number in range(1, rounds + 1):
        changed = next_weight(weight, chi2, number, rounds)
        assert abs(math.log(changed)) <= abs(math.log(weight)) + 1e-12
        weight = changed
    assert weight == 1


def test_tempering_waits_while_the_prior_cannot_explain_the_data():
    assert next_weight(0.25, 4.5, 1, 12) == 0.25
    assert next_weight(0.25, 1.2, 1, 12) == 0.5


@given(st.floats(0.1, 0.9), st.floats(0.01, 100.0))
def test_tempering_does_not_wait_for_a_prior_that_is_right_whatever_the_noise(weight, snr):
    """The chi2 of tempered samples, exactly, where images of the power `snr` under noise of one have their prior."""
    chi2 = (1 + snr) / (1 + weight * snr) ** 2 + snr / (1 + weight * snr)
    assert chi2 * (1 + 1e-9) >= 1
    assert next_weight(weight, chi2, 1, 12) > weight


def test_dps_steps_as_far_as_the_recipe_and_the_weight_say():
    recipe = Recipe(stacks=("a.tif",), model=model(), sampler="dps", step_size=0.3)
    assert sampler_for(SimpleNamespace(recipe=recipe), 2.0, False) == ("dps", {"zeta": pytest.approx(0.6)})
    assert sampler_for(SimpleNamespace(recipe=recipe), 1.0, True) == ("dps", {"zeta": pytest.approx(0.3)})


# which round is kept -----------------------------------------------------------------------------


def test_a_later_round_is_kept_unless_it_is_clearly_worse():
    best = [1.0, 2.0, 3.0, 4.0]
    assert is_as_good(best, best)
    assert is_as_good([1.1, 1.8, 3.1, 3.95], best)
    assert not is_as_good([0.9, 1.8, 2.9, 3.85], best)


# the recipe --------------------------------------------------------------------------------------


def test_the_share_grows_from_the_first_to_the_last_round():
    recipe = Recipe(stacks=("a.tif",), model=model(), rounds=5, first_share=0.2)
    shares = [recipe.share(r) for r in range(1, 6)]
    assert shares == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])


@pytest.mark.parametrize("name", list(PRESETS))
def test_every_preset_is_a_recipe_and_every_field_is_explained(name):
    recipe = Recipe(stacks=("a.tif",), model=model(), **PRESETS[name])
    assert recipe.last_round >= recipe.rounds
    assert all(f.description and f.description.endswith(".") for f in Recipe.model_fields.values())

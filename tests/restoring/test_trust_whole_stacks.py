"""The check of whole stacks: which crops it takes, and what it makes of axes, colours and missing pixels."""

import numpy as np
import pytest
import torch

from emdiff_app.diffusion import GaussianPrior, LearnedPrior
from emdiff_app.errors import EMDiffError
from emdiff_app.images import IntensityScale, stack_from_array
from emdiff_app.physics import ImagingModel
from emdiff_app.physics.random import generator_of
from emdiff_app.restoring import KnownPrior
from emdiff_app.restoring.report import report_of
from emdiff_app.restoring.trust import Grade, calibrate_stack, examine

SCALE = IntensityScale(offset=100, gain=50)
NOISE = ImagingModel.model_validate({"noise": {"kind": "gaussian", "sigma": 15}})


def spectrum(*shape):
    axes = torch.meshgrid(*[torch.fft.fftfreq(n) for n in shape], indexing="ij")
    power = (sum(f**2 for f in axes) + 0.002) ** -2.0
    return (power / power.mean())[None]


@pytest.fixture(scope="module")
def prior():
    return KnownPrior(GaussianPrior(spectrum(96, 96), torch.zeros(1)), SCALE, NOISE, "clouds")


@pytest.fixture(scope="module")
def recorded(prior):
    clean = SCALE.inverse(prior.prior.draw(3, generator_of(1))[:, 0].numpy())
    return clean + np.random.default_rng(0).normal(0, 15, clean.shape)


def stack_of(array, axes="ZYX", name="cells.tif"):
    return stack_from_array(array.astype(np.float32), axes, name=name)


def test_a_good_stack_is_trusted_and_reported_in_grey_levels(prior, recorded, tmp_path):
    found = examine(stack_of(recorded), prior, samples=3)
    assert found.assessment.verdict.grade is Grade.TRUST, found.assessment.verdict.reasons
    assert len(found.crops) == 4
    assert {crop.index for crop in found.crops} <= {(0,), (1,), (2,)}
    page = report_of(tmp_path / "r.html", found, title="cells.tif", command="emdiff check")
    assert "rows from" in page.read_text(encoding="utf-8")
    from emdiff_app.restoring.report import stack_pictures

    shown = stack_pictures(found)[0]
    crop = found.crops[0]
    part = recorded[crop.index][crop.row : crop.row + 64, crop.column : crop.column + 64]
    np.testing.assert_allclose(shown.recorded[0], part, rtol=1e-4)
    assert 1 < shown.spread.mean() < 15


def test_noise_of_another_size_is_noticed(prior, recorded):
    loud = ImagingModel.model_validate({"noise": {"kind": "gaussian", "sigma": 40}})
    assert examine(stack_of(recorded), prior, loud, samples=2).assessment.verdict.grade is Grade.STOP


def test_pixels_that_are_not_numbers_are_missing(prior, recorded):
    holed = recorded.copy()
    holed[:, ::7, ::5] = np.nan
    figures = examine(stack_of(holed), prior, samples=2, crops=2).assessment.figures
    assert figures.pixels == pytest.approx(2 * 64 * 64 * (1 - 1 / 35), rel=0.02)
    # To the closed-form prior opposite borders are neighbours, and in these crops they are not.
    assert figures.mean_chi2 == pytest.approx(1, abs=0.12)


def test_each_crop_has_the_mask_of_its_place(prior, recorded):
    masked = NOISE.model_copy(
        update={
            "operator": ImagingModel.model_validate(
                {"operator": [{"kind": "mask", "missing": 0.3, "seed": 1}], "noise": NOISE.noise}
            ).operator
        }
    )
    dark = recorded * masked.bind((96, 96)).observed[0, 0].numpy()  # what was not recorded is 0 in the file
    figures = examine(stack_of(dark), prior, masked, samples=2, crops=2).assessment.figures
    assert figures.pixels == pytest.approx(2 * 64 * 64 * 0.7, rel=0.05)
    assert figures.mean_chi2 == pytest.approx(1, abs=0.06)


def test_a_volume_is_checked_as_one(tmp_path):
    volume = KnownPrior(LearnedPrior("tiny", 1, 1.0, 0.0, neighbours=1), SCALE, NOISE, "slices")
    noisy = np.random.default_rng(0).normal(100, 50, (5, 40, 40))
    found = examine(stack_of(noisy), volume, samples=2, crops=1, steps=3)
    assert found.assessment.recorded.shape == (1, 1, 5, 40, 40)
    assert found.assessment.figures.spectrum is None
    assert report_of(tmp_path / "r.html", found, title="t").stat().st_size < 3e6
    assert calibrate_stack(stack_of(noisy), volume, samples=2, images=2, steps=3).images == 2


@pytest.mark.parametrize(
    ("array", "axes", "words"),
    [
        (np.zeros((64, 64, 3)), "YXS", "channel"),
        (np.full((64, 64), np.nan), "YX", "no finite values"),
    ],
)
def test_what_cannot_be_checked_is_one_sentence(prior, array, axes, words):
    with pytest.raises(EMDiffError, match=words):
        examine(stack_of(array, axes), prior)


def test_a_prior_without_a_model_needs_one(prior, recorded):
    bare = KnownPrior(prior.prior, SCALE, None)
    with pytest.raises(EMDiffError, match="--model"):
        examine(stack_of(recorded), bare)

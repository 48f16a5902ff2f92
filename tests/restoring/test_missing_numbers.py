"""Recorded pixels that are not numbers are missing: they are filled in, counted, and change nothing else."""

import numpy as np
import pytest
import torch
from restoring_tools import NOISE, gaussian_prior, squares, stack_of, write_small

from emdiff_app.errors import EMDiffError
from emdiff_app.images import stack_from_array
from emdiff_app.physics import ImagingModel
from emdiff_app.restoring import Settings, Target, known_prior, prepare, restore, write_restoration

LITTLE = ImagingModel.model_validate({"noise": {"kind": "gaussian", "sigma": 0.1}})


def conditional(prior, recorded, variance):
    """`E[x | y]` of a Gaussian by its covariance, over the pixels that are numbers."""
    side = len(recorded)
    torus = np.fft.ifft2(prior.spectrum[0].numpy()).real
    y, x = (grid.ravel() for grid in np.mgrid[:side, :side])
    covariance = torus[(y[:, None] - y) % side, (x[:, None] - x) % side]
    seen = np.isfinite(recorded.ravel())
    noisy = covariance[np.ix_(seen, seen)] + variance * np.eye(seen.sum())
    known = np.linalg.solve(noisy, recorded.ravel()[seen] - 0.5)
    return (0.5 + covariance[:, seen] @ known).reshape(side, side)


def test_holes_are_filled_with_what_the_surroundings_say():
    prior = gaussian_prior(24)
    truth = prior.draw(1, torch.Generator().manual_seed(2))[0, 0].numpy()
    recorded = truth + np.random.default_rng(0).normal(0, 0.1, truth.shape)
    hole = (slice(10, 13), slice(14, 17))
    recorded[hole] = np.nan
    recorded[5, 5] = np.inf
    made = restore(stack_of(recorded, "YX"), prior, LITTLE)
    expected = conditional(prior, np.where(np.isinf(recorded), np.nan, recorded), 0.1**2)
    np.testing.assert_allclose(made.mean.numpy(), expected, atol=5e-3)
    assert made.spread.numpy()[hole].mean() > 2 * made.spread.numpy()[:, :8].mean()
    assert any(said.startswith("10 recorded pixels were no numbers") for said in made.sentences)


def test_planes_without_holes_are_restored_as_ever(tmp_path):
    """Only the plane with the hole takes samples: the others keep their one look, to the last bit."""
    prior = write_small(tmp_path / "p.emprior", trained=False)
    planes = squares()
    usual = restore(stack_of(planes), prior)
    planes[1, 4:8, 4:8] = np.nan
    made = restore(stack_of(planes), prior)
    np.testing.assert_array_equal(made.mean.numpy()[[0, 2]], usual.mean.numpy()[[0, 2]])
    assert np.isfinite(made.mean.numpy()).all()
    assert np.abs(made.mean.numpy()[1] - usual.mean.numpy()[1])[12:].mean() < 20
    assert made.facts["method"] == "one look"
    assert made.facts["where_pixels_are_missing"]["method"] == "spectral"


def test_what_a_model_calls_missing_is_known_by_nan(tmp_path):
    """A mask that comes with each image: what learning takes as missing, restoring does too."""
    mask = [{"kind": "mask", "pattern": "array"}]
    model = ImagingModel.model_validate({"operator": mask, "noise": NOISE.noise})
    prior = write_small(tmp_path / "p.emprior", model=model)
    planes = squares(1, 32, 32)
    planes[0, ::3, ::3] = np.nan
    made = restore(stack_of(planes), prior, samples=2, steps=3)
    assert np.isfinite(made.mean.numpy()).all()


def test_a_plane_without_any_number_is_refused_by_its_name(tmp_path):
    planes = squares()
    planes[2] = np.nan
    with pytest.raises(EMDiffError, match="broken, plane 2, holds no pixel that is a number"):
        restore(stack_from_array(planes, "ZYX", name="broken"), write_small(tmp_path / "p.emprior"))


def test_the_count_survives_an_interruption(tmp_path):
    """Planes that are taken over from before keep what there is to say of them."""
    prior = known_prior(write_small(tmp_path / "p.emprior"))
    planes = squares()
    planes[0, :2, :3] = np.nan
    task = prepare(stack_of(planes), prior, None, Settings(samples=1, words=("mean",), steps=2))
    asked = []
    with pytest.raises(EMDiffError):
        write_restoration(
            task,
            Target(tmp_path, "cells"),
            on_progress=asked.append,
            should_stop=lambda: bool(asked) and asked[-1].plane == 1,
        )
    resumed = []
    written = write_restoration(task, Target(tmp_path, "cells"), on_resumed=resumed.append)
    assert resumed == [1]
    assert any(said.startswith("6 recorded pixels") for said in written.sentences)

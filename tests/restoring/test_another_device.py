"""Restoring and checking on a GPU: one that is played on the processor, and a real one where there is one."""

import numpy as np
import pytest
import torch
from another_device import NAME, AnotherDevice
from restoring_tools import BLURRED, NOISE, SCALE, small_prior, squares, stack_of

from emdiff_app.physics import ImagingModel
from emdiff_app.restoring import KnownPrior, blocks, restore, task
from emdiff_app.restoring.trust import calibrate_stack

CAMERA = ImagingModel.model_validate(
    {"noise": {"kind": "poisson-gaussian", "offset": 100, "gain": 2, "read_noise": 3}}
)
FINER = ImagingModel.model_validate(
    {
        "operator": [{"kind": "downsample", "factor": 2}, {"kind": "mask", "missing": 0.2}],
        "noise": NOISE.noise,
    }
)
CASES = {
    "one look": (NOISE, {"noise_per_image": "yes"}),
    "camera": (CAMERA, {"steps": 2}),
    "blur": (BLURRED, {"steps": 2}),
    "finer": (FINER, {"steps": 2, "samples": 2}),
}


def made(model, device, **options):
    known = KnownPrior(small_prior(), SCALE, model)
    words = ("mean", "spread", "prior-alone")
    return restore(stack_of(squares(1)), known, write=words, device=device, **options)


@pytest.fixture
def played(monkeypatch):
    monkeypatch.setattr(task, "device_for", torch.device)
    monkeypatch.setattr(blocks, "free_bytes", lambda device: 10**9)
    return NAME.type


@pytest.mark.parametrize("case", CASES)
def test_an_apple_gpu_gives_what_the_processor_gives(played, case):
    """It has no float64, and no tensor of it may be mixed with one of the processor or be given to numpy."""
    model, options = CASES[case]
    here = made(model, "cpu", **options)
    with AnotherDevice():
        there = made(model, played, **options)
        figures = there.examined.assessment.figures
    np.testing.assert_allclose(there.mean.numpy(), here.mean.numpy(), rtol=1e-3, atol=0.5)
    np.testing.assert_allclose(there.spread.numpy(), here.spread.numpy(), rtol=1e-2, atol=0.5)
    assert figures.chi2 == pytest.approx(here.examined.assessment.figures.chi2, rel=1e-2)
    assert there.verdict.grade == here.verdict.grade


def test_the_spread_is_calibrated_there_too(played):
    known = KnownPrior(small_prior(), SCALE, NOISE)
    with AnotherDevice():
        known.prior.to(NAME)
        found = calibrate_stack(stack_of(squares(1)), known, images=4, samples=2, steps=2)
    assert found.factor > 0


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("case", CASES)
def test_a_gpu_gives_what_the_processor_gives(case):
    model, options = CASES[case]
    here, there = (made(model, device, **options) for device in ("cpu", "cuda"))
    np.testing.assert_allclose(there.mean.numpy(), here.mean.numpy(), rtol=1e-2, atol=2)
    assert there.verdict.grade == here.verdict.grade

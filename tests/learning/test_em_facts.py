"""Three facts of EM on a problem that has a closed form: images of independent frequencies, white noise.

For a frequency of the power S, noise of the variance v and `K = S / (S + v)`, a posterior sample of y has the
power `K^2 E|y|^2 + v K`: the truth is a fixed point, and near it an error shrinks by `1 - K^2` a round.
"""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from emdiff_app import posterior
from emdiff_app.diffusion import GaussianPrior, fit_gaussian
from emdiff_app.physics import GaussianNoise, Imaging, ImagingModel

SIDE, IMAGES = 40, 16
MODEL = ImagingModel(noise=GaussianNoise(sigma=1.0))


def flat(power: float) -> GaussianPrior:
    """White images: every pixel and every frequency has the variance `power`."""
    return GaussianPrior(torch.full((1, SIDE, SIDE), power), torch.zeros(1))


def recorded(snr: float, seed: int) -> tuple[Imaging, Tensor]:
    """Images of the given power under noise of variance one."""
    imaging = MODEL.bind((SIDE, SIDE))
    x = flat(snr).draw(IMAGES, torch.Generator().manual_seed(seed))
    return imaging, imaging.simulate(x, seed + 1)


def power_after(prior: GaussianPrior, imaging: Imaging, y: Tensor, seed: int) -> float:
    """The E-step with the default sampler, then the M-step of a white prior: the mean square."""
    generator = torch.Generator().manual_seed(seed)
    x = posterior.get("auto").sample(prior, imaging, y, steps=3, generator=generator)
    return float(x.square().mean())


@settings(max_examples=6, deadline=None)
@given(st.sampled_from([0.3, 1.0, 3.0, 10.0]), st.sampled_from([0.9, 1.1, 1.3]), st.integers(0, 99))
def test_an_error_of_the_power_shrinks_by_one_minus_k_squared_a_round(
    snr: float, wrong: float, seed: int
) -> None:
    imaging, y = recorded(snr, seed)
    truth = float(y.square().mean()) - 1.0  # of these very images: what EM converges to
    start = wrong * truth
    after = power_after(flat(start), imaging, y, seed + 7)
    k = start / (start + 1.0)
    # Exactly so, not only to first order: K^2 (S + v) + v K - S = (1 - K^2) (S' - S) for any start S'.
    spread = (
        (2 * k**2 + 4 * k**3 * (truth + 1)) / y.numel()
    ) ** 0.5  # of the power of a sample of these images
    assert after - truth == pytest.approx((1 - k**2) * (start - truth), abs=5 * spread)


@settings(max_examples=4, deadline=None)
@given(st.sampled_from([0.3, 1.0, 2.0]), st.integers(0, 99))
def test_rounds_on_samples_keep_the_power_even_where_the_noise_is_stronger(snr: float, seed: int) -> None:
    imaging, y = recorded(snr, seed)
    power = snr
    for number in range(30):
        power = power_after(flat(power), imaging, y, 100 * seed + number)
    assert power == pytest.approx(float(y.square().mean()) - 1.0, rel=0.25)


@settings(max_examples=4, deadline=None)
@given(st.sampled_from([0.3, 1.0, 2.0]), st.integers(0, 99))
def test_rounds_on_means_lose_the_power_below_a_signal_to_noise_ratio_of_three(snr: float, seed: int) -> None:
    _, y = recorded(snr, seed)
    power = snr
    for _ in range(30):
        power = float(flat(power).denoise(y, 1.0).square().mean())
    assert power < 0.3 * snr


def test_started_too_low_is_far_slower_than_started_too_high() -> None:
    imaging, y = recorded(1.0, 3)
    ends = []
    for start in (10.0, 0.1):
        power = start
        for number in range(6):
            power = power_after(flat(power), imaging, y, number)
        ends.append(abs(np.log(power)))
    assert ends[0] < 0.7 * ends[1]


def test_a_frequency_that_the_optics_do_not_pass_stays_where_it_started() -> None:
    """A blur with zeros, images of power one: what passes gets there from far off, what does not never moves."""
    blur = {"kind": "blur", "psf": {"kind": "box", "size_px": 5}, "boundary": "periodic"}
    model = ImagingModel.model_validate({"operator": [blur], "noise": {"kind": "gaussian", "sigma": 0.1}})
    imaging = model.bind((SIDE, SIDE))
    y = imaging.simulate(flat(1.0).draw(64, torch.Generator().manual_seed(0)), 1)
    start, end = (
        fit_gaussian(imaging, [y], torch.Generator().manual_seed(2), rounds=n, margin=0.0).spectrum[0]
        for n in (0, 12)
    )
    lost, passed = (0, SIDE // 5), (0, 1)
    assert float(start[passed]) > 4
    assert float(start[lost]) < 0.2
    assert float(end[passed]) == pytest.approx(1.0, rel=0.3)
    # Each round draws anew, so it wanders about its start, and not towards the truth.
    assert 0.4 < float(end[lost] / start[lost]) < 2.5

"""Every sampler against the exact posterior of a Gaussian prior: the mean and the spread of its samples."""

import pytest
from closed_form import MODELS, bound, errors, exact, gaussian_prior, white

from emdiff_app import posterior
from emdiff_app.physics.random import generator_of

# For each method: how many samples, and for each problem the largest excess error of the mean (in posterior
# variances) and the range of the variance ratio. Those of the default are promises. Those of the others say what
# the published method does, with room for chance: much of it is poor, and that is why they are not the default.
BOUNDS = {
    "auto": (600, dict.fromkeys(MODELS, (0.02, 0.9, 1.1))),
    "spectral": (600, dict.fromkeys(MODELS, (0.02, 0.9, 1.1))),
    "mmps": (
        400,
        {
            "noise": (0.02, 0.95, 1.1),
            "blur": (0.08, 0.95, 1.1),  # five conjugate gradients are not enough for all frequencies
            "mask": (0.02, 0.95, 1.1),
            "downsample": (0.02, 0.95, 1.1),
        },
    ),
    "gibbs": (
        400,
        {
            "noise": (0.06, 0.9, 1.25),
            "blur": (0.03, 0.9, 1.15),
            "mask": (0.2, 0.9, 1.35),  # rho falls faster than missing pixels can follow
            "downsample": (0.03, 0.9, 1.15),
        },
    ),
    "diffpir": (  # ancestral steps from means lose spread, an isotropic covariance misses neighbours
        400,
        {
            "noise": (0.08, 0.6, 0.9),
            "blur": (0.06, 0.6, 0.9),
            "mask": (0.8, 0.9, 1.4),
            "downsample": (0.1, 0.7, 0.95),
        },
    ),
    "pigdm": (
        200,
        {
            "noise": (0.3, 0.9, 1.3),
            "blur": (0.1, 0.85, 1.1),
            "mask": (0.8, 0.9, 1.5),
            "downsample": (0.1, 0.8, 1.1),
        },
    ),
    "sdedit": (  # it looks at the data once
        400,
        {
            "noise": (0.15, 1.1, 1.6),
            "blur": (1.5, 0.5, 1.0),
            "mask": (1.5, 0.3, 0.8),
            "downsample": (0.8, 0.4, 0.9),
        },
    ),
    "score-ald": (
        64,
        {
            "noise": (0.04, 0.9, 1.15),
            "blur": (0.25, 0.95, 1.35),
            "mask": (0.1, 0.95, 1.3),
            "downsample": (0.04, 0.9, 1.2),
        },
    ),
    "dps": (  # the step does not know the noise: much of it is fitted
        48,
        {
            "noise": (0.9, 0.0, 0.15),
            "blur": (0.5, 0.4, 0.95),
            "mask": (0.6, 0.5, 1.1),
            "downsample": (0.1, 0.7, 1.05),
        },
    ),
}
CASES = [(method, name) for method, (_, bounds) in BOUNDS.items() for name in bounds]


@pytest.mark.parametrize(("method", "name"), CASES)
def test_samples_have_the_mean_and_the_spread_of_the_exact_posterior(method, name):
    count, bounds = BOUNDS[method]
    most, least, greatest = bounds[name]
    excess, ratio = errors(method, name, count)
    assert excess < most
    assert least < ratio < greatest


def test_from_noise_is_exact_in_a_few_steps():
    excess, ratio = errors("from-noise", "noise", 600, steps=4)
    assert excess < 0.02
    assert 0.9 < ratio < 1.1


def test_every_method_is_measured():
    assert set(posterior.names()) == {*BOUNDS, "from-noise"}


def test_mmps_keeps_the_spread_that_its_ancestral_form_loses():
    _, second_order = errors("mmps", "mask", 200, steps=32)
    _, ancestral = errors("mmps", "mask", 200, steps=32, integrator="ancestral")
    assert ancestral < 0.85 < 0.95 < second_order < 1.1


def test_more_conjugate_gradients_bring_mmps_to_the_exact_mean():
    few, _ = errors("mmps", "blur", 200, iterations=1)
    many, _ = errors("mmps", "blur", 200, iterations=20)
    assert many < 0.02 < few


def test_missing_pixels_in_y_are_missing_pixels():
    """NaN in a blurred image: as exact as a mask."""
    imaging = bound({"operator": MODELS["blur"]["operator"], "noise": white(0.1)})
    y = imaging.simulate(gaussian_prior().draw(1, generator_of(1)), 2)
    y[..., 3:6, 2:9] = float("nan")
    mean, variance = exact(imaging, y)
    many = y.expand(400, *y.shape[1:]).clone()
    x = posterior.get("auto").sample(gaussian_prior(), imaging, many, steps=24, generator=generator_of(3))
    excess = (x.mean(0) - mean).square().mean() - x.var(0).mean() / 400
    assert excess / variance.mean() < 0.02
    assert 0.9 < x.var(0).mean() / variance.mean() < 1.1

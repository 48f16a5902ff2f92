"""Every sampler against the exact posterior of a Gaussian prior: the mean and the spread of its samples."""

import pytest
from closed_form import MODELS, bound, deviation, errors, gaussian_prior, white

from emdiff_app import posterior
from emdiff_app.physics.random import generator_of

# For each method: how many samples, and for each problem the largest excess error of the mean (in posterior
# variances) and the range of the variance ratio. Those of the default are promises. Those of the others say what
# the published method does, with room for chance: much of it is poor, and that is why they are not the default.
BOUNDS = {
    "auto": (500, dict.fromkeys(MODELS, (0.02, 0.9, 1.1))),
    "spectral": (500, {"noise": (0.02, 0.9, 1.1)}),  # for the others it is what auto picks
    "mmps": (
        400,
        {
            "noise": (0.02, 0.95, 1.06),
            "blur": (0.04, 0.93, 1.06),  # five conjugate gradients are few for all frequencies
            "mask": (0.02, 0.95, 1.08),
            "downsample": (0.02, 0.95, 1.08),
        },
    ),
    "gibbs": (  # rho falls faster than missing pixels can follow
        400,
        {
            "noise": (0.03, 0.95, 1.2),
            "blur": (0.02, 0.95, 1.1),
            "mask": (0.05, 0.95, 1.25),
            "downsample": (0.02, 0.95, 1.1),
        },
    ),
    "diffpir": (  # ancestral steps from means lose spread, an isotropic covariance misses neighbours
        400,
        {
            "noise": (0.04, 0.65, 0.8),
            "blur": (0.03, 0.65, 0.85),
            "mask": (0.25, 1.05, 1.3),
            "downsample": (0.05, 0.75, 0.9),
        },
    ),
    "pigdm": (  # guided too little at high noise levels
        200,
        {
            "noise": (0.18, 1.0, 1.25),
            "blur": (0.06, 0.85, 1.1),
            "mask": (0.25, 1.05, 1.35),
            "downsample": (0.06, 0.85, 1.1),
        },
    ),
    "sdedit": (  # it looks at the data once
        400,
        {
            "noise": (0.06, 1.2, 1.5),
            "blur": (0.8, 0.65, 0.9),
            "mask": (0.6, 0.45, 0.75),
            "downsample": (0.3, 0.5, 0.75),
        },
    ),
    "score-ald": (
        64,
        {
            "noise": (0.04, 0.9, 1.15),
            "blur": (0.12, 1.0, 1.3),
            "mask": (0.05, 0.95, 1.25),
            "downsample": (0.04, 0.95, 1.2),
        },
    ),
    "dps": (  # its step does not know how strong the noise is, and fits much of it
        48,
        {
            "noise": (0.6, 0.03, 0.12),
            "blur": (0.45, 0.5, 0.8),
            "mask": (0.2, 0.7, 1.05),
            "downsample": (0.1, 0.8, 1.1),
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


@pytest.mark.parametrize(
    "model",
    [
        {"operator": MODELS["blur"]["operator"], "noise": white(0.02)},
        {"operator": [*MODELS["blur"]["operator"], *MODELS["mask"]["operator"]], "noise": white(0.05)},
        {"operator": MODELS["mask"]["operator"], "noise": white(0.01)},
        {"noise": white(0.02)},
        {"noise": white(2.0)},
    ],
    ids=["sharp", "blurred-and-missing", "nearly-no-noise-missing", "nearly-no-noise", "nearly-all-noise"],
)
def test_the_default_stays_exact_where_it_is_hard(model):
    imaging = bound(model)
    y = imaging.simulate(gaussian_prior().draw(1, generator_of(1)), 2)
    excess, ratio = deviation(imaging, y, "auto", 400, 24)
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
    imaging = bound(MODELS["blur"])
    y = imaging.simulate(gaussian_prior().draw(1, generator_of(1)), 2)
    y[..., 3:6, 2:9] = float("nan")
    excess, ratio = deviation(imaging, y, "auto", 400, 24)
    assert excess < 0.02
    assert 0.9 < ratio < 1.1

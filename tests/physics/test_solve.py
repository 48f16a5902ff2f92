"""The Gaussian-conditional step beside dense linear algebra, and what it does in hard cases."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from emdiff_app.physics import ImagingModel

FIELD = (8, 9)
BLUR = {"kind": "blur", "psf": {"kind": "gaussian", "sigma_px": 0.8, "shape": [3, 3]}}
WRAPPED = {**BLUR, "boundary": "periodic"}
MASK = {"kind": "mask", "missing": 0.4, "seed": 1}
AREA = {"kind": "downsample", "factor": 2}
POINT = {"kind": "downsample", "factor": 2, "method": "point"}
CHAINS = {
    "nothing": [],
    "mask": [MASK],
    "blur": [BLUR],
    "periodic blur": [WRAPPED],
    "area": [AREA],
    "point": [POINT],
    "masked area": [AREA, MASK],
    "masked blur": [BLUR, MASK],
    "periodic blur, area": [WRAPPED, AREA],
    "periodic blur, point": [WRAPPED, POINT],
    "blur, area, mask": [BLUR, AREA, MASK],
}
CLOSED = {"nothing", "mask", "area", "point", "masked area"}


def bind(chain, noise=None, field=FIELD, dtype=torch.float64):
    noise = noise or {"kind": "gaussian", "sigma": 0.3}
    return ImagingModel.parse({"operator": chain, "noise": noise}).bind(field, dtype=dtype)


def dense(bound):
    """A as a matrix, column by column."""
    n = int(np.prod(bound.domain))
    units = torch.eye(n, dtype=torch.float64).reshape(n, 1, *bound.domain)
    return bound.apply(units).reshape(n, -1).T


def posterior(bound, y, x0, rho, variance):
    """Mean and covariance by dense algebra; `rho`, `variance` are maps of one image."""
    A = dense(bound)
    weight = 1 / variance.expand(1, 1, *bound.field).flatten()
    if bound.observed is not None:
        weight = weight * bound.observed.expand(1, 1, *bound.field).flatten()
    inverse = 1 / rho.expand(1, 1, *bound.domain).flatten() ** 2
    covariance = torch.linalg.inv(A.T @ (weight[:, None] * A) + inverse.diag())
    right = A.T @ (weight * y.flatten()) + inverse * x0.flatten()
    return (covariance @ right).reshape(x0.shape), covariance


def images(bound, seed=0):
    generator = torch.Generator().manual_seed(seed)
    options = {"dtype": torch.float64, "generator": generator}
    return torch.randn(1, 1, *bound.domain, **options), torch.randn(1, 1, *bound.field, **options)


@pytest.mark.parametrize("name", CHAINS)
@pytest.mark.parametrize("maps", ["numbers", "variance map", "both maps"])
def test_it_agrees_with_dense_algebra(name, maps):
    bound = bind(CHAINS[name])
    x0, y = images(bound)
    rho = torch.full((1, 1, *bound.domain), 0.7, dtype=torch.float64)
    variance = torch.full((1, 1, *bound.field), 0.09, dtype=torch.float64)
    if maps != "numbers":
        variance *= 0.5 + torch.rand(variance.shape, dtype=torch.float64)
    if maps == "both maps":
        rho *= 0.5 + torch.rand(rho.shape, dtype=torch.float64)
    expected, _ = posterior(bound, y, x0, rho, variance)
    given = (0.7, 0.09) if maps == "numbers" else (rho if maps == "both maps" else 0.7, variance)
    solved = bound.solve(y, x0, given[0], variance=given[1], tol=1e-12, max_iter=500)
    torch.testing.assert_close(solved, expected, rtol=0, atol=1e-8)


@pytest.mark.parametrize("name", [n for n in CHAINS if n in CLOSED or "periodic" in n])
def test_where_there_is_a_closed_form_no_iteration_is_needed(name):
    bound = bind(CHAINS[name])
    x0, y = images(bound)
    exact = bound.solve(y, x0, 0.7, tol=1e-13, max_iter=500)
    assert torch.equal(bound.solve(y, x0, 0.7, max_iter=0), exact)


@pytest.mark.parametrize("name", ["mask", "masked blur", "periodic blur, area"])
def test_samples_have_the_exact_mean_and_covariance(name):
    bound = bind(CHAINS[name], field=(6, 6))
    x0, y = images(bound)
    variance = 0.09 * (0.5 + torch.rand(1, 1, *bound.field, dtype=torch.float64))
    rho = torch.full((1, 1, *bound.domain), 0.7, dtype=torch.float64)
    mean, covariance = posterior(bound, y, x0, rho, variance)
    count = 6000
    generator = torch.Generator().manual_seed(3)
    many = (a.expand(count, -1, -1, -1) for a in (y, x0))
    drawn = bound.sample(*many, 0.7, generator, variance=variance, tol=1e-9).flatten(1)
    deviation = drawn.mean(0) - mean.flatten()
    error = (covariance.diagonal() / count).sqrt()
    assert (deviation.abs() / error).max() < 5  # one of some hundred pixels at five sigma: 1 in 10 000
    found = torch.cov(drawn.T)
    spread = (covariance.diagonal()[:, None] * covariance.diagonal() + covariance**2).div(count).sqrt()
    assert ((found - covariance).abs() / spread).max() < 6.5
    assert abs(((found - covariance) / spread).pow(2).mean() - 1) < 0.25


@settings(max_examples=15, deadline=None)
@given(st.floats(0.01, 30), st.floats(0.01, 30), st.integers(0, 100))
def test_the_gradient_vanishes_at_the_solution(rho, sigma, seed):
    bound = bind(CHAINS["masked blur"])
    x0, y = images(bound, seed)
    x = bound.solve(y, x0, rho, variance=sigma**2, tol=1e-13, max_iter=1000)
    data = bound.adjoint((y - bound.apply(x)) / sigma**2)
    prior = (x - x0) / rho**2
    scale = data.norm() + prior.norm() + 1
    assert ((data - prior).norm() / scale).item() < 1e-6


def test_each_image_stops_on_its_own_and_does_not_feel_the_others():
    bound = bind(CHAINS["masked blur"])
    pairs = [images(bound, seed) for seed in range(4)]
    x0 = torch.cat([x * 10**i for i, (x, _) in enumerate(pairs)])
    y = torch.cat([y * 10**i for i, (_, y) in enumerate(pairs)])
    y[2] = bound.apply(x0)[2]  # already solved
    rho = torch.tensor([0.1, 1.0, 3.0, 0.5], dtype=torch.float64)
    together = bound.solve(y, x0, rho, tol=1e-4)
    assert torch.equal(together[2], x0[2])
    for i in range(4):
        alone = bound.solve(y[i : i + 1], x0[i : i + 1], rho[i], tol=1e-4)
        torch.testing.assert_close(alone[0], together[i], rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("name", ["blur", "blur, area"])
def test_the_border_costs_few_steps(name):
    wide = {"kind": "blur", "psf": {"kind": "gaussian", "sigma_px": 2}}
    bound = bind([wide, AREA] if "area" in name else [wide], {"kind": "gaussian", "sigma": 1}, field=(48, 64))
    x0, y = images(bound)
    exact = bound.solve(10 * y, x0, 10.0, tol=1e-10, max_iter=300)
    error = bound.solve(10 * y, x0, 10.0, max_iter=15) - exact
    assert error.norm() < 1e-4 * (exact - x0).norm()


@pytest.mark.parametrize("steps", [0, 1, 2, 5, 100])
def test_more_steps_never_make_it_worse(steps):
    bound = bind(CHAINS["blur"], field=(32, 32), dtype=torch.float32)
    x0, y = (a.float() for a in images(bound))

    def misfit(x):
        u = (y - bound.apply(x)) / 1e-6
        return (bound.adjoint(u) - (x - x0) / 9).norm()

    assert misfit(bound.solve(y, x0, 3.0, variance=1e-6, max_iter=steps)) <= misfit(x0) * 1.0001


@pytest.mark.parametrize("name", CHAINS)
def test_unobserved_and_broken_pixels_weigh_nothing(name):
    bound = bind([*CHAINS[name], {"kind": "mask", "missing": 0.3, "seed": 8}])
    x0, y = images(bound)
    seen = bound.observed.expand_as(y)
    spoiled = torch.where(seen, y, torch.nan)
    for method in (
        bound.solve,
        lambda y, x0, rho: bound.residual(y, x0),
        lambda y, x0, rho: bound.chi2(y, x0),
    ):
        torch.testing.assert_close(method(spoiled, x0, 0.7), method(torch.where(seen, y, 9e9), x0, 0.7))
    assert torch.isfinite(bound.solve(spoiled, x0, 0.7)).all()
    nothing = torch.full_like(y, torch.nan)
    torch.testing.assert_close(bound.solve(nothing, x0, 0.7), x0)


def test_pixels_without_any_photon_have_a_variance_to_divide_by():
    noise = {"kind": "poisson-gaussian", "offset": 100, "gain": 2, "read_noise": 0}
    bound = bind(CHAINS["masked blur"], noise)
    dark = torch.full((1, 1, *bound.domain), 100.0, dtype=torch.float64)
    y = bound.simulate(dark + 3, 1)
    x = bound.solve(y, dark, 5.0)
    assert torch.isfinite(x).all()
    assert 100 < bound.crop(x).mean().item() < 107
    assert bound.noise_variance(dark).max() == 0  # the variance itself is what it is


def test_data_without_noise_are_reproduced():
    bound = bind(CHAINS["masked area"])
    x0, y = images(bound)
    x = bound.solve(y, x0, 1.0, variance=0.0)
    fit = torch.where(bound.observed, bound.apply(x) - y, 0)
    assert fit.abs().max() < 1e-6


def test_rho_may_differ_from_image_to_image_and_pixel_to_pixel():
    bound = bind([])
    y = torch.ones(2, 1, *FIELD, dtype=torch.float64)
    x = bound.solve(y, torch.zeros_like(y), torch.tensor([0.3, 3e6]), variance=0.09)
    assert x[0].unique().tolist() == pytest.approx([0.5])
    assert x[1].unique().tolist() == pytest.approx([1.0])
    sure = torch.full(FIELD, 0.3, dtype=torch.float64)
    sure[0] = 1e-9
    x = bound.solve(y, torch.zeros_like(y), sure, variance=0.09)
    assert x[:, :, 0].abs().max() < 1e-9
    assert x[:, :, 1:].unique().tolist() == pytest.approx([0.5])

"""GMRES: what conjugate gradients cannot do, and each image on its own."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from emdiff_app.physics.inverting.conjugate_gradients import Normal, conjugate_gradients
from emdiff_app.physics.random import generator_of
from emdiff_app.posterior.minimal_residual import minimal_residual

SIDE = 4


def system(seed, asymmetry, count=3):
    """`1 + S + asymmetry T`, S positive and T antisymmetric: as near the derivative of a network."""
    rng = generator_of(seed)
    R = torch.randn(count, SIDE**2, SIDE**2, generator=rng, dtype=torch.float64) / SIDE
    matrix = torch.eye(SIDE**2, dtype=torch.float64) + R @ R.mT + asymmetry * (R - R.mT)
    b = torch.randn(count, 1, SIDE, SIDE, generator=rng, dtype=torch.float64)
    return matrix, b


def applied(matrix, v):
    return (matrix @ v.flatten(1)[..., None]).reshape(v.shape)


def misfit(matrix, v, b):
    return (applied(matrix, v) - b).flatten(1).norm(dim=1) / b.flatten(1).norm(dim=1)


@given(seed=st.integers(0, 1000), asymmetry=st.floats(0, 5))
@settings(max_examples=20, deadline=None)
def test_the_residual_never_grows_and_ends_at_nothing(seed, asymmetry):
    matrix, b = system(seed, asymmetry)
    left = [
        misfit(matrix, minimal_residual(lambda v: applied(matrix, v), b, iterations=n), b)
        for n in (1, 3, 6, SIDE**2)
    ]
    assert (left[0] <= 1 + 1e-6).all()
    for before, after in itertools.pairwise(left):
        assert (after <= before + 1e-6).all()
    assert (left[-1] < 1e-3).all()


def test_where_conjugate_gradients_go_astray_it_arrives():
    matrix, b = system(0, 4.0)

    class Plain(Normal):
        weight, damping = torch.ones(()), None

        def __init__(self):
            pass

        def __call__(self, v):
            return applied(matrix, v)

    conjugate = conjugate_gradients(Plain(), b, tol=1e-6, max_iter=12)
    ours = minimal_residual(lambda v: applied(matrix, v), b, iterations=12)
    assert (misfit(matrix, ours, b) < 0.3 * misfit(matrix, conjugate, b)).all()


def test_an_image_does_not_depend_on_its_batch():
    matrix, b = system(1, 1.0)
    together = minimal_residual(lambda v: applied(matrix, v), b, iterations=5)
    alone = minimal_residual(lambda v: applied(matrix[1:2], v), b[1:2], iterations=5)
    torch.testing.assert_close(alone, together[1:2])


@pytest.mark.parametrize("scale", [0.0, 1e-30])
def test_nothing_to_solve_gives_nothing(scale):
    found = minimal_residual(lambda v: 2 * v, scale * torch.ones(2, 1, 3, 3), iterations=4)
    assert torch.isfinite(found).all()
    assert float(found.abs().max()) <= 1e-29

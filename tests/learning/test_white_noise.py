"""White noise of known size, without blur: the recorded pixels alone teach the network to restore them."""

import numpy as np
import pytest
from tiny_runs import TINY, told

import emdiff_app
from emdiff_app.images import save_stack, stack_from_array
from emdiff_app.learning import Recipe, RunFolder, learn

SIGMA = 0.3
MODEL = {"noise": {"kind": "gaussian", "sigma": SIGMA}}


@pytest.fixture(scope="module")
def discs():
    """Flat discs, which are nothing like a Gaussian: what is clean, and what was recorded."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:64, :64]
    clean = np.zeros((12, 64, 64), np.float32)
    for image in clean:
        for y, x, r in zip(*rng.uniform(0, 64, (2, 6)), rng.uniform(5, 14, 6), strict=True):
            image[(rows - y) ** 2 + (columns - x) ** 2 < r**2] = 1
    return clean, clean + SIGMA * rng.standard_normal(clean.shape).astype(np.float32)


@pytest.fixture
def begun(discs, tmp_path):
    """A run that does nothing but begin in the way that is named."""
    save_stack(stack_from_array(discs[1], "TYX"), tmp_path / "noisy.tif")
    steps = dict.fromkeys(("hidden_steps", "first_steps"), 250) | {"neighbour_steps": 1, "steps": 1}
    fields = {**TINY, **steps, "rounds": 1, "batch": 8, "learning_rate": 2e-3}

    def begin(start):
        recipe = Recipe(stacks=(str(tmp_path / "noisy.tif"),), model=MODEL, start=start, **fields)
        run = RunFolder.create(tmp_path / start, recipe)
        assert learn(run), told(run)[-1]
        return run

    return begin


def test_such_a_start_needs_no_samples_and_restores_better_than_a_gaussian(discs, begun):
    clean, noisy = discs
    errors = {}
    for start in ("auto", "gaussian"):
        run = begun(start)
        drawn = [e for e in told(run, "progress") if (e.round, e.phase) == (0, "e-step")]
        assert bool(drawn) == (start == "gaussian")
        made = emdiff_app.restore(noisy[:4], run.prior, MODEL, axes="TYX").mean.numpy()
        errors[start] = float(np.square(made - clean[:4]).mean())
    assert errors["auto"] < 0.8 * errors["gaussian"]
    assert errors["auto"] < 0.3 * SIGMA**2


@pytest.mark.parametrize(("start", "kept"), [("auto", 1), ("gaussian", 0)])
def test_a_start_that_knows_one_level_of_noise_is_never_the_prior_that_is_kept(
    begun, monkeypatch, start, kept
):
    """It has nothing to draw samples with, however well it predicts."""
    monkeypatch.setattr("emdiff_app.learning.judging.standing.is_as_good", lambda *_, **__: False)
    scored = told(begun(start), "scored")
    assert max(e.round for e in scored if e.best) == kept

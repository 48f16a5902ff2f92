"""`emdiff restore --method noise2self`: learns from the user's own stack, once, in the time it is given."""

import json

import numpy as np
import pytest

from emdiff_app.baselines import noise2self as room
from emdiff_app.baselines import prepared, restore_with
from emdiff_app.cli import main
from emdiff_app.errors import EMDiffError
from emdiff_app.images import open_stack, save_stack, stack_from_array
from emdiff_app.images.score import psnr
from emdiff_app.physics import ImagingModel

WORDS = ImagingModel.model_validate({"noise": {"kind": "gaussian", "sigma": 1.0}})


@pytest.fixture
def stack():
    """Three planes of smooth waves, in grey levels around 500."""
    rows, columns = np.mgrid[:48, :48] / 48
    clean = np.stack([500 + 40 * np.sin(4 * rows + k) * np.cos(5 * columns) for k in range(3)])
    noise = 30 * np.random.default_rng(0).standard_normal(clean.shape)
    return (clean + noise).astype(np.float32), clean.astype(np.float32)


def test_it_learns_from_the_planes_and_brings_them_closer_to_the_truth(stack):
    noisy, clean = stack
    told = []
    settings = prepared("noise2self", list(noisy), WORDS, minutes=0.15, on_progress=told.append)
    made = np.stack([restore_with("noise2self", plane, WORDS, **settings) for plane in noisy])
    assert psnr(made, clean) > psnr(noisy, clean) + 4
    assert told[-1] >= 1
    assert told == sorted(told)


def test_tiles_have_no_seams(stack, monkeypatch):
    noisy, _ = stack
    settings = prepared("noise2self", [noisy[0]], WORDS, minutes=0.002)
    tall = np.tile(noisy[0], (8, 1))
    whole = restore_with("noise2self", tall, WORDS, **settings)
    monkeypatch.setattr(room, "TILE", 64)
    assert np.abs(restore_with("noise2self", tall, WORDS, **settings) - whole).max() < 0.01


def test_the_command_learns_once_for_a_stack_and_says_so(stack, tmp_path, capsys):
    save_stack(stack_from_array(stack[0], "TYX"), tmp_path / "cells.tif")
    WORDS.write(tmp_path / "model.json")
    words = ["restore", str(tmp_path / "cells.tif"), "--model", str(tmp_path / "model.json")]
    words += ["--method", "noise2self", "--set", "minutes=0.01", "--out", str(tmp_path / "out"), "--json"]
    assert main(words) == 0
    captured = capsys.readouterr()
    made = json.loads(captured.out)["restored"][0]
    assert captured.err.count("learns from the stack first") == 1
    with open_stack(made["mean"]) as found:
        assert found.shape == (3, 48, 48)
        assert np.isfinite(found.numpy()).all()


@pytest.mark.parametrize("minutes", [0, -1, '"long"', "null"])
def test_times_that_are_none_are_refused(stack, tmp_path, capsys, minutes):
    save_stack(stack_from_array(stack[0][0], "YX"), tmp_path / "cells.tif")
    words = ["restore", str(tmp_path / "cells.tif"), "--method", "noise2self", "--out", str(tmp_path / "out")]
    assert main([*words, "--set", f"minutes={minutes}"]) == 2
    assert "minutes" in capsys.readouterr().err
    assert not list((tmp_path / "out").glob("*"))


def test_learning_can_be_cancelled(stack):
    def cancel(share):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepared("noise2self", list(stack[0]), WORDS, minutes=5, on_progress=cancel)


def test_other_methods_have_nothing_to_learn_first(stack):
    assert prepared("tv", list(stack[0]), WORDS, weight=0.5) == {"weight": 0.5}
    with pytest.raises(EMDiffError, match="minutes"):
        prepared("noise2self", list(stack[0]), WORDS, hours=3)

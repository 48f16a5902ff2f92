"""`emdiff simulate`."""

import json

import numpy as np
import pytest
import tifffile

from emdiff_app.cli import main
from emdiff_app.images import open_stack

CAMERA = {"kind": "poisson-gaussian", "offset": 100, "gain": 2, "read_noise": 1.5}


def run(capsys, *words):
    code = main([str(w) for w in words])
    return code, capsys.readouterr()


def test_the_command_writes_what_was_asked_and_says_what_it_did(tmp_path, capsys):
    clean = np.random.default_rng(0).integers(0, 200, (2, 32, 36)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "cells.tif", clean, imagej=True, metadata={"axes": "ZYX"})
    blur = {"kind": "blur", "psf": {"kind": "gaussian", "fwhm_um": 0.25}}
    (tmp_path / "m.json").write_text(
        json.dumps({"operator": [blur, {"kind": "downsample", "factor": 2}], "noise": CAMERA})
    )
    words = ("simulate", tmp_path / "cells.tif", "--model", tmp_path / "m.json", "--seed", 3, "--json")
    code, said = run(capsys, *words, "--out", tmp_path / "a.tif")
    assert code == 2
    assert "pixel size along Y is not known" in json.loads(said.out)["error"]
    code, said = run(capsys, *words, "--pixel-size", 0.1, "--out", tmp_path / "a.tif")
    assert code == 0
    result = json.loads(said.out)
    assert "darker than the camera offset" in result["warnings"][0]
    assert result["shift_px"] == {"Y": 0.5, "X": 0.5}
    code, said = run(
        capsys, *words, "--pixel-size", 0.1, "--photons", 40, "--dtype", "same", "--out", tmp_path / "b.tif"
    )
    assert code == 0
    with open_stack(tmp_path / "b.tif") as recorded:
        assert recorded.shape == (2, 16, 18)
        assert recorded.dtype == np.uint16
        assert recorded.pixel_size["X"].value == pytest.approx(0.2)
        assert recorded.numpy().mean() == pytest.approx(
            100 + 40, abs=3
        )  # half of 40 photons, 2 grey levels each
    assert run(capsys, *words, "--pixel-size", 0.1, "--out", tmp_path / "b.tif")[0] == 2

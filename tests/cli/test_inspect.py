"""`emdiff inspect`: one table for a person, one object for a machine, and a bad file does not stop the rest."""

import json
import subprocess
import sys

import numpy as np
import pytest
import tifffile

from emdiff_app.cli import main


@pytest.fixture
def cells(tmp_path):
    data = np.arange(2 * 3 * 20 * 30, dtype=np.uint16).reshape(2, 3, 20, 30)
    path = tmp_path / "cells.ome.tif"
    said = {"axes": "CZYX", "PhysicalSizeX": 0.1, "PhysicalSizeY": 0.1, "Channel": {"Name": ["DAPI", "GFP"]}}
    tifffile.imwrite(path, data, metadata=said, compression="zlib")
    return path


def test_one_object_for_machines(cells, capsys):
    assert main(["inspect", str(cells), "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["stacks"]
    assert found["axes"] == "CZYX"
    assert found["shape"] == [2, 3, 20, 30]
    assert found["dtype"] == "uint16"
    assert found["pixel_size"]["X"] == {"value": 0.1, "unit": "um"}
    assert found["channels"] == ["DAPI", "GFP"]
    assert (found["minimum"], found["maximum"]) == (0, 3599)
    assert found["compression"] == "adobe-deflate"
    assert found["bytes_as_float32"] == 2 * found["bytes"] == 4 * 3600
    assert found["warnings"] == []


def test_a_table_for_people(cells, capsys):
    assert main(["inspect", str(cells), "--channel", "GFP", "--axes", "CTYX", "--pixel-size", "0.25"]) == 0
    out = capsys.readouterr().out
    assert "T 3  Y 20  X 30" in out
    assert "0.25 um" in out
    assert "1800 to 3599" in out


def test_a_bad_file_does_not_stop_the_rest(cells, tmp_path, capsys):
    (tmp_path / "bad.tif").write_bytes(b"II*\0nonsense")
    assert main(["inspect", str(tmp_path / "bad.tif"), str(cells), str(tmp_path / "none.tif"), "--json"]) == 2
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert ["error" in each for each in found["stacks"]] == [True, False, True]
    assert "bad.tif" in found["error"]
    assert [line.split(":")[0] for line in captured.err.splitlines()] == ["emdiff", "emdiff"]


def test_it_does_without_torch(cells):
    code = (
        "import sys; from emdiff_app.cli import main; code = main(sys.argv[1:]); "
        "print('torch' in sys.modules, file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "inspect", str(cells)], capture_output=True, text=True, check=True
    )
    assert done.stderr.strip() == "False"

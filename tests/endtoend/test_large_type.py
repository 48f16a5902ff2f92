"""The window at 200 % scaling: as large as on a 1440p screen, and as on one of 1920 x 1080 pixels."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().with_name("large_type.py")


@pytest.mark.slow
@pytest.mark.parametrize(("width", "height"), [(1280, 720), (960, 540)])
def test_all_words_have_room_at_twice_the_size(width, height, pictures, tmp_path):
    folder = pictures.folder / f"{width}x{height}"
    command = [sys.executable, str(SCRIPT), str(tmp_path), str(folder), str(width), str(height)]
    scaled = {**os.environ, "QT_SCALE_FACTOR": "2", "PYTHONPATH": str(SCRIPT.parents[1])}
    done = subprocess.run(command, env=scaled, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {"ratio": 2.0, "size": [width, height]}
    assert len(list(folder.glob("*.png"))) == 5

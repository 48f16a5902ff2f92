"""A newcomer without a screen: `emdiff demo`, shortened so that it takes seconds and learns next to nothing."""

import json
from pathlib import Path

import pytest
from PIL import Image

from emdiff_app import learning
from emdiff_app.cli import _demo, main
from emdiff_app.images import open_stack
from emdiff_app.priors import read_card
from emdiff_app.resources import resource_path

SHORT = {
    "size": "tiny",
    "rounds": 1,
    "crops": 16,
    "crop": 32,
    "first_steps": 8,
    "denoising_steps": 8,
    "steps": 8,
    "sampler_steps": 4,
}


@pytest.fixture
def in_short(monkeypatch):
    monkeypatch.setitem(learning.PRESETS, "quick", SHORT)
    monkeypatch.setattr(_demo, "SAMPLES", 2)


def test_the_demo_learns_restores_compares_and_draws(in_short, tmp_path, capsys):
    assert main(["demo", "--out", str(tmp_path / "demo"), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert set(result["scores"]) == {"recorded", "blur", "wiener", "rl", "sample", "restored"}
    assert result["scores"]["rl"]["psnr"] > result["scores"]["blur"]["psnr"] > 20
    assert result["scores"]["restored"]["psnr"] > result["scores"]["sample"]["psnr"]
    with Image.open(result["picture"]) as picture:
        assert picture.width > 1000
    shipped = open_stack(resource_path("example/recorded.tif"))
    for name in ("recorded", "restored", "uncertainty", "sample"):
        with open_stack(tmp_path / "demo" / f"{name}.tif") as stack:
            assert stack.pixel_size["X"] == shipped.pixel_size["X"]
            assert stack.shape[-2:] == shipped.shape[-2:]
    card = read_card(Path(result["prior"]))
    assert [operator.kind for operator in card.model.operator] == ["blur"]
    page = Path(result["report"]).read_text(encoding="utf-8")
    assert result["verdict"].capitalize() in page
    assert "emdiff restore" in page


def test_the_demo_does_not_write_over_files_that_it_has_not_made(tmp_path, capsys):
    (tmp_path / "thesis.txt").write_text("precious")
    assert main(["demo", "--out", str(tmp_path)]) == 2
    assert "already holds files" in capsys.readouterr().err
    assert (tmp_path / "thesis.txt").read_text() == "precious"

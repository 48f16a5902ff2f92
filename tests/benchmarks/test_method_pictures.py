"""The pictures of docs/method.md in miniature, and the formula behind its curves."""

import pytest
from PIL import Image

from emdiff_app.benchmarks import Report, method_pictures
from emdiff_app.benchmarks.method_pictures import spectrum_rounds

TINY = {
    "size": "tiny",
    "rounds": 2,
    "crops": 8,
    "crop": 32,
    "held_out": 2,
    "denoising_steps": 2,
    "first_steps": 2,
    "steps": 2,
    "sampler_steps": 2,
    "gaussian_rounds": 1,
    "batch": 4,
}


@pytest.mark.parametrize("ratio", [10.0, 3.0, 1.0, 0.3])
def test_a_round_leaves_one_minus_k_squared_of_the_error(ratio):
    k = ratio / (1 + ratio)
    powers = spectrum_rounds(ratio, 1.0 + 1e-6, 1.0)
    assert (powers[1] - 1) / (powers[0] - 1) == pytest.approx(1 - k**2, rel=1e-3)
    assert powers[-1] == pytest.approx(1, abs=1e-6)


def test_too_little_spread_collapses_where_the_page_says(monkeypatch):
    monkeypatch.setattr(method_pictures, "TURNS", 4000)
    for spread in (0.0, 0.5, 0.9):
        threshold = 1 - spread + 2 * (1 - spread) ** 0.5
        assert spectrum_rounds(0.95 * threshold, 1.0, spread)[-1] < 0.01
        assert spectrum_rounds(1.05 * threshold, 1.0, spread)[-1] > 0.1


def test_every_picture_is_drawn_and_small(tmp_path, monkeypatch):
    monkeypatch.setattr(method_pictures, "RECIPE", TINY)
    monkeypatch.setattr(method_pictures, "IMAGES", 3)
    monkeypatch.setattr(method_pictures, "FIELD", 64)
    monkeypatch.setattr(method_pictures, "SIDE", 40)
    monkeypatch.setattr(method_pictures, "SAMPLES", 2)
    monkeypatch.setattr(method_pictures, "TURNS", 2)
    report = Report("method-pictures", tmp_path)
    method_pictures.run(report)
    drawn = sorted(path.name for path in tmp_path.iterdir())
    assert drawn == ["method-collapse.png", "method-means.png", "method-rounds.png", "method-speed.png"]
    assert all(f"]({name})" in report.markdown() for name in drawn)
    for name in drawn:
        with Image.open(tmp_path / name) as picture:
            assert picture.format == "PNG"
        assert (tmp_path / name).stat().st_size < 150_000

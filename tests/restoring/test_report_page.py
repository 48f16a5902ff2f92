"""The report: one page, nothing from outside, every word of a user's escaped."""

import base64
import re
from html.parser import HTMLParser

import imagecodecs
import numpy as np
import pytest

from emdiff_app.errors import StackError
from emdiff_app.restoring.report import Facts, Picture, report_html, write_report
from emdiff_app.restoring.trust import Calibration, Figures, judge

HOSTILE = "<script>alert('x')</script> & \"cells\".tif"
FIGURES = Figures(pixels=100, samples=4, chi2=(2.0, 2.1), whiteness=(0.3, 0.1, 0, 0, 0), signal=9.0)
CALIBRATION = Calibration(
    covered=(0.4, 0.7, 0.8),
    factor=1.3,
    corrected=(0.5, 0.79, 0.9),
    tarp=(0.2, 0.4, 0.6, 0.8),
    chi2=1.0,
    images=8,
    samples=4,
    sampler="auto",
    steps=24,
)


class Page(HTMLParser):
    """The tags of a page with their attributes, and its text; complains about tags that are not closed."""

    VOID = frozenset({"meta", "img", "br", "rect", "line", "circle", "polyline"})

    def __init__(self, text):
        super().__init__()
        self.tags, self.text, self.open = [], "", []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data

    def all(self, name):
        return [attributes for tag, attributes in self.tags if tag == name]


def pictures(side=100, count=2, shape=()):
    rng = np.random.default_rng(0)
    return [Picture(HOSTILE, *(rng.random((1, *shape, side, side)) for _ in range(5))) for _ in range(count)]


@pytest.fixture
def page():
    text = report_html(
        Facts(HOSTILE, {"prior": HOSTILE}, f"emdiff restore {HOSTILE}"),
        judge(FIGURES),
        FIGURES,
        histogram=[0.1] * 40,
        pictures=pictures(),
        calibration=CALIBRATION,
    )
    return text, Page(text)


def test_it_is_whole_and_loads_nothing(page):
    text, parsed = page
    assert parsed.open == []
    for tag, attributes in parsed.tags:
        assert tag not in {"script", "link", "iframe", "object", "base", "form"}
        for name, value in attributes.items():
            assert not name.startswith("on")
            assert name not in {"href", "srcset", "action"}
            assert name != "src" or value.startswith("data:image/png;base64,")
    assert not re.search(r"url\(|@import|https?://", text)
    assert any("default-src 'none'" in meta.get("content", "") for meta in parsed.all("meta"))


def test_words_of_users_are_shown_as_they_are_and_do_nothing(page):
    text, parsed = page
    assert "<script" not in text
    assert (
        parsed.text.count(HOSTILE) >= 5
    )  # the title twice, the recipe, the command, the names of the pictures


def test_it_says_the_verdict_and_what_to_do_in_words(page):
    _, parsed = page
    assert "Do not use" in parsed.text
    assert "chi2 = 2.05" in parsed.text
    assert "Check the PSF" in parsed.text
    assert "The spread is calibrated (factor 1.30)" in parsed.text
    assert f"emdiff restore {HOSTILE}" in parsed.text


def test_pictures_are_pngs_with_words(page):
    _, parsed = page
    images = parsed.all("img")
    assert len(images) == 10
    for image in images:
        pixels = imagecodecs.png_decode(base64.b64decode(image["src"].split(",")[1]))
        assert pixels.shape == (100, 100)
        assert pixels.std() > 10
        assert image["alt"]
    assert [svg["role"] for svg in parsed.all("svg")] == ["img", "img"]


def test_before_and_after_have_one_grey_scale():
    y = np.zeros((1, 20, 20))
    y[..., :10] = 4
    text = report_html(Facts("t"), judge(FIGURES), FIGURES, pictures=[Picture("p", y, y / 2)])
    before, after = (
        imagecodecs.png_decode(base64.b64decode(i["src"].split(",")[1])) for i in Page(text).all("img")
    )
    assert (before[0, 0], before[0, -1]) == (255, 0)
    assert after[0, 0] == pytest.approx(128, abs=2)


@pytest.mark.parametrize("shape", [(), (7,)])
def test_large_images_and_volumes_stay_small_on_the_page(tmp_path, shape):
    path = write_report(
        tmp_path / "r.html", Facts("t"), judge(FIGURES), FIGURES, pictures=pictures(900, 20, shape)
    )
    assert path.stat().st_size < 3e6
    assert len(Page(path.read_text(encoding="utf-8")).all("img")) == 30  # of six, five each


def test_it_prints(page):
    text, _ = page
    assert "@media print" in text
    assert "@page" in text


def test_without_a_calibration_the_spread_is_called_uncalibrated():
    parsed = Page(report_html(Facts("t"), judge(FIGURES), FIGURES))
    assert "The spread is uncalibrated" in parsed.text
    assert not parsed.all("img")


def test_an_older_report_is_not_overwritten_unasked(tmp_path):
    path = tmp_path / "r.html"
    path.write_text("old")
    with pytest.raises(StackError, match="already exists"):
        write_report(path, Facts("t"), judge(FIGURES), FIGURES)
    assert path.read_text() == "old"
    write_report(path, Facts("t"), judge(FIGURES), FIGURES, overwrite=True)
    assert path.read_text().startswith("<!doctype html>")


def test_numbers_that_are_none_make_no_picture_fail():
    blank = np.full((1, 8, 8), np.nan)
    text = report_html(Facts("t"), judge(FIGURES), FIGURES, pictures=[Picture("p", blank, blank, blank)])
    assert len(Page(text).all("img")) == 3

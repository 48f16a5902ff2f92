"""Older and newer formats: brought up to date step by step, or refused by both versions."""

import pytest
from prior_tools import make_file, put_together, taken_apart, with_card

from emdiff_app import __version__
from emdiff_app.errors import PriorError
from emdiff_app.priors import read_card
from emdiff_app.priors.card import SCHEMA
from emdiff_app.priors.upgrade import STEPS, upgraded


@pytest.fixture
def steps(monkeypatch):
    """Formats 1 to 3 as a later program would know them."""
    monkeypatch.setitem(STEPS, 1, lambda found: {**found, "schema_version": 2, "colour": found["color"]})
    monkeypatch.setitem(
        STEPS, 2, lambda found: {**found, "schema_version": 3, "colour": found["colour"].upper()}
    )


def test_an_old_card_goes_through_every_step(steps, tmp_path):
    found = upgraded({"schema_version": 1, "color": "red"}, tmp_path, schema=3)
    assert (found["schema_version"], found["colour"]) == (3, "RED")


def test_a_card_between_goes_through_the_rest(steps, tmp_path):
    assert upgraded({"schema_version": 2, "colour": "red"}, tmp_path, schema=3)["colour"] == "RED"


def test_the_present_card_is_left_alone(tmp_path):
    found = {"schema_version": SCHEMA}
    assert upgraded(found, tmp_path) is found


def test_an_old_card_that_a_step_cannot_understand_is_refused(steps, tmp_path):
    with pytest.raises(PriorError, match=r"format 1 .*export it again"):
        upgraded({"schema_version": 1}, tmp_path, schema=3)


def test_a_format_without_a_way_up_names_both_versions(tmp_path):
    with pytest.raises(PriorError, match=rf"format 4.*{__version__}, format 6"):
        upgraded({"schema_version": 4}, tmp_path, schema=6)


def test_every_format_so_far_has_a_way_up():
    assert set(STEPS) == set(range(1, SCHEMA))


def test_a_newer_format_is_refused_before_anything_else_is_looked_at(tmp_path):
    """It may have members and fields of which we know nothing; that is not what is wrong with it."""
    path = make_file(tmp_path / "p.emprior")
    members = with_card(taken_apart(path), schema_version=2, versions={"emdiff": "9.1"}, model=None)
    path.write_bytes(put_together({**members, "extra.bin": b"new"}))
    with pytest.raises(
        PriorError, match=rf"newer EMDiff \(9\.1, format 2\).*\({__version__}, format 1\); update"
    ):
        read_card(path)

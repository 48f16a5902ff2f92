"""`emdiff bench restore` in miniature: every way restores, and the table says what was measured."""

import pytest

from emdiff_app.benchmarks import restore
from emdiff_app.benchmarks._common import kept
from emdiff_app.benchmarks._common.report import Report
from emdiff_app.benchmarks._processes.restore_probe import Task, images, measured


@pytest.mark.parametrize("way", ["one look", "check", "sample", "samples", "deblurred", "richardson-lucy"])
def test_every_way_restores(way):
    found = measured(Task(way, (2, 48, 48), "tiny"))
    assert found["seconds"] > 0
    assert found["peak"] > 1e7


def test_the_images_are_noise_on_structures():
    noisy = images(Task("", (2, 64, 64), "tiny"))
    assert 0.15 < (noisy[0] - noisy[1]).std() / 2**0.5 < 0.25


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setattr(kept, "bench_folder", lambda: tmp_path / "cache")


def test_rows_are_kept_and_measured_again_when_that_is_asked_for(monkeypatch, tmp_path):
    asked = []

    def measured(task):
        asked.append(task.way)
        return {"seconds": 2.0, "peak": 1.5e9, "weights": 5}

    monkeypatch.setattr(restore, "_measured", measured)
    monkeypatch.setattr(restore, "_careamics", lambda task, found: measured(task))
    for words in (["stack"], ["stack"], ["stack", "again"]):
        restore.run(Report("restore", tmp_path, words))
    assert len(asked) == 2 * len(restore.WAYS)


def test_slow_ways_are_measured_on_a_part_of_a_stack(monkeypatch):
    """And their seconds stand for all of it; quick ones restore it whole."""
    asked = []

    def probe(task):
        asked.append(task.shape[0])
        return {"seconds": float(task.shape[0]), "peak": 1, "weights": 5}

    monkeypatch.setattr(restore, "probe", probe)
    for way in ("one look", "average"):
        assert restore._measured(Task(way, (60, 8, 8), "tiny"))["seconds"] == 60
    assert asked == [60, restore.PART]


def test_the_table_has_a_row_for_each_way_and_a_verdict(monkeypatch, tmp_path):
    def probe(task):
        memory = {"resident": [10**9, 10**9, 10**9, 10**9]} if task.way == "stream" else {}
        return {"seconds": 2.0, "peak": 1.5e9, "weights": 5, **memory}

    monkeypatch.setattr(restore, "probe", probe)
    monkeypatch.setattr(restore, "_careamics", lambda task, found: probe(task))
    monkeypatch.setattr(restore, "make_sparse_zarr", lambda path, planes: [])
    report = Report("restore", tmp_path)
    restore.run(report)
    text = report.markdown()
    assert all(name in text for name in restore.WAYS.values())
    assert "1.00 times as fast; target at least 1: met" in text
    assert "| yes |" in text


def test_a_rival_that_does_not_run_leaves_the_other_rows(monkeypatch, tmp_path):
    def probe(task):
        if task.way == "bm3d":
            raise RuntimeError("bm3d failed: no such library")
        memory = {"resident": [1, 1]} if task.way == "stream" else {}
        return {"seconds": 2.0, "peak": 1.5e9, "weights": 5, **memory}

    monkeypatch.setattr(restore, "probe", probe)
    monkeypatch.setattr(restore, "_careamics", lambda task, found: probe(task))
    monkeypatch.setattr(restore, "make_sparse_zarr", lambda path, planes: [])
    report = Report("restore", tmp_path)
    restore.run(report)
    assert "could not be measured: bm3d failed" in report.markdown()
    assert restore.WAYS["richardson-lucy"] in report.markdown()

"""What the E-steps leave in the run folder: found again, believed only where it fits, and not kept for ever."""

import pytest
import torch
from tiny_runs import make_run, same_weights, told

from emdiff_app.errors import RunError
from emdiff_app.learning import learn
from emdiff_app.learning.runs.samples import Samples
from emdiff_app.learning.steps import e_step


@pytest.fixture
def samples(tmp_path):
    return Samples(tmp_path / "samples")


def batch(value=1.0):
    return {"x": torch.full((2, 1, 3, 3), value), "good": torch.tensor([True, False])}


def test_a_batch_comes_back_with_its_types(samples):
    path = samples.batch(3, 32)
    samples.write(path, batch(), "prior a")
    found = Samples(samples.folder).read(path, "prior a")
    assert torch.equal(found["x"], batch()["x"])
    assert found["good"].dtype == torch.bool


def test_a_batch_that_another_prior_has_drawn_is_not_taken_for_ones_own(samples):
    path = samples.batch(3, 32)
    samples.write(path, batch(), "prior a")
    assert samples.read(path, "prior b") is None
    assert samples.read(path) is not None  # whoever only wants the last sample of a crop


@pytest.mark.parametrize("content", [b"", b"nonsense", None])
def test_a_batch_that_is_damaged_or_not_there_is_missing(samples, content):
    path = samples.batch(3, 32)
    if content is not None:
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
    assert samples.read(path, "prior a") is None


def test_old_rounds_are_removed_and_young_ones_kept(samples):
    for number in (2, 3, 10):
        samples.write(samples.batch(number, 0), batch())
    samples.forget(before=3)
    assert [samples.read(samples.batch(number, 0)) is not None for number in (2, 3, 10)] == [
        False,
        True,
        True,
    ]


def test_what_the_disk_refuses_is_in_memory_until_it_takes_it(tmp_path):
    said = []
    (tmp_path / "samples").write_text("a file where the folder should be")
    samples = Samples(tmp_path / "samples", said.append)
    path = samples.batch(0, 0)
    samples.write(path, batch(5.0), "a")
    assert isinstance(said[0], RunError)
    assert float(samples.read(path, "a")["x"].mean()) == 5.0
    assert samples.read(path, "b") is None
    (tmp_path / "samples").unlink()
    assert samples.offer()
    assert float(Samples(tmp_path / "samples").read(path, "a")["x"].mean()) == 5.0


def test_an_interrupted_e_step_draws_only_what_is_missing(tmp_path, monkeypatch):
    fields = {"crops": 128, "start": "gaussian"}  # draws before the first round, too
    whole, run = make_run(tmp_path, "whole", **fields), make_run(tmp_path, **fields)
    drawn, one_batch = [], e_step._one_batch

    def counted(work, state, draw, start):
        drawn.append((state.round, start))
        return one_batch(work, state, draw, start)

    learn(whole)
    monkeypatch.setattr(e_step, "_one_batch", counted)

    def stop(event):
        if event.kind == "progress" and event.phase == "e-step" and (event.round, event.step) == (1, 2):
            run.ask("stop")

    monkeypatch.setattr("emdiff_app.learning.worker.TICK_S", 0.0)
    assert learn(run, stop)
    assert told(run)[-1].kind == "stopped"
    assert learn(run)
    assert len(drawn) == len(set(drawn)) == 2 * 4
    assert same_weights(whole, run)

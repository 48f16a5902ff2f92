"""Restoring in a thread: progress, results, cancel, and failures of every kind."""

from types import SimpleNamespace

import pytest

from emdiff_app.errors import EMDiffError
from emdiff_app.gui.jobs import JobState
from emdiff_app.restoring import Cancelled, RestoreProgress

S = JobState


@pytest.fixture
def restore(session, host, monkeypatch, tmp_path):
    """Press Restore with `work` in the place of the engine."""
    import emdiff_app.restoring as room

    host.add("cells")
    session.prior = tmp_path / "prior.emprior"
    session.prior.write_bytes(b"x")

    def press(work):
        monkeypatch.setattr(room, "restore", work, raising=False)
        session.restore()

    return press


def honest(stack, prior, model=None, *, samples, device, on_progress, should_stop):
    planes = len(list(stack.plane_indices()))
    for plane in range(planes):
        for step in range(4):
            if should_stop():
                raise Cancelled
            on_progress(RestoreProgress(plane, planes, step, 4))
    spread = stack if samples else None
    return SimpleNamespace(mean=stack, spread=spread, sentences=("It matches your data.",))


def endless(stack, prior, model=None, *, on_progress, should_stop, **rest):
    while not should_stop():
        on_progress(RestoreProgress(1, 3, 0, 4))
    raise Cancelled


@pytest.mark.parametrize(("samples", "kinds"), [(1, ["restored"]), (8, ["uncertainty", "restored"])])
def test_results_come_as_new_images_of_the_one_restored(session, host, restore, until, samples, kinds):
    session.samples = samples
    restore(honest)
    until(lambda: session.restoring.state is S.DONE)
    assert [result.kind for result in host.results] == kinds
    assert {result.of for result in host.results} == {session.to_restore}
    assert host.results[-1].stack.name == "cells restored"
    assert session.message.text == "It matches your data."


def test_cancel_ends_it_and_leaves_no_layer(session, host, restore, until):
    restore(endless)
    until(lambda: session.restoring.state is S.RUNNING)
    session.cancel_restoring()
    until(lambda: session.restoring.state is S.STOPPED, seconds=2)
    assert host.results == []
    assert "cancelled" in session.message.text


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (RuntimeError("CUDA out of memory"), "untouched"),
        (MemoryError(), "memory"),
        (EMDiffError("The prior has learned other images."), "The prior has learned other images."),
    ],
)
def test_no_exception_is_swallowed(session, restore, until, error, words):
    def broken(*args, **rest):
        raise error

    restore(broken)
    until(lambda: session.restoring.state is S.FAILED)
    assert words in session.message.text
    assert session.message.level == "error"


def test_without_a_prior_nothing_starts(session, host):
    host.add()
    session.restore()
    assert session.restoring.state is S.IDLE
    assert "prior" in session.message.text

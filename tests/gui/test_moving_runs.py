"""The disk is full: the run goes on in another folder, or stays where it is and can be resumed."""

import json
import os
import shutil
import threading
import time
from dataclasses import replace
from pathlib import Path

import fake_worker
import numpy as np
import pytest
from qtpy.QtWidgets import QPushButton

from emdiff_app.errors import RunError
from emdiff_app.gui import moving
from emdiff_app.gui.jobs import JobState, learning_job
from emdiff_app.gui.leaving import Leaving, part_from, wind_up
from emdiff_app.gui.model_form import ModelForm, Noise
from emdiff_app.gui.offers import ELSEWHERE, about_failure
from emdiff_app.gui.unfinished import find_unfinished
from emdiff_app.learning import RunFolder
from emdiff_app.learning.runs.lock import Lock

S = JobState
FULL = (
    "round-0001.safetensors could not be written because the disk is full; the last save, 3 min ago, is safe. "
    "Learning goes on and tries again."
)


@pytest.fixture
def roomy(tmp_path):
    """A folder on another disk, so to speak."""
    (tmp_path / "roomy").mkdir()
    return tmp_path / "roomy"


@pytest.fixture
def full(session, host, until):
    """A run at work that has said that its disk is full; it goes on with a worker that comes to its end."""

    def start(mode="slow"):
        if not host.refs:
            host.add()
        session.form = ModelForm(Noise(0, 1, 1))
        session.learning_job._command = fake_worker.command(mode)
        session.learn()
        until(lambda: session.learning.saved_at is not None and session.learning.previews)
        session.learning_job._command = fake_worker.command("finish")
        session._learning_news(replace(session.learning, notice=FULL))
        return session.learning.run

    return start


@pytest.fixture
def choose(session, host):
    """Press the button, and answer with a folder."""

    def press(folder):
        host.answers = [folder]
        (offer,) = [offer for offer in session.message.offers if offer == ELSEWHERE]
        getattr(session, offer.verb)(*offer.given)

    return press


@pytest.fixture
def held_up(monkeypatch):
    """Copying that has begun and waits for `go`."""
    begun, go, copy = threading.Event(), threading.Event(), moving._copy_file

    def slowly(*given):
        begun.set()
        assert go.wait(60)
        copy(*given)

    monkeypatch.setattr(moving, "_copy_file", slowly)
    yield begun, go
    go.set()


def files(run):
    """What must not change; the rest is the worker's."""
    kept = [run / "recipe.json", run / "prior.emprior", *(run / "images").iterdir()]
    return {path.relative_to(run): path.read_bytes() for path in kept}


def test_the_notice_of_a_full_disk_has_a_button(dock, session, full):
    full()
    (button,) = [b for b in dock.findChildren(QPushButton) if b.text() == ELSEWHERE.text and b.isVisible()]
    assert button.accessibleName() == "Choose another folder"
    assert "is safe" in session.message.text


def test_the_run_goes_on_in_the_new_folder_and_the_old_one_is_gone(session, full, choose, until, roomy):
    old = full()
    session.prior = old / "prior.emprior"
    recipe = RunFolder.open(old).recipe
    choose(roomy)
    until(lambda: session.learning.run == roomy / old.name)
    new = session.learning.run
    assert str(new) in session.message.text
    assert "nothing that was saved is lost" in session.message.text
    assert session.prior == new / "prior.emprior"
    until(lambda: session.learning.state is S.DONE)
    assert not old.exists()
    assert [path.name for path in roomy.iterdir()] == [old.name]
    assert session.prior == new / "prior.emprior"
    assert all(path.is_relative_to(new) and path.exists() for _, path in session.learning.previews)
    # the images that the window wrote into the run came with it, and nothing else in the recipe is new
    now = RunFolder.open(new).recipe
    assert [Path(name).parent for name in now.stacks] == [new / "images"]
    assert all(Path(name).exists() for name in now.stacks)
    assert now.model_dump(exclude={"stacks"}) == recipe.model_dump(exclude={"stacks"})


def test_before_learning_is_stopped_it_is_said_what_that_may_cost(session, full, choose, until, roomy):
    full()
    saved = time.strftime("%H:%M", time.localtime(session.learning.saved_at))
    choose(roomy)
    until(lambda: "is copied to" in session.message.text)
    assert f"since the last save, at {saved}" in session.message.text
    assert str(roomy) in session.message.text


def test_a_deaf_worker_is_ended(session, full, choose, until, roomy, monkeypatch):
    monkeypatch.setattr(learning_job, "END_S", 0.2)
    old = full("deaf")
    choose(roomy)
    until(lambda: session.learning.state is S.DONE)
    assert session.learning.run == roomy / old.name
    assert not old.exists()


def test_nothing_happens_when_no_folder_is_chosen(session, full, choose):
    old = full()
    choose(None)
    assert session.learning.state is S.RUNNING
    assert session.message.text.startswith("round-0001")
    assert old.exists()


def taken(run, roomy, monkeypatch):
    (roomy / run.name).mkdir()
    return roomy


def too_small(run, roomy, monkeypatch):
    usage = shutil.disk_usage(roomy)
    monkeypatch.setattr(moving.shutil, "disk_usage", lambda _: usage._replace(free=1000))
    return roomy


def within(run, roomy, monkeypatch):
    return run / "previews"


def unwritable(run, roomy, monkeypatch):
    (roomy / "a file").write_bytes(b"")
    return roomy / "a file"


def the_same(run, roomy, monkeypatch):
    return run.parent


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (taken, "already holds a folder named"),
        (the_same, "already holds a folder named"),
        (too_small, "0 MB left and the run needs"),
        (within, "lies in the run itself"),
        (unwritable, "cannot be written"),
    ],
)
def test_a_folder_that_will_not_do_is_refused_and_the_worker_is_not_disturbed(
    session, full, choose, until, roomy, monkeypatch, place, words
):
    old = full()
    before, process = files(old), session.learning_job._process
    folder = place(old, roomy, monkeypatch)
    choose(folder)
    until(lambda: words in session.message.text)
    assert "the run stays where it is; choose another folder" in session.message.text
    assert session.message.offers == (ELSEWHERE,)
    assert session.learning.state is S.RUNNING
    assert session.learning.run == old
    assert process.poll() is None
    assert files(old) == before
    session.stop_learning()
    until(lambda: session.learning.state is S.STOPPED)
    session.resume()
    until(lambda: session.learning.state is S.DONE)
    assert session.learning.run == old


def short(old, new, carry_on):
    new.write_bytes(old.read_bytes()[:-1])


def no_room(old, new, carry_on):
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize(("copy", "words"), [(short, "is not whole"), (no_room, "because the disk is full")])
def test_a_copy_that_fails_leaves_the_run_where_it_was(
    session, full, choose, until, roomy, monkeypatch, copy, words
):
    old = full()
    before = files(old)
    monkeypatch.setattr(moving, "_copy_file", copy)
    choose(roomy)
    until(lambda: session.learning.state is S.FAILED)
    assert words in session.message.text
    assert [offer.text for offer in session.message.offers] == [ELSEWHERE.text, "Resume"]
    assert list(roomy.iterdir()) == []
    assert files(old) == before
    monkeypatch.undo()
    choose(roomy)  # and once more
    until(lambda: session.learning.state is S.DONE)
    assert session.learning.run == roomy / old.name
    assert not old.exists()


def test_a_run_that_another_worker_has_is_not_moved(session, full, until, roomy, monkeypatch):
    monkeypatch.setattr(moving, "LEAVE_S", 0.1)
    old = full()
    session.stop_learning()
    until(lambda: session.learning.state is S.STOPPED)
    with Lock(old / "lock"), pytest.raises(RunError, match="Another worker"):
        moving.move_run(RunFolder.open(old), roomy, lambda: True)
    assert list(roomy.iterdir()) == []
    assert moving.move_run(RunFolder.open(old), roomy, lambda: True).path == roomy / old.name


@pytest.fixture
def copying(session, full, choose, until, roomy, held_up):
    """In the middle of the copying: where the run was, its files, and what lets the copying go on."""
    begun, go = held_up
    old = full()
    before = files(old)
    choose(roomy)
    until(begun.is_set)
    until(lambda: session.learning.state is S.PREPARING)
    return old, before, go


def test_stop_during_the_copying_leaves_the_run_where_it_was(session, until, roomy, copying):
    old, before, go = copying
    session.stop_learning()
    go.set()
    until(lambda: session.learning.state is S.STOPPED)
    assert session.learning.run == old
    assert files(old) == before
    assert list(roomy.iterdir()) == []
    assert find_unfinished(session.runs_folder) is None  # it was stopped for good
    session.resume()
    until(lambda: session.learning.state is S.DONE)


@pytest.mark.parametrize("choice", [Leaving.STOP, Leaving.KEEP_LEARNING])
def test_closing_during_the_copying_keeps_the_run(session, until, roomy, copying, choice):
    old, before, go = copying
    assert part_from(session, lambda parent, question: choice, None) is choice
    threading.Timer(0.3, go.set).start()
    wind_up(session, choice)
    assert files(old) == before
    assert list(roomy.iterdir()) == []
    if choice is Leaving.STOP:
        assert find_unfinished(session.runs_folder).path == old
    else:  # a worker has been sent back to it
        process = session.learning_job._process
        assert process.wait(60) == 0
        assert json.loads((old / "events.jsonl").read_text().splitlines()[-1])["kind"] == "finished"


def test_a_window_that_dies_during_the_copying_leaves_a_run_that_is_offered(
    session, full, choose, until, roomy, held_up
):
    begun, _ = held_up
    old = full()
    choose(roomy)
    until(begun.is_set)
    assert find_unfinished(session.runs_folder).at_work  # nobody must delete what is being copied
    os.utime(old / "lock", (time.time() - 10**6,) * 2)  # the heart of a window that has died does not beat
    found = find_unfinished(session.runs_folder)
    assert found.path == old
    assert not found.at_work


def test_discarding_during_the_question_finds_the_run_where_it_is_now(session, full, choose, until, roomy):
    old = full()
    choose(roomy)
    until(lambda: session.learning.state is S.DONE)
    wind_up(session, Leaving.DISCARD)
    until(lambda: not (roomy / old.name).exists())


def test_a_run_that_could_not_begin_for_want_of_room_can_begin_elsewhere(session, full, choose, until, roomy):
    old = full()
    session.stop_learning()
    until(lambda: session.learning.state is S.STOPPED)
    words = (
        "The disk has 3 MB left, and this run needs about 90 MB; Free some space or choose another folder."
    )
    failed = replace(session.learning, state=S.FAILED, saved_at=None, failure=words)
    assert about_failure(failed) == (ELSEWHERE,)
    session._learning_news(failed)
    choose(roomy)
    until(lambda: session.learning.state is S.DONE)
    assert session.learning.run == roomy / old.name


def test_a_run_whose_images_were_not_written_is_not_offered_to_move(session, full, until):
    old = full()
    session.stop_learning()
    until(lambda: session.learning.state is S.STOPPED)
    shutil.rmtree(old / "images")
    failed = replace(session.learning, state=S.FAILED, saved_at=None, failure="The disk is full.")
    assert about_failure(failed) == ()


def test_a_run_that_has_come_to_its_end_stays(session, full, until, host, roomy):
    old = full()
    session.stop_learning()
    until(lambda: session.learning.state is S.STOPPED)
    session.resume()
    until(lambda: session.learning.state is S.DONE)
    host.answers = [roomy]
    session.move_run()
    until(lambda: session.message is not None and "come to its end" in session.message.text)
    assert old.exists()
    assert list(roomy.iterdir()) == []


def test_folders_without_files_come_along_and_the_run_knows_its_images_again(session, full, until, roomy):
    old = full()
    session.stop_learning()
    until(lambda: session.learning.state is S.STOPPED)
    image = next((old / "images").iterdir())
    noted = json.dumps({"choices": {"seed": 0}, "images": ["12 34 abc"]})
    (old / "inputs.json").write_text(noted)
    (old / "checkpoints").mkdir(exist_ok=True)
    np.save(old / "model.npy", np.arange(3))
    new = moving.move_run(RunFolder.open(old), roomy, lambda: True)
    assert (new.path / "checkpoints").is_dir()
    assert (new.path / "control").is_dir()
    assert (new.path / "inputs.json").read_text() == noted
    assert new.recipe.stacks == (str(new.path / "images" / image.name),)

"""Step 3: every choice of a recipe, where to compute, unfinished runs, and what a run looks like."""

import json
import os
import time

import fake_worker
import numpy as np
import pytest
from qtpy.QtWidgets import QAbstractButton, QApplication, QDialogButtonBox

from emdiff_app.errors import RunError
from emdiff_app.gui import devices as machine
from emdiff_app.gui.devices import Device, Devices, find_devices
from emdiff_app.gui.dialogs.custom import CustomDialog
from emdiff_app.gui.jobs import JobState
from emdiff_app.gui.model_form import ModelForm, Noise
from emdiff_app.gui.recipe_fields import recipe_fields
from emdiff_app.gui.runs import Choices, change_recipe, make_run
from emdiff_app.gui.unfinished import find_unfinished, mark_later
from emdiff_app.learning import PRESETS, Recipe, RunFolder
from emdiff_app.physics import GaussianNoise, ImagingModel


@pytest.fixture
def learned(session, host, until):
    """A function that lets a fake worker learn in some mode until something is so."""

    def go(mode, so=lambda: True):
        host.add()
        session.form = ModelForm(Noise(0, 1, 1))
        session.learning_job._command = fake_worker.command(mode)
        session.learn()
        until(lambda: session.learning.saved_at is not None and so())
        return session.learning.run

    return go


@pytest.mark.parametrize("preset", list(PRESETS))
def test_the_dialog_says_all_that_a_recipe_can_and_nothing_changes_by_looking(preset, qtbot):
    dialog = CustomDialog(preset, {})
    qtbot.addWidget(dialog)
    assert dialog.changes() == {}
    assert {"size", "rounds", "learning_rate", "time_limit_min", "seed"} <= dialog.controls.keys()
    assert all(field.words.endswith(".") for field in dialog.fields)
    fields = {field.name: field.default for field in dialog.fields}
    base = {"stacks": ["a.tif"], "model": {"noise": {"kind": "gaussian", "sigma": 1}}}
    Recipe.model_validate(base | fields)


def test_what_is_typed_in_the_dialog_differs_from_the_preset_and_can_be_taken_back(
    dock, session, click, qtbot
):
    click(dock.steps.learn.custom)
    (dialog,) = dock.findChildren(CustomDialog)
    dialog.controls["rounds"].setValue(7)
    dialog.controls["time_limit_min"].setValue(90)
    dialog.controls["size"].setCurrentText("large")
    box = dialog.findChild(QDialogButtonBox)
    click(box.button(QDialogButtonBox.StandardButton.Ok))
    assert session.changes == {"rounds": 7, "time_limit_min": 90.0, "size": "large"}
    assert dock.steps.learn.custom.isChecked()
    assert "3 choices changed" in dock.steps.learn.changed.text()
    click(dock.steps.learn.presets["standard"])
    assert (session.preset, session.changes) == ("standard", {})
    click(dock.steps.learn.custom)
    dialog = next(d for d in dock.findChildren(CustomDialog) if d.isVisible())
    dialog.controls["rounds"].setValue(9)
    click(dialog.findChild(QDialogButtonBox).button(QDialogButtonBox.StandardButton.RestoreDefaults))
    assert dialog.changes() == {}
    dialog.reject()
    assert dock.steps.learn.presets["standard"].isChecked()


@pytest.mark.parametrize(
    ("entry", "field"), [("clean images...", "clean"), ("clean images of another kind...", "similar")]
)
def test_what_to_start_from_reaches_the_recipe(dock, session, host, until, tmp_path, entry, field):
    host.add()
    session.form = ModelForm(Noise(0, 1, 1))
    box = dock.steps.learn.start_from.box
    host.answers = [[tmp_path / "clean.tif"]]
    box.activated.emit(box.findText(entry))
    session.learning_job._command = fake_worker.command("finish")
    session.learn()
    until(lambda: session.learning.state is JobState.DONE)
    assert getattr(RunFolder.open(session.learning.run).recipe, field) == (str(tmp_path / "clean.tif"),)
    host.answers = [[]]  # the user thought better of it
    box.activated.emit(box.findText("a prior..."))
    assert box.currentText() == entry
    assert dock.steps.learn.start_from.chosen.text() == "clean.tif"


def test_limits_of_the_recipe_are_those_of_the_fields():
    fields = {field.name: field for field in recipe_fields("quick")}
    assert (fields["rounds"].low, fields["rounds"].high) == (1, 1000)
    assert fields["size"].choices == ("tiny", "small", "standard", "large")
    assert fields["time_limit_min"].optional
    assert fields["time_limit_min"].unit == " min"


@pytest.mark.parametrize("preset", list(PRESETS))
def test_the_dialog_offers_no_value_that_a_recipe_refuses(preset, qtbot):
    dialog = CustomDialog(preset, {})
    qtbot.addWidget(dialog)
    base = {"stacks": ["a.tif"], "model": {"noise": {"kind": "gaussian", "sigma": 1}}}
    numbers = [field.name for field in dialog.fields if hasattr(dialog.controls[field.name], "setValue")]
    assert {"caution", "learning_rate", "rounds"} <= set(numbers)
    for name in numbers:
        dialog.controls[name].setValue(-1)
    Recipe.model_validate(base | dialog.changes())


def test_a_choice_that_cannot_be_is_said_in_one_sentence(session, host, tmp_path):
    host.add()
    choices = Choices("quick", changes={"rounds": 0, "caution": 0.0})
    with pytest.raises(RunError) as refused:
        make_run(tmp_path / "run", session.images, ImagingModel(noise=GaussianNoise(sigma=1)), choices)
    assert "rounds: must be at least 1; caution: must be positive" in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "run").exists()


def test_a_gpu_that_is_preferred_and_not_there_is_not_used(dock, session):
    session.device = "cuda"
    session.devices = Devices((Device("cpu", "CPU: 2 cores"),))
    assert dock.steps.header.device.currentData() == "cpu"
    assert session.device == "auto"
    session.device = "mps"  # by the preferences, later
    assert session.device == "auto"


def test_devices_are_named_with_their_free_memory(dock, session):
    box = dock.steps.header.device
    session.devices = Devices((Device("cuda", "GPU: NVIDIA X", 9_100_000_000), Device("cpu", "CPU: 2 cores")))
    assert box.itemText(0) == "GPU: NVIDIA X, 9.1 GB free"
    box.setCurrentIndex(1)
    box.activated.emit(1)
    assert session.device == "cpu"
    session.devices = Devices((Device("cuda", "GPU: NVIDIA X", 1), Device("cpu", "CPU: 2 cores")))
    assert box.currentData() == "cpu"


def test_a_gpu_that_this_pytorch_cannot_use_is_said_once_with_what_to_do(
    dock, session, monkeypatch, click, qtbot
):
    monkeypatch.setattr(machine, "_nvidia", lambda: (Device("cuda", "GPU: NVIDIA X", 1),))
    monkeypatch.setattr(machine, "_torch_has_gpu", lambda: False)
    found = find_devices()
    assert [device.value for device in found.all] == ["cpu"]
    session._use_devices(found)
    assert "built for CPU only" in session.message.text
    bar = dock.steps.messages
    (copy,) = (b for b in bar.findChildren(QAbstractButton) if b.text() == "Copy the install command")
    qtbot.waitUntil(copy.isVisible)
    click(copy)
    assert "pip install" in QApplication.clipboard().text()
    session.dismiss()
    session._use_devices(found)
    assert session.message is None


def test_the_plots_follow_the_run(dock, session, learned, qtbot):
    learned("finish", lambda: session.learning.state is JobState.DONE)
    views = dock.views
    assert len(views.loss.curve.getData()[0]) == 8
    assert [mark.value() for mark in views.loss.marks] == list(session.learning.round_marks) != []
    assert views.score.curve.getData()[1].tolist() == [-1.0, -0.5]
    edges, heights = views.residual.bars.getOriginalDataset()
    assert len(edges) == len(heights) + 1 == 41
    views.loss.log.setChecked(True)
    assert views.loss.plot.getAxis("left").logMode


def test_a_run_that_was_left_is_offered_at_the_next_start(session, learned, host, qtbot, until):
    run = learned("vanish", lambda: session.learning.state is JobState.FAILED)
    found = find_unfinished(session.runs_folder)
    assert (found.path, found.at_work) == (run, False)  # though its heart beat a moment ago
    from emdiff_app.gui.session import Session

    other = Session(host, runs_folder=session.runs_folder)
    other.look_for_unfinished()
    _poll(other, lambda: other.message is not None)
    assert "interrupted after round 1 of 2" in other.message.text
    assert [offer.text for offer in other.message.offers] == ["Resume", "Show", "Discard"]
    other.ask_discard(run)
    assert run.exists()
    other.discard(run)
    _poll(other, lambda: not run.exists() and not other.working)
    assert find_unfinished(session.runs_folder) is None
    other.close()


def test_a_run_that_is_paused_for_long_is_not_taken_for_an_abandoned_one(session, learned, host, until):
    """A worker that is paused says nothing."""
    run = learned("slow")
    session.pause()
    until(lambda: session.learning.state is JobState.PAUSED)
    process = session.learning_job._process
    session.learning_job.leave()
    os.utime(run / "events.jsonl", (time.time() - 4000,) * 2)
    from emdiff_app.gui.session import Session

    other = Session(host, runs_folder=session.runs_folder)
    other.look_for_unfinished()
    _poll(other, lambda: other.message is not None)
    assert "still at work" in other.message.text
    assert [offer.text for offer in other.message.offers] == ["Show"]
    other.open_run(run)
    _poll(other, lambda: other.learning.state is JobState.PAUSED)
    other.pause()  # the same button goes on
    _poll(other, lambda: other.learning.state is JobState.RUNNING)
    other.stop_learning()
    _poll(other, lambda: other.learning.state is JobState.STOPPED)
    other.close()
    assert process.wait(10) == 0


def test_a_run_that_was_taken_up_since_the_question_is_not_deleted(session, learned, until):
    run = learned("slow")
    session.discard(run)
    until(lambda: session.message is not None)
    assert "nothing was deleted" in session.message.text
    assert (run / "prior.emprior").exists()


def test_resuming_it_goes_on_with_the_run(session, learned, until):
    run = learned("vanish", lambda: session.learning.state is JobState.FAILED)
    session.learning_job._command = fake_worker.command("finish")
    session.resume_run(run)
    until(lambda: session.learning.state is JobState.DONE)
    assert find_unfinished(session.runs_folder) is None


def test_a_run_that_was_stopped_for_good_is_not_offered_but_one_paused_by_closing_is(session, learned, until):
    run = learned("slow")
    session.stop_learning()
    until(lambda: session.learning.state is JobState.STOPPED)
    assert find_unfinished(session.runs_folder) is None
    mark_later(run)
    assert find_unfinished(session.runs_folder).path == run


def test_a_recipe_is_changed_whole_or_not_at_all(session, learned, until):
    run = RunFolder.open(learned("finish", lambda: session.learning.state is JobState.DONE))
    change_recipe(run, {"batch": 4})
    assert run.recipe.batch == 4
    with pytest.raises(Exception, match="could not be changed"):
        change_recipe(run, {"batch": -4})
    assert run.recipe.batch == 4


def test_events_of_a_newer_program_are_passed_over(session, learned):
    run = learned("finish", lambda: session.learning.state is JobState.DONE)
    kinds = [json.loads(line)["kind"] for line in (run / "events.jsonl").read_text().splitlines()]
    assert "a kind that this window does not know" in kinds


def test_samples_of_the_prior_are_drawn_when_asked_for(dock, session, learned, click, until):
    learned("finish", lambda: session.learning.state is JobState.DONE)
    dock.views.setCurrentWidget(dock.views.samples)
    click(dock.views.samples.draw)
    until(lambda: session.drawn is not None, 60)
    assert dock.views.samples.sheet.isVisible()
    assert np.ptp(session.drawn) > 0
    session.prior = session.prior.with_name("other.emprior")
    assert session.drawn is None


def _poll(session, so):
    end = time.monotonic() + 60
    while not so():
        assert time.monotonic() < end
        session.poll()
        time.sleep(0.01)

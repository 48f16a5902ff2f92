"""Step 1: what is said about an image, and how a user puts it right."""

import dataclasses

import fake_worker
import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel
from qtpy.QtWidgets import QAbstractButton

from emdiff_app.errors import EMDiffError
from emdiff_app.gui.jobs import JobState
from emdiff_app.gui.layers_host import LayersHost
from emdiff_app.gui.model_form import ModelForm, Noise
from emdiff_app.gui.panels.image_facts import ImageFacts
from emdiff_app.gui.phrases import axes_offered, in_the_window
from emdiff_app.gui.session import Session
from emdiff_app.gui.start_from import StartFrom
from emdiff_app.gui.thumbnails import thumbnail
from emdiff_app.images import PixelSize, open_stack, stack_from_array
from emdiff_app.learning import RunFolder, open_recorded


def shown(widget):
    return {b.text(): b for b in widget.findChildren(QAbstractButton) if b.isVisible()}


def test_a_file_whose_axes_are_unclear_is_asked_about_with_buttons(
    dock, session, host, qtbot, tmp_path, click
):
    file = tmp_path / "three.npy"
    np.save(file, np.random.default_rng(0).random((3, 32, 32), dtype=np.float32))
    session.open_files([file])
    qtbot.waitUntil(lambda: session.message is not None)
    words = dock.steps.messages.words.text()
    assert "I can't tell whether the axis of length 3 is depth, time or channels" in words
    assert "--axes" not in words
    qtbot.waitUntil(lambda: "It is time (T Y X)" in shown(dock.steps.messages))
    click(shown(dock.steps.messages)["It is time (T Y X)"])
    qtbot.waitUntil(lambda: len(session.images) == 1, timeout=60000)
    assert session.images[0].stack.axes == "TYX"


def test_the_answer_about_axes_goes_along_to_the_worker_and_to_the_command(session, host, until, tmp_path):
    file = tmp_path / "three.tif"
    tifffile.imwrite(file, np.full((3, 32, 32), 7, np.uint8), metadata=None, photometric="minisblack")
    session.open_with_axes(file, "TYX")
    until(lambda: len(session.images) == 1)
    session.form = ModelForm(Noise(0, 1, 1))
    session.learning_job._command = fake_worker.command("finish")
    session.learn()
    until(lambda: session.learning.state is JobState.DONE)
    (stack,) = open_recorded(RunFolder.open(session.learning.run).recipe)
    assert (stack.source, stack.axes) == (file, "TYX")
    for prior in (session.prior, None):
        session.prior = prior
        line = session.command_line()
        assert line.startswith("emdiff restore" if prior else "emdiff learn")
        assert "--axes TYX" in line
    host.add(source=file)  # of another kind: one recipe cannot name both, so they are written into the run
    with pytest.raises(EMDiffError, match="axes of some ticked images"):
        session.command_line()
    first = session.learning.run
    session.learn()
    until(lambda: session.learning.state is JobState.DONE and session.learning.run != first)
    stacks = open_recorded(RunFolder.open(session.learning.run).recipe)
    assert [stack.axes for stack in stacks] == ["TYX", "ZYX"]


def test_a_file_that_is_shown_twice_is_learned_from_once_and_that_is_told(session, host, until, tmp_path):
    file = tmp_path / "cells.tif"
    tifffile.imwrite(file, np.full((3, 32, 32), 7, np.uint8), metadata={"axes": "ZYX"}, imagej=True)
    host.add(source=file)
    host.add(source=file)
    session.form = ModelForm(Noise(0, 1, 1))
    session.learning_job._command = fake_worker.command("finish")
    session.learn()
    assert "cells.tif is used once" in session.message.text
    until(lambda: session.learning.state is JobState.DONE)
    assert RunFolder.open(session.learning.run).recipe.stacks == (str(file),)


def test_axes_that_were_told_of_the_images_are_not_said_of_the_clean_ones(session, host, until, tmp_path):
    file = tmp_path / "three.tif"
    tifffile.imwrite(file, np.full((3, 32, 32), 7, np.uint8), metadata=None, photometric="minisblack")
    session.open_with_axes(file, "TYX")
    until(lambda: len(session.images) == 1)
    session.form, session.start = ModelForm(Noise(0, 1, 1)), StartFrom("clean", (tmp_path / "flat.png",))
    session.learning_job._command = fake_worker.command("finish")
    session.learn()
    until(lambda: session.learning.state is JobState.DONE)
    recipe = RunFolder.open(session.learning.run).recipe
    assert recipe.axes is None
    assert [stack.axes for stack in open_recorded(recipe)] == ["TYX"]


def test_a_missing_pixel_size_is_typed_once_for_all_images_without_one(dock, session, host, qtbot):
    host.add("a", pixel_size={})
    host.add("b", pixel_size={})
    host.add("c")
    facts = dock.steps.images.facts
    assert "No pixel size in the file" in facts.doubt.text()
    assert "type it" in facts.pixel.text()
    facts.pixel.setValue(0.108)
    found = [session.images[i].stack.pixel_size["X"].value for i in range(3)]
    assert found == [0.108, 0.108, 0.1]
    assert "No pixel size" not in facts.doubt.text()


def test_a_length_in_nanometres_is_shown_and_typed_in_micrometres(qtbot, tmp_path):
    viewer = ViewerModel()
    session = Session(LayersHost(viewer), runs_folder=tmp_path)
    viewer.add_image(
        np.zeros((6, 20, 30)), scale=(0.2, 4, 4), units=("um", "nm", "nm"), axis_labels=("Z", "Y", "X")
    )
    facts = ImageFacts(session)
    qtbot.addWidget(facts)
    facts.show_image(session.images[0])
    assert (facts.pixel.text(), facts.step.text()) == ("0.0040 um", "0.2000 um")
    facts.pixel.setValue(0.005)
    sizes = session.images[0].stack.pixel_size
    assert sizes["X"] == sizes["Y"] == PixelSize(0.005, "um")
    session.close()


def test_axes_that_were_assumed_are_confirmed_or_changed_with_a_button(dock, session, host, click, qtbot):
    host.add()
    host.refs[0] = dataclasses.replace(host.refs[0], axes_known=False)
    session.look_at_images()
    facts = dock.steps.images.facts
    assert "can't tell" in facts.doubt.text()
    qtbot.waitUntil(lambda: "It is time" in shown(facts))
    click(shown(facts)["It is time"])
    assert session.images[0].stack.axes == "TYX"
    assert not facts.doubt.isVisible()


def _saved(folder):
    np.save(folder / "other.npy", np.zeros((6, 20, 30)))
    return folder / "other.npy"


def test_what_the_user_says_is_written_into_the_layer(tmp_path):
    viewer = ViewerModel()
    host = LayersHost(viewer)
    viewer.add_image(np.zeros((6, 20, 30)), name="plain")
    (ref,) = host.list_images()
    assert not ref.axes_known
    host.correct(ref.key, axes="TYX")
    host.correct(ref.key, pixel_size={"Y": 0.2, "X": 0.2})
    (ref,) = host.list_images()
    assert ref.axes_known
    assert ref.stack.axes == "TYX"
    assert ref.stack.pixel_size == {"Y": PixelSize(0.2), "X": PixelSize(0.2)}
    assert tuple(viewer.layers[0].scale[1:]) == (0.2, 0.2)
    assert ref.said == {"axes": "TYX", "pixel_size": {"Y": 0.2, "X": 0.2}}
    assert open_stack(_saved(tmp_path), **ref.said).pixel_size["X"] == PixelSize(0.2)


def test_an_axis_that_is_channels_becomes_one_image_for_each():
    viewer = ViewerModel()
    host = LayersHost(viewer)
    viewer.add_image(np.zeros((2, 20, 30)), name="plain")
    (ref,) = host.list_images()
    host.correct(ref.key, axes="CYX")
    refs = host.list_images()
    assert [r.stack.axes for r in refs[1:]] == ["YX", "YX"]
    assert [r.channel for r in refs[1:]] == [0, 1]
    assert [r.said for r in refs[1:]] == [{"axes": "CYX"}] * 2


def test_channels_in_one_image_are_not_learned_together(session, host, until):
    host.add(axes="CYX", channels=("405", "488", "561"))
    session.form = ModelForm(Noise(0, 1, 1))
    session.learn()
    until(lambda: session.learning.state is JobState.FAILED)
    assert "3 channels (405, 488, 561)" in session.message.text
    assert "nothing was started. Say under Images that these are channels" in session.message.text
    assert not list(session.runs_folder.glob("*"))


def test_a_file_with_an_assumed_axis_is_certain_once_it_was_confirmed(session, host, qtbot, tmp_path):
    viewer = ViewerModel()
    napari = LayersHost(viewer)
    tifffile.imwrite(tmp_path / "pages.tif", np.zeros((7, 16, 16), np.uint8), metadata=None)
    napari.show_stack(open_stack(tmp_path / "pages.tif"))
    (ref,) = napari.list_images()
    assert not ref.axes_known
    assert not any("--" in note for note in ref.notes)
    napari.correct(ref.key, axes=ref.stack.axes)
    (ref,) = napari.list_images()
    assert ref.axes_known
    assert ref.file == tmp_path / "pages.tif"


def test_options_of_the_command_line_are_not_shown_in_the_window():
    text = "x: I can't tell what it is; say it with --axes ZYX or --axes TYX."
    assert axes_offered(text) == ("ZYX", "TYX")
    assert in_the_window(text) == "x: I can't tell what it is."
    assert in_the_window("Nothing to change here.") == "Nothing to change here."


def test_a_thumbnail_shows_the_middle_plane_whatever_is_in_it():
    pixels = np.zeros((3, 100, 64), np.float32)
    pixels[1, :50] = 7
    pixels[1, 60] = np.nan
    small = thumbnail(stack_from_array(pixels, "ZYX"))
    assert max(small.shape) <= 32
    assert small[0, 0] == 255
    assert small[-1, 0] == 0
    assert thumbnail(stack_from_array(np.full((5, 5, 3), 9, np.uint8), "YXS")).shape == (5, 5)


def test_pictures_appear_in_the_list(dock, session, host, qtbot):
    ref = host.add()
    qtbot.waitUntil(lambda: ref.key in session.thumbnails)
    assert not dock.steps.images.list.item(0).icon().isNull()

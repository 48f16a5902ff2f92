"""Step 2: every operator has its fields, and what they say can be looked at."""

import dataclasses
import json

import numpy as np
import pytest
from qtpy.QtCore import Qt

from emdiff_app.errors import EMDiffError
from emdiff_app.gui.jobs import JobState
from emdiff_app.gui.model_form import Blur, Missing, ModelForm, Noise
from emdiff_app.gui.model_pictures import draw_psf, preview_model
from emdiff_app.images import PixelSize, stack_from_array

PIXEL = {"Y": PixelSize(0.1), "X": PixelSize(0.1)}


def kinds(session):
    return [step["kind"] for step in session.form.as_json()["operator"]]


def test_the_operators_stand_in_the_order_in_which_they_happened(dock, session, host, click):
    host.add()
    panel = dock.steps.model
    for box in (panel.resolution.on, panel.missing.on, panel.blur.on):
        click(box)
    panel.missing.which.setCurrentIndex(panel.missing.which.findData("share"))
    assert kinds(session) == ["blur", "downsample", "mask"]
    panel.resolution.factor.setValue(3)
    panel.missing.percent.setValue(25)
    model = json.loads(session.form.imaging_model().to_json())
    assert model["operator"][1]["factor"] == 3
    assert model["operator"][2]["missing"] == 0.25


def test_motion_is_typed_with_its_direction(dock, session, host, click):
    host.add()
    blur = dock.steps.model.blur
    click(blur.on)
    blur.kind.setCurrentIndex(blur.kind.findData("motion"))
    blur.length.setValue(7)
    blur.length_unit.setCurrentIndex(1)
    blur.angle.setValue(45)
    assert session.form.blur.as_json() == {"kind": "motion-blur", "length_px": 7.0, "angle_deg": 45.0}
    assert blur.angle.isVisible()
    assert not blur.width.isVisible()


def typed(box, words, qtbot):
    box.setFocus()
    box.selectAll()
    qtbot.keyClicks(box, words)
    qtbot.keyClick(box, Qt.Key.Key_Return)


def test_correcting_one_number_of_the_noise_leaves_the_measured_ones_alone(dock, session, host, qtbot):
    host.add()
    session.form = ModelForm(Noise(0.0031234567, 0.000212345678, 0.0000456789))
    noise = dock.steps.model.noise
    assert noise.gain.text().startswith("0.0002123 ")
    assert noise.read.text().startswith("0.00004568 ")
    typed(noise.offset, "-0.25", qtbot)
    assert session.form.noise == Noise(-0.25, 0.000212345678, 0.0000456789)
    assert noise.offset.text().startswith("-0.25 ")
    session.form = ModelForm(Noise(70000, 20000, 3))  # more than the boxes take
    typed(noise.read, "3.25", qtbot)
    assert session.form.noise == Noise(70000, 20000, 3.25)


@pytest.mark.parametrize(
    ("blur", "shown"),
    [
        (
            Blur("motion", unit="px", length=7.125, angle_deg=22.5),
            {"angle": "22.5 degrees", "length": "7.125"},
        ),
        (Blur("microscope", na=1.395, wavelength_nm=508.5), {"na": "1.395", "wavelength": "508.5 nm"}),
        (Blur("gaussian", width=0.01234), {"width": "0.01234"}),
        (Blur("microscope", na=1.4, wavelength_nm=520), {"na": "1.40", "wavelength": "520 nm"}),
    ],
)
def test_a_blur_is_shown_and_kept_as_exactly_as_it_was_read(dock, session, host, click, qtbot, blur, shown):
    host.add()
    session.form = ModelForm(Noise(), blur)
    fields = dock.steps.model.blur
    assert {name: getattr(fields, name).text() for name in shown} == shown
    click(fields.on)
    assert session.form.blur is None
    click(fields.on)
    assert session.form.blur == blur
    if blur.kind == "microscope":
        typed(fields.index, "1.33", qtbot)
        assert session.form.blur == dataclasses.replace(blur, index=1.33)


def test_a_psf_image_is_asked_for_and_named(dock, session, host, click, tmp_path):
    host.add()
    blur = dock.steps.model.blur
    click(blur.on)
    blur.kind.setCurrentIndex(blur.kind.findData("image"))
    session.learn()
    assert "No PSF image is chosen" in session.message.text
    host.answers = [[tmp_path / "bead.tif"]]
    click(blur.file)
    assert session.form.blur.path == str(tmp_path / "bead.tif")
    assert blur.path.text() == "bead.tif"


def test_pixels_painted_in_a_layer_are_the_missing_ones(dock, session, host, click):
    host.add()
    missing = dock.steps.model.missing
    click(missing.on)
    click(missing.draw)
    assert session.form.missing.layer == "drawn"
    assert "Layer drawn" in missing.which.currentText()
    with pytest.raises(EMDiffError, match="Nothing is painted"):
        session.form_now()
    host.masks["drawn"][3, 5] = True
    (mask,) = session.form_now().imaging_model().operator
    assert np.argwhere(np.load(mask.path)).tolist() == [[3, 5]]
    assert mask.invert


def test_a_layer_that_was_deleted_is_not_replaced_by_the_file_that_was_chosen_before(
    dock, session, host, click, tmp_path
):
    host.add(source=tmp_path / "cells.tif")
    session.form = ModelForm(Noise(0, 1, 1))
    missing = dock.steps.model.missing
    np.save(tmp_path / "dead.npy", np.ones((48, 48)))
    host.answers = [[tmp_path / "dead.npy"]]
    click(missing.on)
    missing.which.setCurrentIndex(missing.which.findData("file"))
    click(missing.file)
    assert session.command_line()  # the file marks them
    host.new_mask(host.refs[0].key)
    missing.which.setCurrentIndex(missing.which.findData("drawn"))
    host.masks.clear()
    host.images_changed.emit()
    assert missing.which.currentText() == "No layer yet"
    session.learn()
    assert session.learning.state is JobState.IDLE
    assert "Nothing says which pixels are missing" in session.message.text
    with pytest.raises(EMDiffError, match="which pixels are missing"):
        session.command_line()
    missing.which.setCurrentIndex(missing.which.findData("file"))
    assert session.form.missing.path == str(tmp_path / "dead.npy")  # the choice is still there to go back to


def test_a_measured_noise_has_its_curve_to_look_at(dock, session, host, click, qtbot):
    host.add()
    noise = dock.steps.model.noise
    assert not noise.fit.isVisible()
    click(noise.estimate)
    qtbot.waitUntil(lambda: session.noise_fit is not None, timeout=60000)
    click(noise.fit)
    assert noise.plot.isVisible()
    assert len(noise.plot.points.getData()[0]) == len(session.noise_fit.levels)
    click(noise.fit)
    assert not noise.plot.isVisible()


def test_the_blur_has_a_picture_with_its_width(dock, session, host, click, qtbot):
    host.add()
    blur = dock.steps.model.blur
    click(blur.on)
    blur.width.setValue(0.42)
    click(blur.look)
    qtbot.waitUntil(lambda: session.psf is not None, timeout=60000)
    assert "0.42 um (4.2 pixels) wide" in blur.view.words.text()


def test_the_drawn_width_is_that_of_the_fields():
    model = ModelForm(Noise(), Blur("gaussian", width=0.5)).imaging_model()
    assert draw_psf(model, PIXEL).fwhm_px == pytest.approx(5, abs=0.2)
    motion = ModelForm(Noise(), Blur("motion", unit="px", length=9)).imaging_model()
    assert draw_psf(motion, {}).pixel_um is None


def test_a_preview_records_a_sample_as_blurred_and_noisy_as_the_model_says():
    own = stack_from_array(
        np.random.default_rng(0).poisson(50, (96, 96)).astype(np.float32), "YX", pixel_size=PIXEL
    )
    blurred = ModelForm(Noise(0, 1, 0), Blur(width=0.6)).imaging_model()
    clean, again, shown = preview_model(blurred, own).pictures
    assert shown.pixels is not None
    assert np.diff(again.pixels).std() != pytest.approx(np.diff(clean.pixels).std(), rel=0.05)
    small = preview_model(ModelForm(Noise(0, 1, 0), factor=2).imaging_model(), own).pictures[1].pixels
    assert small.shape == (48, 48)


def test_a_preview_checks_a_restored_image_against_the_recording():
    truth = np.full((96, 96), 100, np.float32)
    truth[30:60, 30:60] = 300
    own = stack_from_array(np.random.default_rng(0).poisson(truth).astype(np.float32), "YX", pixel_size=PIXEL)
    model = ModelForm(Noise(0, 1, 0)).imaging_model()
    good = preview_model(model, own, stack_from_array(truth, "YX"))
    assert "explains your data" in good.sentence
    assert good.residual.std() == pytest.approx(1, abs=0.05)
    wrong = preview_model(model, own, stack_from_array(truth + 60, "YX"))
    assert "does not match your data" in wrong.sentence


@pytest.mark.parametrize("factor", [1, 2])
def test_a_preview_of_a_large_image_has_its_own_part_of_the_mask(tmp_path, factor):
    dead = np.zeros((260, 320), np.uint8)
    dead[100:160, 120:200] = 1  # of the middle of the image
    np.save(tmp_path / "dead.npy", dead)
    pixels = np.random.default_rng(0).poisson(100, dead.shape).astype(np.float32)
    own = stack_from_array(pixels, "YX", pixel_size=PIXEL)
    form = ModelForm(Noise(0, 1, 0), factor=factor, missing=Missing("file", path=str(tmp_path / "dead.npy")))
    clean, again, shown = (picture.pixels for picture in preview_model(form.imaging_model(), own).pictures)
    assert shown.shape == (192, 192)
    assert again.shape == (len(clean) // factor, len(clean) // factor)
    rows, columns = ((n - len(again)) // 2 for n in dead.shape)
    cut = dead[rows : rows + len(again), columns : columns + len(again)] == 1
    assert cut.any()
    assert not cut.all()
    assert not again[cut].any()
    assert again[~cut].mean() > 50


def test_a_preview_checks_a_large_restored_image_where_it_was_recorded(tmp_path):
    dead = np.zeros((260, 320), np.uint8)
    dead[100:160, 120:200] = 1
    np.save(tmp_path / "dead.npy", dead)
    truth = np.full(dead.shape, 100, np.float32)
    recorded = np.where(dead, 0, np.random.default_rng(0).poisson(truth)).astype(np.float32)
    form = ModelForm(Noise(0, 1, 0), missing=Missing("file", path=str(tmp_path / "dead.npy")))
    own = stack_from_array(recorded, "YX", pixel_size=PIXEL)
    found = preview_model(form.imaging_model(), own, stack_from_array(truth, "YX"))
    assert "explains your data" in found.sentence
    assert found.residual.shape == (192, 192)
    assert np.abs(found.residual).max() < 6  # what was not recorded is not compared


def test_the_preview_opens_with_the_pictures(dock, session, host, click, qtbot):
    host.add()
    session.form = ModelForm(Noise(0, 1, 0), missing=Missing("share", percent=30))
    click(dock.steps.model.preview)
    qtbot.waitUntil(lambda: dock.findChildren(_dialog()) != [], timeout=60000)
    (dialog,) = dock.findChildren(_dialog())
    assert dialog.isVisible()
    dialog.reject()


def _dialog():
    from emdiff_app.gui.dialogs.model_preview import PreviewDialog

    return PreviewDialog

"""The five steps with a real mouse and keyboard."""

import re
from pathlib import Path

import fake_worker
from picturing import cut_words
from qtpy.QtCore import QMimeData, QPointF, Qt, QUrl
from qtpy.QtGui import QDropEvent
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QListWidget,
    QSlider,
    QWidget,
)

import emdiff_app.gui
from emdiff_app.gui.dialogs.export import ExportDialog
from emdiff_app.gui.jobs import JobState
from emdiff_app.gui.model_form import Noise
from emdiff_app.priors import read_card
from emdiff_app.resources import resource_path

LEFT = Qt.MouseButton.LeftButton


def test_the_newcomers_path_by_mouse(dock, session, host, click, qtbot, tmp_path):
    session.learning_job._command = fake_worker.command("slow")
    click(dock.steps.images.example)
    qtbot.waitUntil(lambda: bool(session.images and session.form.noise), timeout=60000)
    assert session.preset == "quick"
    assert dock.steps.images.facts.pixel.value() == 0.1
    learn = dock.steps.learn
    click(learn.start)
    qtbot.waitUntil(lambda: len(session.learning.previews) >= 2, timeout=60000)
    qtbot.waitUntil(lambda: bool(dock.views.previews.pictures.images), timeout=60000)
    assert dock.views.isVisible()
    assert len(dock.views.score.curve.getData()[0]) >= 1
    assert not learn.start.isEnabled()
    click(learn.pause)
    qtbot.waitUntil(lambda: learn.pause.text() == "Resume")
    click(learn.pause)
    qtbot.waitUntil(lambda: learn.pause.text() == "Pause")
    click(learn.stop)
    qtbot.waitUntil(lambda: session.learning.state is JobState.STOPPED)
    assert learn.start.isEnabled()
    assert dock.steps.restore.start.isEnabled()
    host.answers = [tmp_path / "mine.emprior"]
    click(dock.steps.share.give)
    qtbot.waitUntil(lambda: bool(dock.findChildren(ExportDialog)), timeout=60000)
    (dialog,) = dock.findChildren(ExportDialog)
    dialog.name.setText("Cells")
    dialog.accept()
    qtbot.waitUntil(lambda: (tmp_path / "mine.emprior").exists(), timeout=60000)
    assert read_card(tmp_path / "mine.emprior").name == "Cells"
    assert read_card(tmp_path / "mine.emprior").training == read_card(session.prior).training


def test_typing_the_model_and_having_it_measured(dock, session, host, click, qtbot):
    host.add()
    panel = dock.steps.model
    noise, blur = panel.noise, panel.blur
    assert "not known yet" in noise.about.text()
    assert not noise.gain.isVisible()
    click(noise.type)
    qtbot.waitUntil(dock.isActiveWindow)
    noise.gain.setFocus()
    noise.gain.selectAll()
    qtbot.keyClicks(noise.gain, "2.5")
    qtbot.keyClick(noise.gain, Qt.Key.Key_Tab)
    assert session.form.noise == Noise(0, 2.5, 0)
    assert not blur.width.isVisible()
    click(blur.on)
    assert session.form.blur.kind == "gaussian"
    assert blur.width.isVisible()
    blur.width.setValue(0.33)
    click(blur.on)
    assert session.form.blur is None
    click(blur.on)
    assert session.form.blur.width == 0.33
    blur.kind.setCurrentIndex(blur.kind.findData("microscope"))
    assert session.form.blur.kind == "microscope"
    assert blur.na.isVisible()
    assert not blur.width.isVisible()
    click(noise.estimate)
    qtbot.waitUntil(lambda: session.form.noise != Noise(0, 2.5, 0), timeout=60000)
    assert session.form.blur.kind == "microscope"


def test_a_model_file_fills_the_fields(dock, session, host, click, qtbot):
    host.answers = [[resource_path("example/model.json")]]
    click(dock.steps.model.load)
    qtbot.waitUntil(lambda: session.form.noise is not None)
    assert dock.steps.model.noise.offset.value() == session.form.noise.offset
    assert dock.steps.model.blur.on.isChecked() == (session.form.blur is not None)


def test_ticks_choose_what_is_learned_from(dock, session, host, qtbot):
    host.add("a")
    b = host.add("b")
    host.add("c", is_result=True)
    assert [ref.name for ref in session.learn_from] == ["a", "b"]
    dock.steps.images.list.item(0).setCheckState(Qt.CheckState.Unchecked)
    assert session.learn_from == [b]


def test_a_message_has_its_offer_and_can_be_dismissed(dock, session, click, host, qtbot):
    host.add()
    session.form = session.form.with_noise(_noise())
    session.learning_job._command = fake_worker.command("vanish")
    click(dock.steps.learn.start)
    bar = dock.steps.messages
    qtbot.waitUntil(bar.isVisible, timeout=60000)
    titles = [b.text() for b in bar.findChildren(QAbstractButton) if b.isVisible()]
    assert titles[0] == "Resume"
    assert bar.words.text().startswith("Problem: ")
    click(next(b for b in bar.findChildren(QAbstractButton) if b.text() == "Dismiss"))
    assert not bar.isVisible()


def _noise():
    from emdiff_app.physics import GaussianNoise

    return GaussianNoise(sigma=1)


def test_the_command_line_is_copied(dock, session, host, click, tmp_path):
    file = tmp_path / "my cells.tif"
    file.write_bytes(b"")
    host.add("cells", source=file)
    session.form = session.form.with_noise(_noise())
    click(dock.steps.share.copy)
    words = QApplication.clipboard().text()
    assert words.startswith("emdiff learn ")
    assert "my cells.tif'" in words or 'my cells.tif"' in words


def test_files_that_are_dropped_are_opened(dock, session, qtbot):
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(resource_path("example/recorded.tif")))])
    event = QDropEvent(QPointF(5, 5), Qt.DropAction.CopyAction, mime, LEFT, Qt.KeyboardModifier.NoModifier)
    dock.steps.dropEvent(event)
    qtbot.waitUntil(lambda: len(session.images) == 1, timeout=60000)


def test_a_file_that_cannot_be_read_is_said(dock, session, qtbot, tmp_path):
    (tmp_path / "broken.tif").write_bytes(b"no tiff at all")
    session.open_files([tmp_path / "broken.tif"])
    qtbot.waitUntil(lambda: session.message is not None)
    assert "broken.tif" in session.message.text
    assert "Traceback" not in session.message.text


def controls(widget):
    kinds = (QAbstractButton, QAbstractSpinBox, QComboBox, QListWidget, QSlider)
    return [w for kind in kinds for w in widget.findChildren(kind) if not _inner(w)]


def _inner(widget):
    """A part of a compound control, which speaks for it."""
    parent = widget.parentWidget()
    while parent is not None:
        if (
            isinstance(parent, QComboBox | QAbstractSpinBox | QListWidget)
            or "Labeled" in type(parent).__name__
        ):
            return True
        parent = parent.parentWidget()
    return widget.objectName().startswith("qt_")


def test_every_control_has_a_name_and_no_two_share_one(dock, session, host):
    host.add()
    names = [w.accessibleName() for w in controls(dock)]
    assert len(names) > 20
    assert all(names)
    assert len(set(names)) == len(names), sorted(n for n in names if names.count(n) > 1)


def test_the_controls_of_every_dialog_and_view_have_names_too(dock, session, host, qtbot, tmp_path):
    from emdiff_app.app.preferences import PreferencesDialog
    from emdiff_app.app.settings import Settings
    from emdiff_app.gui.dialogs.custom import CustomDialog
    from emdiff_app.gui.dialogs.import_ import ImportDialog
    from emdiff_app.gui.prior_card import read_prior_file
    from emdiff_app.gui.views.layouts import TabbedViews, Views

    golden = read_prior_file(resource_path("golden/v1-emdiff-unet-1-plane.emprior"))
    for made in (
        CustomDialog("standard", {}),
        ExportDialog("", ""),
        ImportDialog(golden),
        PreferencesDialog(Settings(), tmp_path, host),
        Views(session),
        TabbedViews(session),
    ):
        qtbot.addWidget(made)
        inside = [w for w in controls(made) if w.metaObject().className() != "QToolButton"]
        assert inside
        assert all(w.accessibleName() for w in inside), type(made)


def test_the_tab_key_reaches_every_control_that_can_be_used(dock, session, host, qtbot):
    host.add()
    qtbot.waitUntil(dock.isActiveWindow)
    first = dock.steps.images.files
    first.setFocus()
    reached: set[QWidget] = set()
    for _ in range(200):
        widget = QApplication.focusWidget()
        if widget is None or widget in reached:
            break
        reached.add(widget)
        qtbot.keyClick(widget, Qt.Key.Key_Tab)
    usable = {
        w
        for w in controls(dock)
        if w.isVisible() and w.isEnabled() and w.focusPolicy() & Qt.FocusPolicy.TabFocus
    }
    # Of radio buttons that belong together, Tab reaches the one that is on; arrows reach the others.
    missed = {w.accessibleName() for w in usable - reached if not getattr(w, "group", lambda: None)()}
    assert not missed


def test_folded_steps_are_out_of_the_way_of_the_keyboard(dock, click):
    learn = dock.steps.learn
    click(learn.toggleButton())
    assert not learn.start.isVisible()
    click(learn.toggleButton())
    assert learn.start.isVisible()


def test_words_that_wrap_in_a_narrow_dock_have_the_height_that_they_need(dock, session, host, qtbot):
    host.add()
    dock.resize(380, 900)
    session.prior = Path("/runs/2026-01-02-030405-cells-of-the-second-day-at-noon/prior.emprior")
    words = dock.steps.restore.prior
    assert words.heightForWidth(words.width()) > 1.5 * words.fontMetrics().height()
    qtbot.wait(500)
    assert cut_words(dock.steps) == []


def test_panels_leave_the_look_to_the_host():
    for file in Path(emdiff_app.gui.__file__).parent.rglob("*.py"):
        assert not re.search(r"setStyleSheet|^\s*(from|import) napari", file.read_text(), re.MULTILINE), file

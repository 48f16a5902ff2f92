"""EMDiff inside napari."""

import gc
import subprocess
import sys
from pathlib import Path

import fake_worker
import napari
import numpy as np
import pytest
from npe2 import PluginManager, PluginManifest
from qtpy.QtCore import QEvent, QObject, Qt, QTimer
from qtpy.QtWidgets import QDialog

import emdiff_app.napari_plugin
from emdiff_app.gui.jobs import JobState
from emdiff_app.gui.leaving import Leaving
from emdiff_app.gui.unfinished import find_unfinished
from emdiff_app.images import open_stack
from emdiff_app.napari_plugin.reader import get_reader
from emdiff_app.resources import resource_path

MANIFEST = Path(emdiff_app.napari_plugin.__file__).with_name("napari.yaml")


@pytest.fixture
def viewer(qtbot):
    PluginManager.instance().discover()
    made = napari.Viewer(show=False)
    yield made
    made.close()


def test_the_manifest_is_valid_and_all_it_names_is_there():
    manifest = PluginManifest.from_file(MANIFEST)
    manifest.validate_imports()
    titles = [command.title for command in manifest.contributions.commands]
    assert len(set(titles)) == len(titles)


def test_our_reader_keeps_what_napari_needs_to_know():
    path = str(resource_path("example/recorded.tif"))
    ((pixels, words, kind),) = get_reader(path)(path)
    with open_stack(path) as stack:
        assert kind == "image"
        assert pixels.shape == stack.shape
        assert "".join(words["axis_labels"]) == stack.axes
        assert words["scale"][-1] == stack.pixel_size["X"].value


def test_a_folder_that_is_no_image_is_left_to_others(tmp_path):
    assert get_reader(str(tmp_path)) is None


def test_what_is_saved_from_napari_comes_back_the_same(viewer, tmp_path):
    viewer.open_sample("emdiff", "example")
    layer = viewer.layers[0]
    layer.scale = (2.0, 0.25, 0.5)
    path = str(tmp_path / "out.ome.tif")
    assert layer.save(path, plugin="emdiff") == [path]
    viewer.open(path, plugin="emdiff")
    again = viewer.layers[-1]
    np.testing.assert_allclose(again.scale, layer.scale)
    assert (again.units, again.axis_labels) == (layer.units, layer.axis_labels)
    assert (np.asarray(again.data) == layer.data).all()


def test_the_dock_follows_the_viewer_and_goes_with_it(viewer, qtbot):
    dock, widget = viewer.window.add_plugin_dock_widget("emdiff")
    assert widget.session.images == ()
    qtbot.mouseClick(widget.steps.images.example, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(viewer.layers) == 1, timeout=60000)
    assert [ref.name for ref in widget.session.images] == [viewer.layers[0].name]
    session = widget.session
    viewer.window.remove_dock_widget(dock)
    del dock, widget
    qtbot.waitUntil(lambda: gc.collect() >= 0 and session._closed)
    viewer.add_image(np.zeros((4, 4)))
    assert len(session.images) == 1


def test_two_docks_share_nothing(viewer):
    _, one = viewer.window.add_plugin_dock_widget("emdiff")
    from emdiff_app.napari_plugin.widget import EMDiffWidget

    two = EMDiffWidget(viewer)
    two.session.preset = "best"
    viewer.add_image(np.zeros((8, 8)))
    two.session.ticked = frozenset()
    assert one.session.preset == "quick"
    assert len(one.session.ticked) == 1
    two.steps.stop()
    two.session.close()
    two.deleteLater()


def test_napari_finds_the_plugin_without_loading_torch_or_qt():
    code = (
        "import sys; from npe2 import PluginManifest; import emdiff_app.napari_plugin;"
        f"PluginManifest.from_file({str(MANIFEST)!r});"
        "import emdiff_app.napari_plugin.reader, emdiff_app.napari_plugin.writer;"
        "print([m for m in ('torch', 'qtpy', 'superqt') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_titles_read_well_with_the_name_that_napari_adds(viewer):
    from napari._app_model import get_app_model

    manifest = PluginManifest.from_file(MANIFEST)
    actions = dict(get_app_model().commands)
    for menu in ("napari/layers/filter", "napari/layers/measure", "napari/file/io_utilities"):
        for item in manifest.contributions.menus[menu]:
            title = actions[item.command].title
            assert title.endswith(" (EMDiff)")
            assert title.count("EMDiff") == 1
            assert title[0].isupper()
            assert len(title) < 60


def panels(viewer):
    from emdiff_app.napari_plugin.widget import EMDiffWidget

    return [widget for widget in viewer.window.dock_widgets.values() if isinstance(widget, EMDiffWidget)]


def entry(menu, words):
    """The entry of a menu, or of the menus in it, in whose title the words stand."""
    for action in menu.actions():
        if action.menu() is not None and (found := entry(action.menu(), words)) is not None:
            return found
        if action.menu() is None and words in action.text():
            return action
    return None


def test_every_menu_means_the_same_panel(viewer, qtbot, tmp_path, monkeypatch):
    from emdiff_app.gui.layers_host import LayersHost

    monkeypatch.setattr(LayersHost, "ask_folder", lambda self, title: tmp_path)
    viewer.open_sample("emdiff", "example")
    window = viewer.window
    file, layers, plugins = window.file_menu, window.layers_menu, window.plugins_menu
    for menu, words in (
        (file, "Open a run... (EMDiff)"),
        (layers, "Measure the noise of images (EMDiff)"),
    ):
        menu.aboutToShow.emit()
        found = entry(menu, words)
        assert found is not None, words
        found.trigger()
        qtbot.wait(50)
        assert len(panels(viewer)) == 1, words
    assert "not a run folder" in panels(viewer)[0].session.message.text
    for menu in (layers, plugins):
        menu.aboutToShow.emit()
        entry(menu, "Learn and restore (EMDiff)").trigger()
        assert len(panels(viewer)) == 1


@pytest.fixture
def learning(qtbot, tmp_path):
    """napari with a dock that learns: the viewer and the dock."""
    PluginManager.instance().discover()
    viewer = napari.Viewer()
    _, widget = viewer.window.add_plugin_dock_widget("emdiff")
    session = widget.session
    session.runs_folder = tmp_path / "runs"
    session.learning_job._command = fake_worker.command("slow")
    qtbot.mouseClick(widget.steps.images.example, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(session.images and session.form.noise), timeout=60000)
    session.learn()
    qtbot.waitUntil(lambda: session.learning.saved_at is not None, timeout=60000)
    process = session.learning_job._process
    yield viewer, widget
    if process.poll() is None:
        widget.ask = lambda parent, question: Leaving.DISCARD
        viewer.close()
        process.wait(10)


def test_napari_asks_before_it_closes_while_it_learns(learning):
    viewer, widget = learning
    session, window = widget.session, viewer.window._qt_window
    process, run = session.learning_job._process, session.learning.run
    widget.ask = lambda parent, question: Leaving.CANCEL
    window.close()
    assert window.isVisible()
    assert process.poll() is None
    widget.ask = lambda parent, question: Leaving.STOP
    viewer.close()
    assert process.wait(10) == 0
    assert find_unfinished(run.parent).path == run


class Stay(QObject):
    """Asks in a dialog, as napari does when the window manager closes it, and is answered with Cancel."""

    asked = 0

    def eventFilter(self, watched, event):
        if event.type() != QEvent.Type.Close:
            return False
        self.asked += 1
        dialog = QDialog(watched)
        QTimer.singleShot(200, dialog.reject)
        dialog.exec()
        event.ignore()
        return True


@pytest.mark.parametrize("answer", [Leaving.DISCARD, Leaving.STOP])
def test_cancel_at_the_question_of_napari_keeps_the_run_and_its_worker(learning, qtbot, answer):
    viewer, widget = learning
    session, window = widget.session, viewer.window._qt_window
    process, run = session.learning_job._process, session.learning.run
    window.installEventFilter(stay := Stay())
    window.installEventFilter(widget)  # the last one is asked first, and the window itself after all of them
    widget.ask = lambda parent, question: answer
    window.close()
    assert stay.asked == 1
    qtbot.wait(200)
    assert window.isVisible()
    assert process.poll() is None
    assert session.learning.state is JobState.RUNNING
    window.hide()  # the answer is forgotten
    qtbot.wait(200)
    assert process.poll() is None
    assert (run / "recipe.json").exists()
    window.removeEventFilter(stay)
    window.show()


def test_napari_asks_while_the_dock_floats_and_not_when_the_dock_is_hidden(learning, qtbot):
    viewer, widget = learning
    (dock,) = [dock for dock in viewer.window._wrapped_dock_widgets.values() if dock.widget() is widget]
    asked = []

    def ask(parent, question):
        asked.append(question)
        return Leaving.CANCEL

    widget.ask = ask
    dock.setFloating(True)
    qtbot.wait(50)
    dock.close()
    assert not asked
    dock.show()
    viewer.window._qt_window.close()
    assert len(asked) == 1
    assert viewer.window._qt_window.isVisible()


def test_two_viewers_share_nothing(viewer):
    viewer.window.add_plugin_dock_widget("emdiff")
    (one,) = panels(viewer)
    second = napari.Viewer(show=False)
    try:
        second.window.add_plugin_dock_widget("emdiff")
        (other,) = panels(second)
        second.add_image(np.zeros((8, 8)))
        other.session.preset = "best"
        assert (len(one.session.images), one.session.preset) == (0, "quick")
        assert len(other.session.images) == 1
    finally:
        second.close()


def test_measuring_the_noise_from_the_menu_opens_the_panel_and_shows_the_fit(viewer, qtbot):
    from emdiff_app.napari_plugin.commands import measure_noise

    viewer.open_sample("emdiff", "example")
    measure_noise()
    (widget,) = panels(viewer)
    qtbot.waitUntil(lambda: widget.session.noise_fit is not None, timeout=60000)
    assert widget.steps.model.noise.fit.isChecked()


def test_preferences_of_napari_are_those_of_a_new_panel(viewer, tmp_path):
    from napari.settings import get_plugin_settings

    page = get_plugin_settings("emdiff").emdiff
    before = page.runs_folder, page.device
    page.runs_folder, page.device = str(tmp_path), "cpu"
    try:
        _, widget = viewer.window.add_plugin_dock_widget("emdiff")
        assert widget.session.runs_folder == tmp_path
        assert widget.session.device == "cpu"
    finally:
        page.runs_folder, page.device = before


def test_a_napari_without_such_preferences_gets_the_defaults(monkeypatch):
    from emdiff_app.napari_plugin.preferences import preference

    assert preference("no such name", "auto") == "auto"
    monkeypatch.setitem(sys.modules, "napari.settings", None)
    assert preference("device", "auto") == "auto"


def test_results_and_masks_are_found_again_through_the_proxy_that_plugins_get(viewer):
    from emdiff_app.gui import Result
    from emdiff_app.images import stack_from_array

    viewer.add_image(np.ones((8, 8)), name="recorded")
    _, widget = viewer.window.add_plugin_dock_widget("emdiff")
    host = widget.session.host
    (recorded,) = host.list_images()
    pixels = np.zeros((8, 8), np.float32)
    key = host.add_result(Result(stack_from_array(pixels, "YX", name="restored"), recorded.key, "restored"))
    pixels[:] = 7
    host.renew_result(key, whole=True)
    assert isinstance(viewer.layers["restored"].data, np.ndarray)
    assert (viewer.layers["restored"].data == 7).all()
    mask = host.new_mask(recorded.key)
    assert [ref.key for ref in host.list_masks()] == [mask]
    viewer.layers["missing pixels"].data[2, 3] = 1
    assert np.argwhere(host.mask(mask)).tolist() == [[2, 3]]
    host.remove_result(key)
    assert [layer.name for layer in viewer.layers] == ["recorded", "missing pixels"]

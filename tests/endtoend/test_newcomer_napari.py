"""A newcomer in napari: a TIFF by our reader, the panel by the Plugins menu, then the same way. The real engine."""

import napari
import pytest
from newcomer import Newcomer
from npe2 import PluginManager

from emdiff_app.gui.model_form import ModelForm
from emdiff_app.physics import ImagingModel
from emdiff_app.resources import resource_path


@pytest.fixture
def viewer(qtbot):
    PluginManager.instance().discover()
    made = napari.Viewer()
    yield made
    made.close()


def entries(menu):
    """All entries of a menu and of the menus in it."""
    for action in menu.actions():
        if action.menu() is not None:
            yield from entries(action.menu())
        else:
            yield action


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_from_a_file_to_a_restored_layer_and_a_prior_to_share(viewer, qtbot, tmp_path, monkeypatch, pictures):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    viewer.open(str(resource_path("example/recorded.tif")), plugin="emdiff")
    menu = viewer.window.plugins_menu
    menu.aboutToShow.emit()
    (entry,) = (action for action in entries(menu) if action.text() == "Learn and restore (EMDiff)")
    entry.trigger()
    (widget,) = viewer.window.dock_widgets.values()
    assert [ref.name for ref in widget.session.images] == [viewer.layers[0].name]
    widget.session.form = ModelForm.of(ImagingModel.read(resource_path("example/model.json")))
    window = viewer.window._qt_window
    window.resize(1280, 720)

    def keep(name, of=window):
        pictures.keep(name, of, widget.steps if of is window else of)

    newcomer = Newcomer(qtbot, widget.steps, lambda: widget.views, viewer.layers, keep)
    keep("opened")
    newcomer.say_what_went_wrong()
    newcomer.learn_and_watch()
    newcomer.restore()
    newcomer.compare()
    newcomer.export(tmp_path / "for a colleague.emprior")

"""A newcomer at the window: try the example, learn, watch, stop, restore, export, close. The real engine."""

import pytest
from newcomer import Newcomer

from emdiff_app.app.settings import SettingsFile
from emdiff_app.app.window import MainWindow
from emdiff_app.gui.leaving import Leaving
from emdiff_app.resources import resource_path


@pytest.fixture
def window(qtbot, tmp_path):
    settings = SettingsFile(tmp_path / "window.json")
    made = MainWindow(tmp_path / "runs", ask=lambda parent, question: Leaving.DISCARD, settings=settings)
    with qtbot.waitExposed(made):
        made.show()
    yield made
    made.close()
    made.deleteLater()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_from_the_example_to_a_restored_image_and_a_prior_to_share(window, qtbot, tmp_path, pictures):
    def keep(name, of=window):
        pictures.keep(name, of, window.steps if of is window else of)

    assert (window.width(), window.height()) == (1280, 720)
    newcomer = Newcomer(qtbot, window.steps, lambda: window.views, window.canvas.model.layers, keep)
    keep("opened")
    newcomer.click(window.steps.images.example)
    qtbot.waitUntil(lambda: bool(window.session.images and window.session.form.noise), timeout=60000)
    newcomer.say_what_went_wrong()
    newcomer.learn_and_watch()
    newcomer.restore()
    newcomer.compare()
    newcomer.export(tmp_path / "for a colleague.emprior")
    newcomer.import_again(tmp_path / "for a colleague.emprior")
    window.close()
    assert not window.isVisible()
    assert resource_path("example/recorded.tif").exists()

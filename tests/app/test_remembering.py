"""What the window remembers, and that nothing in it can keep it from starting."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from qtpy.QtWidgets import QDialog

from emdiff_app.app.preferences import PreferencesDialog
from emdiff_app.app.settings import Settings, SettingsFile
from emdiff_app.app.window import MainWindow
from emdiff_app.resources import resource_path

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
names = st.sampled_from(
    ["recent", "geometry", "layout", "runs_folder", "device", "offer_unfinished", "version"]
)


@given(anything | st.dictionaries(names, anything))
def test_whatever_the_file_holds_settings_come_of_it(found):
    salvaged = Settings.salvaged(found)
    assert all(isinstance(name, str) for name in salvaged.recent)
    assert isinstance(salvaged.device, str)
    assert isinstance(salvaged.offer_unfinished, bool)


def test_valid_keys_survive_beside_broken_ones(tmp_path):
    file = SettingsFile(tmp_path / "window.json")
    file.path.write_text(
        json.dumps({"device": "cpu", "recent": [1, "a.tif"], "layout": 5, "from": "the future"})
    )
    assert file.read() == Settings(device="cpu", recent=("a.tif",))


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff\x00", b"[" * 100_000, b"null", b"{}" + b" " * (1 << 21)]
)
def test_a_file_that_is_no_settings_file_is_as_none(tmp_path, content):
    file = SettingsFile(tmp_path / "window.json")
    file.path.write_bytes(content)
    assert file.read() == Settings()


def test_a_place_that_cannot_be_written_forgets_and_does_not_fail(tmp_path):
    (tmp_path / "a file").write_bytes(b"")
    SettingsFile(tmp_path / "a file" / "window.json").write(Settings(device="cpu"))
    assert (tmp_path / "a file").read_bytes() == b""


def test_recent_files_are_few_and_the_newest_comes_first(tmp_path):
    settings = Settings()
    for number in range(20):
        settings = settings.opened(tmp_path / f"{number}.tif")
    settings = settings.opened(tmp_path / "15.tif")
    assert [name[-6:] for name in settings.recent[:3]] == ["15.tif", "19.tif", "18.tif"]
    assert len(settings.recent) == 10


@pytest.fixture
def make(qtbot, tmp_path):
    made = []

    def window():
        made.append(MainWindow(tmp_path / "runs", settings=SettingsFile(tmp_path / "window.json")))
        with qtbot.waitExposed(made[-1]):
            made[-1].show()
        return made[-1]

    yield window
    for each in made:
        each.close()
        each.deleteLater()


def test_the_next_window_knows_the_files_and_the_layout(make, qtbot, tmp_path):
    (tmp_path / "window.json").write_text(
        json.dumps({"layout": "no layout at all", "geometry": "%%%", "device": "cpu"})
    )
    first = make()
    assert first.session.device == "cpu"
    first.open_paths([resource_path("example/recorded.tif")])
    qtbot.waitUntil(lambda: len(first.session.images) == 1, timeout=60000)
    first.docks[2].hide()
    first.close()
    second = make()
    assert not second.docks[2].isVisible()
    (action,) = second.recent.actions()
    assert action.text().startswith("recorded.tif")
    action.trigger()
    qtbot.waitUntil(lambda: len(second.session.images) == 1, timeout=60000)
    second.lay_out()
    assert second.docks[2].isVisible()


def test_preferences_are_used_and_kept(make, tmp_path):
    window = make()
    window.show_preferences()
    (dialog,) = window.findChildren(PreferencesDialog)
    window.host.ask_folder = lambda title: tmp_path / "elsewhere"
    dialog._choose()
    dialog.device.setCurrentIndex(dialog.device.findData("cpu"))
    dialog.offer.setChecked(False)
    dialog.done(QDialog.DialogCode.Accepted)
    assert window.session.runs_folder == tmp_path / "elsewhere"
    kept = SettingsFile(tmp_path / "window.json").read()
    assert (kept.device, kept.offer_unfinished) == ("cpu", False)

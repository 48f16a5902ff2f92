"""Restoring without a prior, to put beside the clean estimate."""

import shlex
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import Qt

from emdiff_app import baselines
from emdiff_app.baselines import restore_with
from emdiff_app.cli._main import main
from emdiff_app.gui.jobs import LEARNING, JobState, RestoringStatus
from emdiff_app.gui.model_form import Blur, Missing, ModelForm, Noise
from emdiff_app.gui.other_methods import METHODS, settings_words
from emdiff_app.gui.restoration import Wanted
from emdiff_app.gui.without_prior import OtherBatchTask
from emdiff_app.gui.words import restoring_line
from emdiff_app.images import open_stack
from emdiff_app.restoring import Cancelled, RestoreProgress

S = JobState
BLURRED = ModelForm(Noise(0, 1, 1), Blur(width=0.3))
FINER = ModelForm(Noise(0, 1, 1), factor=2)


@pytest.fixture
def choose(dock, click, qtbot):
    """Click the fourth way to restore, and a method from its list."""

    def chosen(name):
        panel = dock.steps.restore
        dock.resize(420, 1400)
        click(panel.modes["other"])
        qtbot.keyClick(panel.other.method, Qt.Key.Key_Home)
        for _ in range(list(METHODS).index(name)):
            qtbot.keyClick(panel.other.method, Qt.Key.Key_Down)
        assert panel.other.method.currentData() == name
        return panel

    return chosen


def test_every_method_is_offered_with_the_settings_that_it_has():
    assert set(METHODS) == set(baselines.method_names())
    for name, words in METHODS.items():
        own = baselines.method(name).parameters
        for number in words.numbers:
            assert number.given(number.default) == own[number.name].default, name


def test_a_method_is_chosen_and_set_and_gives_a_layer(dock, session, host, choose, click, qtbot):
    ref = host.add()
    session.form = BLURRED
    panel = choose("richardson-lucy")
    box = panel.other.numbers["iterations"]
    box.setFocus()
    box.selectAll()
    qtbot.keyClicks(box, "3")
    qtbot.keyClick(box, Qt.Key.Key_Return)
    click(panel.start)
    qtbot.waitUntil(lambda: session.restoring.state is S.DONE, timeout=60000)
    (result,) = host.results
    assert (result.of, result.stack.name) == (ref.key, "cells Richardson-Lucy")
    assert result.stack.pixel_size == ref.stack.pixel_size
    own = restore_with(
        "richardson-lucy", ref.stack.plane((1,)), session.form.imaging_model(),
        pixel_size=ref.stack.pixel_size, iterations=3,
    )  # fmt: skip
    np.testing.assert_allclose(result.stack.plane((1,)), own, rtol=1e-5)
    assert "new layer" in session.message.text
    assert session.restored_words is None
    assert not session.restored  # the check of the imaging model rests on the prior's result alone


def test_settings_are_remembered_for_each_method(session, choose):
    panel = choose("gaussian-blur")
    panel.other.numbers["sigma"].setValue(2.5)
    choose("richardson-lucy-tv")
    assert set(panel.other.numbers) == {"iterations", "weight"}
    choose("gaussian-blur")
    assert panel.other.numbers["sigma"].value() == 2.5
    assert session.wanted.settings == {"gaussian-blur": {"sigma": 2.5}}


def test_a_weight_that_chooses_itself(session, choose):
    panel = choose("tv")
    assert panel.other.numbers["weight"].text() == "automatic"
    assert settings_words("tv", {}) == {}
    assert settings_words("tv", {"weight": 0.3}) == {"weight": 0.3}


def test_there_is_no_uncertainty_without_a_prior(host, choose, click):
    host.add()
    panel = choose("wiener")
    assert not panel.spread.isEnabled()
    assert not panel.prior.isVisible()
    assert panel.start.isEnabled()
    click(panel.modes["clean"])
    assert panel.spread.isEnabled()
    assert not panel.start.isEnabled()  # there is no prior
    assert not panel.other.isVisible()


def test_noise_that_nobody_told_is_measured(session, host, until):
    host.add()
    session.wanted = Wanted("other", method="wiener")
    session.restore()
    until(lambda: session.restoring.state is S.DONE)
    (result,) = host.results
    before = host.refs[0].stack.plane((0,)).std()
    assert 0 < result.stack.plane((0,)).std() < 0.5 * before  # nothing but noise was there


def test_finer_pixels_lie_where_they_belong(session, host, until):
    host.add()
    session.form = FINER
    session.wanted = Wanted("other", method="tv")
    session.restore()
    until(lambda: session.restoring.state is S.DONE)
    (result,) = host.results
    assert result.stack.shape == (3, 96, 96)
    assert result.first["X"] == result.first["Y"] == 0.5


@pytest.mark.parametrize(
    ("method", "form", "advice"),
    [
        ("richardson-lucy", ModelForm(Noise(0, 1, 1)), "Tick Blur"),
        ("biharmonic", ModelForm(Noise(0, 1, 1)), "Tick Missing pixels"),
        ("non-local-means", FINER, "Choose Wiener"),
        ("wavelet", ModelForm(Noise(0, 1, 1), missing=Missing("share")), "Choose Wiener"),
    ],
)
def test_what_a_method_cannot_do_is_said_in_words_of_the_window(session, host, until, method, form, advice):
    host.add()
    session.form = form
    session.wanted = Wanted("other", method=method)
    session.restore()
    until(lambda: session.restoring.state is S.FAILED)
    assert "nothing was restored" in session.message.text
    assert advice in session.message.text


def test_training_is_told_and_can_be_cancelled(session, host, until):
    host.add()
    session.form = ModelForm(Noise(0, 1, 1))
    session.wanted = Wanted("other", method="noise2self", settings={"noise2self": {"minutes": 60.0}})
    session.restore()
    until(lambda: session.restoring.counted == LEARNING)
    assert restoring_line(session.restoring).startswith("Learning from the image first, ")
    session.cancel_restoring()
    until(lambda: session.restoring.state is S.STOPPED)
    assert not host.results


def test_how_far_training_is():
    status = RestoringStatus(S.RUNNING, RestoreProgress(0, 1, 250, 1000), LEARNING)
    assert restoring_line(status) == "Learning from the image first, 25 %"


def test_a_folder_file_by_file(session, host, until, tmp_path):
    (tmp_path / "in").mkdir()
    images = np.random.default_rng(0).poisson(100, (2, 40, 40)).astype(np.uint16)
    for name, image in zip("ab", images, strict=True):
        tifffile.imwrite(tmp_path / "in" / f"{name}.tif", image)
    (tmp_path / "in" / "broken.tif").write_bytes(b"no tiff")
    session.wanted = Wanted("other", method="gaussian-blur")
    session.restore_folder(tmp_path / "in", tmp_path / "out")
    until(lambda: session.restoring.state is S.DONE)
    assert "2 of 3 images" in session.message.text
    assert "broken.tif" in session.message.text
    with open_stack(tmp_path / "out" / "a-gaussian-blur.ome.tif") as made:
        assert made.plane(()).std() < images[0].std()
    first = (tmp_path / "out" / "a-gaussian-blur.ome.tif").stat().st_mtime_ns
    session.restore_folder(tmp_path / "in", tmp_path / "out")
    until(lambda: session.message is not None and session.restoring.state is S.DONE)
    assert "2 of 3 images" in session.message.text
    assert "2 of them were there already." in session.message.text
    session.wanted = Wanted("other", method="gaussian-blur", settings={"gaussian-blur": {"sigma": 3.0}})
    session.restore_folder(tmp_path / "in", tmp_path / "out")
    until(lambda: session.message is not None and session.restoring.state is S.DONE)
    assert "0 of 3 images" in session.message.text  # nothing is replaced without asking
    assert (tmp_path / "out" / "a-gaussian-blur.ome.tif").stat().st_mtime_ns == first


def test_cancel_is_heard_between_the_planes_of_a_file(tmp_path):
    (tmp_path / "in").mkdir()
    planes = np.random.default_rng(0).poisson(100, (6, 40, 40)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "in" / "a.tif", planes, imagej=True, metadata={"axes": "ZYX"})
    told = []
    talk = SimpleNamespace(should_stop=lambda: len(told) > 2, progress=lambda *said: told.append(said))
    form = ModelForm(Noise(0, 1, 1))
    with pytest.raises(Cancelled):
        OtherBatchTask(tmp_path / "in", tmp_path / "out", form, "gaussian-blur", {})(talk)
    assert len(told) == 3
    assert not any((tmp_path / "out").iterdir())


def test_the_copied_command_does_the_same(session, host, until, tmp_path, monkeypatch):
    path = tmp_path / "cells.tif"
    tifffile.imwrite(path, host.add().stack.numpy().astype(np.uint16), imagej=True, metadata={"axes": "ZYX"})
    host.refs.clear()
    host.add(source=path)
    session.form = ModelForm(Noise(0, 1, 1), Blur(width=2, unit="px"))
    session.wanted = Wanted(
        "other", method="richardson-lucy", settings={"richardson-lucy": {"iterations": 2.0}}
    )
    line = session.command_line()
    assert "--method richardson-lucy" in line
    session.restore()
    until(lambda: session.restoring.state is S.DONE)
    monkeypatch.chdir(tmp_path)
    assert main(shlex.split(line)[1:]) == 0
    with open_stack(tmp_path / "restored" / "cells-richardson-lucy.ome.tif") as made:
        np.testing.assert_allclose(made.plane((2,)), host.results[0].stack.plane((2,)), rtol=1e-5)

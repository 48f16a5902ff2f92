"""What "Copy as command" gives is understood by the command line of this very version."""

import dataclasses
import shlex

import pytest
import typer

from emdiff_app.cli._main import build
from emdiff_app.errors import EMDiffError
from emdiff_app.gui.model_form import Blur, ModelForm, Noise
from emdiff_app.gui.restoration import Wanted
from emdiff_app.gui.start_from import StartFrom
from emdiff_app.physics import ImagingModel


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a file.tif"
    path.write_bytes(b"")
    return path


def parsed(line):
    """The options of the line as the command would see them."""
    program, name, *words = shlex.split(line)
    assert program == "emdiff"
    command = typer.main.get_command(build()).commands[name]
    return name, command.make_context(name, words).params


@pytest.mark.parametrize("prior", [False, True])
@pytest.mark.parametrize("channel", [None, 1])
def test_the_command_line_understands_it(session, host, file, prior, channel):
    host.add(source=file)
    host.refs[0] = dataclasses.replace(host.refs[0], channel=channel)
    session.look_at_images()
    session.form = ModelForm(Noise(100, 2, 1), Blur(width=0.3))
    session.prior = file if prior else None
    name, seen = parsed(session.command_line())
    assert name == ("restore" if prior else "learn")
    assert [str(stack) for stack in seen["stacks"]] == [str(file)]
    assert seen["channel"] in (channel, str(channel) if channel is not None else None)
    assert ImagingModel.read(seen["model"]).to_json() == session.form.imaging_model().to_json()


@pytest.mark.parametrize("kind", ["clean", "similar"])
def test_what_was_changed_and_started_from_goes_along(session, host, file, tmp_path, kind):
    host.add(source=file)
    session.form = ModelForm(Noise(100, 2, 1))
    session.changes = {"rounds": 7, "time_limit_min": 90.0, "seed": 3}
    session.device = "cpu"
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(b"")
    session.start = StartFrom(kind, (tmp_path / "a.png", tmp_path / "b.png"))
    _, seen = parsed(session.command_line())
    assert (seen["rounds"], seen["time_limit"], seen["seed"], seen["device"]) == (7, 90, 3, "cpu")
    assert seen["start"] == f"{kind}:{tmp_path / '*.png'}"
    session.start = StartFrom(kind, (tmp_path / "a.png", tmp_path / "gone.png"))
    with pytest.raises(EMDiffError, match="pattern"):
        session.command_line()
    session.start, session.changes = StartFrom(), {"batch": 2}
    with pytest.raises(EMDiffError, match="batch"):
        session.command_line()


@pytest.mark.parametrize("way", ["learn", "restore", "other"])
def test_no_noise_is_invented_where_nobody_has_told_it(session, host, file, way):
    host.add(source=file)
    session.prior = file if way == "restore" else None
    session.wanted = Wanted("other" if way == "other" else "clean")
    _, seen = parsed(session.command_line())
    assert (
        seen["model"] is None
    )  # the command measures the noise or takes the prior's own model, as the window does
    session.form = ModelForm(blur=Blur(width=0.3))
    with pytest.raises(EMDiffError, match=r"noise is not known yet.*nothing was copied.*Estimate for me"):
        session.command_line()


@pytest.mark.parametrize("way", ["restore", "other"])
def test_the_device_goes_along_to_restore(session, host, file, way):
    host.add(source=file)
    session.prior, session.wanted = file, Wanted("other" if way == "other" else "clean")
    assert parsed(session.command_line())[1]["device"] == "auto"
    assert "--device" not in session.command_line()
    session.device = "cpu"
    assert parsed(session.command_line())[1]["device"] == "cpu"


def test_an_image_that_is_no_file_cannot_be_named(session, host):
    host.add("painted")
    with pytest.raises(EMDiffError, match="painted is not a file"):
        session.command_line()


def test_channels_that_differ_cannot_be_named_together(session, host, file):
    for channel in (0, 1):
        host.add(source=file)
        host.refs[channel] = dataclasses.replace(host.refs[channel], channel=channel)
    session.look_at_images()
    with pytest.raises(EMDiffError, match="different channels"):
        session.command_line()

"""What holds for every command, now and later: a file dropped into the folder is under these rules at once."""

import json
import os
import subprocess
import sys
import time

import pytest
import typer

from emdiff_app import __version__
from emdiff_app.cli import main
from emdiff_app.cli._main import build

COMMANDS = typer.main.get_command(build()).commands
# Nothing to print for a machine: one opens a window, the other speaks through the events of its run folder.
NO_RESULT = {"app", "worker"}
HELP_OF_ALL = """
import sys
from emdiff_app.cli import main
codes = {name: main([name, "--help"]) for name in sys.argv[1:]}
heavy = {"torch", "napari", "qtpy", "scipy", "skimage", "zarr"} & set(sys.modules)
sys.exit(f"{codes} {heavy}" if any(codes.values()) or heavy else 0)
"""


def said(capsys, arguments):
    """Exit code, stdout and the lines of stderr of one command line."""
    code = main(arguments)
    out, err = capsys.readouterr()
    return code, out, err.splitlines()


def test_help_of_every_command_imports_nothing_heavy():
    done = subprocess.run(
        [sys.executable, "-c", HELP_OF_ALL, *COMMANDS], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_command_starts_within_a_second():
    """Every command line imports the same modules before the command itself runs, so one speaks for all."""
    fastest = float("inf")
    for _ in range(5):  # on a busy machine the fastest of a few is what the program itself needs
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "emdiff_app.cli", "--help"], capture_output=True, check=True)
        fastest = min(fastest, time.perf_counter() - start)
        if fastest < 1:
            return
    pytest.fail(f"emdiff --help takes {fastest:.2f} s")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_in_one_sentence_what_it_does(name):
    summary = COMMANDS[name].help.strip().split("\n\n")[0]
    assert summary.endswith(".")
    assert len(summary) > 15


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - NO_RESULT))
def test_every_command_speaks_json(name):
    assert any("--json" in option.opts for option in COMMANDS[name].params)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_explained(name):
    unexplained = [option.name for option in COMMANDS[name].params if option.opts and not option.help]
    assert not unexplained


@pytest.mark.parametrize("name", COMMANDS)
def test_an_unknown_option_is_one_sentence_and_code_2(name, capsys):
    code, out, lines = said(capsys, [name, "--no-such-option"])
    assert (code, out, len(lines)) == (2, "", 1)
    assert "--no-such-option" in lines[0]


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - NO_RESULT))
def test_with_json_a_refusal_is_one_object(name, capsys):
    code, out, lines = said(capsys, [name, "--json", "--no-such-option"])
    assert code == 2
    assert len(lines) == 1
    assert json.loads(out)["error"] in lines[0]


@pytest.mark.parametrize("name", [name for name, c in COMMANDS.items() if any(p.required for p in c.params)])
def test_what_is_required_is_asked_for(name, capsys):
    code, out, lines = said(capsys, [name])
    assert (code, out, len(lines)) == (2, "", 1)
    assert "Missing" in lines[0]


def test_an_unknown_command_is_one_sentence_and_code_2(capsys):
    code, out, lines = said(capsys, ["no-such-command"])
    assert (code, out, len(lines)) == (2, "", 1)
    assert "no-such-command" in lines[0]
    assert "emdiff --help" in lines[0]


def test_version(capsys):
    assert said(capsys, ["--version"]) == (0, f"{__version__}\n", [])


def test_a_reader_that_goes_away_is_no_error_to_shout_about():
    """As in `emdiff bench | head -0`."""
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "emdiff_app.cli", "bench"]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert done.stderr == ""


def test_a_mistake_of_ours_says_so_without_a_traceback(monkeypatch, capsys):
    monkeypatch.delenv("EMDIFF_DEBUG", raising=False)
    from emdiff_app.cli import doctor

    monkeypatch.setattr(doctor, "examine", lambda: 1 / 0)
    code, _, lines = said(capsys, ["doctor"])
    assert code == 1
    assert len(lines) == 1
    assert "ZeroDivisionError" in lines[0]
    assert "your input files are untouched" in lines[0]


def test_a_size_that_no_benchmark_has_is_refused(capsys):
    assert main(["bench", "tables", "--size", "large"]) == 2
    assert "--size must be cpu or gpu" in capsys.readouterr().err

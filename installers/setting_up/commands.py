"""The two commands of a checkout: `run` starts EMDiff, `test` tests it; both set it up first."""

import itertools
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from . import pip_output
from .environment import CHECKOUT, Environment
from .messages import SetUpError, say
from .system import has_screen

__all__ = ["checks", "guarded", "main_job", "run", "test"]

INTERRUPTED = 130


def guarded(job: Callable[[list[str]], int], usage: str | None) -> int:
    """`job` with the arguments of this script; what stops it becomes one sentence and an exit code."""
    arguments = sys.argv[1:]
    if arguments[:1] in (["-h"], ["--help"]):
        print((usage or "").strip())
        return 0
    try:
        return job(arguments)
    except SetUpError as reason:
        say(f"\n{reason}")
        return 1
    except OSError as error:
        say(f"\n{pip_output.explain(str(error), 'The set-up')}")
        return 1
    except KeyboardInterrupt:
        say("\nInterrupted; nothing is broken. Run the same command again to go on.")
        return INTERRUPTED


def run(arguments: list[str]) -> int:
    """Set up for using EMDiff, then hand over to it."""
    environment = _set_up({"app"})
    if arguments == ["--setup-only"]:
        say(f"Ready. Start it with: {environment.script('emdiff')}")
        return 0
    return _hand_over([str(environment.script("emdiff")), *(arguments or main_job())])


def main_job() -> list[str]:
    """What EMDiff does when nobody says: show itself on the example, in a window or in files."""
    return ["app", "--example"] if has_screen() else ["demo", "--out", _unused("emdiff-demo")]


def _unused(folder: str) -> str:
    """The name of a folder that is not there yet: a second demo must not write over the first."""
    names = itertools.chain([folder], (f"{folder}-{number}" for number in itertools.count(2)))
    return next(name for name in names if not Path(name).exists())


def test(arguments: list[str]) -> int:
    """Set up for testing, then run the checks; the code of the first that fails."""
    environment = _set_up({"app", "test"})
    if arguments == ["--setup-only"]:
        say(f"Ready. Run tests with: {environment.python} -m pytest")
        return 0
    codes = [_step(step) for step in checks(str(environment.python), arguments)]
    return next((code for code in codes if code), 0)


def checks(python: str, arguments: Sequence[str]) -> list[list[str]]:
    """The commands of a test run. pytest comes last, so that its closing line is the last line."""
    pytest = [python, "-m", "pytest", *arguments]
    if not has_screen() and shutil.which("xvfb-run"):
        # napari draws with OpenGL, which Qt's "offscreen" platform lacks; a virtual screen has it.
        pytest = ["xvfb-run", "-a", "-s", "-screen 0 1920x1200x24", *pytest, "--no-xvfb"]
    if arguments:
        return [pytest]
    return [
        [python, "-m", "ruff", "check", "."],
        [python, "-m", "ruff", "format", "--check", "."],
        [python, "-m", "mypy"],
        pytest,
    ]


def _set_up(extras: set[str]) -> Environment:
    environment = Environment()
    # Being told to end is being interrupted: pip must not go on alone.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        environment.set_up(extras)
    finally:
        signal.signal(signal.SIGTERM, before)
    return environment


def _step(command: list[str]) -> int:
    say(f"$ {shlex.join(command)}")
    with subprocess.Popen(command, cwd=CHECKOUT) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:
            process.wait()  # the keyboard interrupted it too: let it say how far it came
            raise


def _hand_over(command: list[str]) -> int:
    sys.stdout.flush()
    sys.stderr.flush()
    if os.name == "posix":
        os.execv(command[0], command)  # this process becomes EMDiff: signals reach it directly
    return subprocess.call(command)

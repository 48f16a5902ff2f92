"""The set-up scripts lie outside the package; here is a small checkout for them, with a Python that only notes."""

import sys
from pathlib import Path

import pytest

INSTALLERS = Path(__file__).resolve().parents[2] / "installers"
sys.path.append(str(INSTALLERS))  # at the end: its test.py must not hide the standard library's `test`

# Notes what it was called with, says what it is told to say, and ends with the code it is told.
FAKE_PYTHON = """#!/bin/sh
here=$(dirname "$0")
[ "$1" = "-c" ] && exit 0
echo "$@" >> "$here/calls"
env > "$here/variables"
[ -f "$here/says" ] && cat "$here/says"
[ -f "$here/sleeps" ] && exec sleep 60
exit $(cat "$here/code" 2>/dev/null || echo 0)
"""


class Checkout:
    """A checkout in a temporary folder whose .venv holds a fake Python."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "installers").mkdir(parents=True)
        (folder / "pyproject.toml").write_text("[project]\n")
        self.constraints = folder / "installers" / "constraints.txt"
        self.constraints.write_text("torch==2.13.0\n")
        self.bin = folder / ".venv" / "bin"
        self.bin.mkdir(parents=True)
        (folder / ".venv" / "pyvenv.cfg").write_text(f"home = {folder}\nversion = 3.11.7\n")
        (self.bin / "python").write_text(FAKE_PYTHON)
        (self.bin / "python").chmod(0o755)
        self.site_packages = folder / ".venv" / "lib" / "python3.11" / "site-packages"
        (self.site_packages / "torch").mkdir(parents=True)

    def pip_will(self, say: str = "", code: int = 0, sleep: bool = False) -> None:
        (self.bin / "says").write_text(say)
        (self.bin / "code").write_text(str(code))
        (self.bin / "sleeps").unlink(missing_ok=True)
        if sleep:
            (self.bin / "sleeps").touch()

    def calls(self) -> list[str]:
        """What pip was asked for, one line a call."""
        noted = self.bin / "calls"
        return noted.read_text().splitlines() if noted.exists() else []

    def variables(self) -> dict[str, str]:
        lines = (self.bin / "variables").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    if sys.platform == "win32":
        pytest.skip("the fake Python is a shell script")
    from setting_up import system_packages

    monkeypatch.setattr(system_packages, "install", lambda **_: None)  # the tests' machine stays as it is
    return Checkout(tmp_path / "a checkout")  # with a space, as on many a desktop

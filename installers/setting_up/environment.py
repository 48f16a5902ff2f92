"""The folder `.venv` of a checkout: made, filled with the pinned versions, mended, left alone when fresh."""

import contextlib
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

from . import locking, pip_output, system_packages
from .messages import SetUpError, say

__all__ = ["CHECKOUT", "Environment"]

CHECKOUT = Path(__file__).resolve().parents[2]
NEEDED_GB = 3
HEALTHY = "import sys, pip._internal.commands.install; sys.exit(sys.version_info < (3, 11))"
# These settings of a user would send packages somewhere else than into .venv. Indexes, proxies,
# certificates and caches are the user's business and pass through.
ELSEWHERE = ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_DRY_RUN", "PIP_NO_DEPS", "PYTHONHOME", "PYTHONPATH")


class Environment:
    """The virtual environment of one checkout."""

    def __init__(self, checkout: Path = CHECKOUT) -> None:
        self.checkout = checkout
        self.folder = checkout / ".venv"
        self.constraints = checkout / "installers" / "constraints.txt"
        self.stamp = self.folder / "emdiff-set-up.json"
        self.log = self.folder / "set-up.log"
        self._lock: int | None = None

    @property
    def python(self) -> Path:
        return self.script("python")

    def script(self, name: str) -> Path:
        """The path of a command inside the environment."""
        if os.name == "nt":
            return self.folder / "Scripts" / f"{name}.exe"
        return self.folder / "bin" / name

    def set_up(self, extras: set[str]) -> None:
        """Make sure that the pinned versions for `extras` are installed; instant when they are."""
        if self.is_ready(extras):
            return
        with self._only_one():
            if self.is_ready(extras):  # the set-up we waited for has done it
                return
            self._set_up(extras | self._stamped_extras())

    def is_ready(self, extras: Iterable[str]) -> bool:
        """Whether an earlier set-up of these very versions finished and its Python is still there."""
        return (
            self._has_python()
            and self._read_stamp().get("versions") == self._versions()
            and self._stamped_extras() >= set(extras)
        )

    def _set_up(self, extras: set[str]) -> None:
        say(f"Setting up EMDiff in {self.folder} (a few minutes the first time; safe to interrupt).")
        fresh = not (self._has_python() and any(self._site_packages("torch")))
        if fresh:
            self._check_disk()
        system_packages.install(virtual_screen="test" in extras, venv=not _can_make_venv())
        self._make()
        self.stamp.unlink(missing_ok=True)
        self.log.unlink(missing_ok=True)
        self._drop_half_installed()
        say("Installing PyTorch, the largest part.")
        # torch first, pinned: nothing that comes later may swap the build that fits this computer.
        # The build tools beside it, so that EMDiff itself is built with pinned ones too.
        self._pip("torch", "hatchling", "editables")
        say("Installing the other libraries and EMDiff itself.")
        target = f"{self.checkout}[{','.join(sorted(extras))}]"
        self._pip("--no-build-isolation", "--editable", target)
        self._write_stamp(extras)
        say("EMDiff is set up.")

    # What is there

    def _has_python(self) -> bool:
        home = self._configuration().get("home", "")
        # On Windows the file in .venv is only a launcher: it stays when the Python it starts is gone.
        return self.python.exists() and bool(home) and Path(home).is_dir()

    def _configuration(self) -> dict[str, str]:
        try:
            lines = (self.folder / "pyvenv.cfg").read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            return {}
        pairs = (line.partition("=") for line in lines)
        return {key.strip(): value.strip() for key, _, value in pairs}

    def _site_packages(self, pattern: str) -> list[Path]:
        root = self.folder / "Lib" if os.name == "nt" else self.folder / "lib"
        return sorted(root.glob(f"site-packages/{pattern}")) + sorted(
            root.glob(f"python*/site-packages/{pattern}")
        )

    def _versions(self) -> str:
        """A fingerprint of everything that decides what is installed, and where."""
        project = tomllib.loads((self.checkout / "pyproject.toml").read_text("utf-8"))
        decisive = {
            "project": project.get("project"),
            "build": [project.get("build-system"), project.get("tool", {}).get("hatch")],
            "constraints": self.constraints.read_text("utf-8"),
            "python": self._configuration().get("version"),
            "folder": str(self.checkout),
        }
        return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()

    def _read_stamp(self) -> dict[str, object]:
        try:
            stamp = json.loads(self.stamp.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return stamp if isinstance(stamp, dict) else {}

    def _stamped_extras(self) -> set[str]:
        extras = self._read_stamp().get("extras")
        return set(extras) if isinstance(extras, list) else set()

    def _write_stamp(self, extras: set[str]) -> None:
        text = json.dumps({"versions": self._versions(), "extras": sorted(extras)})
        unfinished = self.stamp.with_suffix(".tmp")
        unfinished.write_text(text, "utf-8")
        unfinished.replace(self.stamp)

    # What is done

    def _check_disk(self) -> None:
        free = shutil.disk_usage(self.checkout).free / 1e9
        if free < NEEDED_GB:
            raise SetUpError(
                f"The disk of {self.checkout} has {free:.1f} GB free, but the first set-up needs about "
                f"{NEEDED_GB} GB; nothing was changed. Free some space and run this again."
            )

    def _make(self) -> None:
        if self._has_python() and _succeeds([str(self.python), "-c", HEALTHY]):
            return
        if self.folder.exists():
            say("Making .venv anew: the one that is there is unfinished, too old, or its Python has gone.")
        else:
            say("Making .venv.")
        if not _can_make_venv():
            raise SetUpError(
                "This Python cannot make virtual environments; nothing was changed. Install the rest of it "
                f"(on Debian: sudo apt-get install {system_packages.venv_package()}) and run this again."
            )
        # From inside a virtual environment, the Python it was made from: `.venv` may be that environment.
        base = getattr(sys, "_base_executable", None) or sys.executable
        made = subprocess.run(
            [base, "-m", "venv", "--clear", str(self.folder)],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        if made.returncode:
            raise SetUpError(pip_output.explain(made.stdout + made.stderr, "Making .venv"))

    def _drop_half_installed(self) -> None:
        """Forget packages whose installation was killed: pip would take them for installed.

        pip writes the file INSTALLER after all others, and renames to `~name` what it is removing.
        """
        for folder in self._site_packages("*.dist-info"):
            if not (folder / "INSTALLER").exists():
                shutil.rmtree(folder, ignore_errors=True)
        for folder in self._site_packages("~*"):
            shutil.rmtree(folder, ignore_errors=True)

    def _pip(self, *arguments: str) -> None:
        command = [str(self.python), "-m", "pip", "install", "--no-input", "--progress-bar", "off"]
        command += ["--disable-pip-version-check", "--constraint", str(self.constraints), *arguments]
        variables = {name: value for name, value in os.environ.items() if name not in ELSEWHERE}
        variables |= {"PIP_USER": "0", "PYTHONUNBUFFERED": "1"}
        code, output = pip_output.follow(command, variables, self._lock)
        with self.log.open("a", encoding="utf-8") as log:
            log.write(output)
        if code:
            raise SetUpError(
                f"{pip_output.explain(output, 'Installing')} All that was said is in {self.log}."
            )

    @contextlib.contextmanager
    def _only_one(self) -> Iterator[None]:
        """Hold the set-up of this checkout; wait while another process does.

        The system drops the lock when this process and the pip that it started are gone, however they end.
        """
        with self.constraints.open("r+b") as file:
            if not locking.try_lock(file):
                say("Another set-up of this checkout is running; waiting for it to finish.")
                locking.wait_for_lock(file)
            self._lock = file.fileno()
            yield


def _can_make_venv() -> bool:
    return all(importlib.util.find_spec(name) for name in ("venv", "ensurepip"))


def _succeeds(command: list[str]) -> bool:
    try:
        return (
            subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, timeout=60).returncode == 0
        )
    except (OSError, subprocess.TimeoutExpired):
        return False

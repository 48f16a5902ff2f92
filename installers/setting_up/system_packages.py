"""Packages of the operating system that a Qt window needs, on Debian and its kin."""

import os
import shlex
import shutil
import subprocess
import sys

from . import system
from .messages import say

__all__ = ["install", "missing", "venv_package"]

# Debian's xvfb-run needs xauth, but xvfb only recommends it.
SCREEN_TOOLS = {"Xvfb": "xvfb", "xauth": "xauth"}


def install(*, virtual_screen: bool, venv: bool) -> None:
    """Install what is missing where we may; otherwise print the line to run, and go on."""
    if not sys.platform.startswith("linux"):
        return
    packages = missing(virtual_screen=virtual_screen) + ([venv_package()] if venv else [])
    if not packages:
        return
    if not shutil.which("apt-get"):
        say(
            f"System packages are missing here, without which no window opens; on Debian: {' '.join(packages)}"
        )
        return
    command = ["apt-get", "install", "--yes", "--no-install-recommends", *packages]
    if os.geteuid() != 0:
        say("System packages are missing here, without which no window opens. Install them with:")
        say(f"  sudo {shlex.join(command)}")
        return
    say(f"Installing system packages: {' '.join(packages)}")
    # A fresh machine has no package lists, an old one stale lists: fetch them and try once more.
    if not (_quietly(command) or (_quietly(["apt-get", "update"]) and _quietly(command))):
        say("That did not work, so no window may open; going on. To try it by hand:")
        say(f"  {shlex.join(command)}")


def missing(*, virtual_screen: bool) -> list[str]:
    """The Debian packages whose libraries or programs are not here; none on other systems."""
    if not sys.platform.startswith("linux"):
        return []
    packages = list(system.missing_qt_libraries().values())
    if virtual_screen:
        packages += [package for program, package in SCREEN_TOOLS.items() if not shutil.which(program)]
    return packages


def venv_package() -> str:
    """Debian splits `venv` off Python; this is the part."""
    return f"python{sys.version_info.major}.{sys.version_info.minor}-venv"


def _quietly(command: list[str]) -> bool:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    if command[0] == "apt-get":  # wait for another package manager instead of failing at once
        command = [command[0], "-o", "DPkg::Lock::Timeout=120", *command[1:]]
    done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return done.returncode == 0

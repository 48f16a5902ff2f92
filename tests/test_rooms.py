"""The rooms of the house: who may import whom, and what importing them may cost."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import emdiff_app

PACKAGE = Path(emdiff_app.__file__).parent

# Each room with the rooms it may use. `priors` sits beside `diffusion`; a room may always use itself.
BELOW = {
    "images": set(),
    "physics": {"images"},
    "diffusion": {"images", "physics"},
    "priors": {"images", "physics", "diffusion"},
    "posterior": {"images", "physics", "diffusion"},
    "learning": {"images", "physics", "diffusion", "priors", "posterior"},
    "restoring": {"images", "physics", "diffusion", "priors", "posterior"},
}
# Two published learners are recipes of ours, and the results of other methods are stacks like ours.
BELOW["baselines"] = BELOW["restoring"] | {"learning", "restoring"}
BELOW["gui"] = BELOW["baselines"] | {"baselines"}
BELOW["app"] = BELOW["napari_plugin"] = BELOW["gui"] | {"gui"}
BELOW["benchmarks"] = BELOW["gui"]
BELOW["cli"] = set(BELOW)
EVERYWHERE = {"__init__", "errors", "resources", "system"}  # the top of the package
QT = {"qtpy", "napari", "PySide6", "PyQt6", "PyQt5", "superqt", "pyqtgraph"}
WINDOWS = {"gui", "app", "napari_plugin"}


def imports_of(path: Path):
    """Every module that a file imports, as (line, dotted name), relative ones resolved."""
    package = ("emdiff_app", *path.relative_to(PACKAGE).parent.parts)
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            stem = ".".join([*base, *([node.module] if node.module else [])])
            yield node.lineno, stem
            if stem == "emdiff_app":
                yield from ((node.lineno, f"{stem}.{alias.name}") for alias in node.names)


def room_files():
    return [p for p in sorted(PACKAGE.rglob("*.py")) if p.parent != PACKAGE]


def test_every_folder_is_a_known_room():
    assert {p.relative_to(PACKAGE).parts[0] for p in room_files()} <= set(BELOW)


def test_the_top_of_the_package_knows_no_room():
    assert {p.stem for p in PACKAGE.glob("*.py")} == EVERYWHERE
    wrong = [
        f"{path}:{line} imports {name}"
        for path in PACKAGE.glob("*.py")
        for line, name in imports_of(path)
        if name.startswith("emdiff_app.") and name.split(".")[1] in BELOW
    ]
    assert not wrong


@pytest.mark.parametrize("room", BELOW)
def test_arrows_run_one_way(room):
    wrong = []
    for path in (PACKAGE / room).rglob("*.py"):
        for line, name in imports_of(path):
            parts = name.split(".")
            target = parts[1] if parts[0] == "emdiff_app" and len(parts) > 1 else ""
            if target in BELOW and target not in BELOW[room] | {room}:
                wrong.append(f"{path}:{line} imports {name}")
    assert not wrong


def test_only_windows_know_qt():
    wrong = [
        f"{path}:{line} imports {name}"
        for path in room_files()
        for line, name in imports_of(path)
        if name.split(".")[0] in QT and path.relative_to(PACKAGE).parts[0] not in {*WINDOWS, "benchmarks"}
    ]
    assert not wrong


def test_the_gui_room_does_not_know_napari_nor_a_qt_binding():
    wrong = [
        f"{path}:{line} imports {name}"
        for path in (PACKAGE / "gui").rglob("*.py")
        for line, name in imports_of(path)
        if name.split(".")[0] in QT - {"qtpy", "superqt", "pyqtgraph"}
    ]
    assert not wrong


@pytest.mark.parametrize("module", ["emdiff_app", "gui", "napari_plugin", "app", "cli", "images", "physics"])
def test_importing_is_cheap(module):
    name = module if module == "emdiff_app" else f"emdiff_app.{module}"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys, {name}; print('torch' in sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "False"


def patience(**variables):
    """How long, in a fresh process that has imported the package, torch's threads spin before they sleep."""
    environment = {k: v for k, v in os.environ.items() if k != "GOMP_SPINCOUNT"} | variables
    code = "import emdiff_app, os; print(os.environ['GOMP_SPINCOUNT'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    return int(done.stdout)


def test_waiting_threads_soon_sleep_unless_the_user_wants_otherwise():
    assert patience() <= 100_000
    assert patience(GOMP_SPINCOUNT="12345678") == 12345678

"""The wheel, installed where no checkout is near: its files, commands and manifest are all there."""

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]
LOOK = """
import importlib.metadata as m, json, sys
import emdiff_app
from emdiff_app.resources import resource_path
scripts = {e.name: e.value for e in m.entry_points(group="console_scripts") if e.dist.name == "emdiff"}
manifests = {e.name: e.value for e in m.entry_points(group="napari.manifest") if e.dist.name == "emdiff"}
print(json.dumps({
    "package": emdiff_app.__file__,
    "icon": str(resource_path("icons/emdiff.svg")),
    "scripts": scripts,
    "manifests": manifests,
    "licence": m.metadata("emdiff")["License-Expression"],
}))
"""


def run(*command, cwd):
    # Outside the checkout and without its paths: what is found is found in the wheel.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, cwd=cwd, env=environment, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of this checkout, built with the installed tools and without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel"]
    run(*pip, "--no-build-isolation", "--no-deps", "--no-index", "--wheel-dir", folder, CHECKOUT, cwd=folder)
    (built,) = folder.glob("emdiff-*.whl")
    return built


@pytest.fixture(scope="module")
def clean_python(wheel, tmp_path_factory):
    """A new environment with the wheel, and with this one's libraries but not its view of the checkout."""
    folder = tmp_path_factory.mktemp("clean")
    venv.create(folder, with_pip=False)
    scheme = {"base": str(folder), "platbase": str(folder)}
    site_packages = Path(sysconfig.get_path("purelib", vars=scheme))
    python = Path(sysconfig.get_path("scripts", vars=scheme)) / (
        "python.exe" if os.name == "nt" else "python"
    )
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python, "install"]
    run(*pip, "--no-deps", "--no-index", wheel, cwd=folder)
    # A path in a .pth file is searched after the new environment's own, and .pth files in it are not read:
    # so the editable install of the checkout stays out.
    (site_packages / "libraries.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    return python


@pytest.fixture(scope="module")
def seen(clean_python):
    return json.loads(run(clean_python, "-P", "-c", LOOK, cwd=clean_python.parent))


def test_package_and_resources_come_from_the_wheel(seen, clean_python):
    home = str(clean_python.parents[1])
    assert seen["package"].startswith(home)
    assert seen["icon"].startswith(home)
    assert Path(seen["icon"]).read_bytes() == (CHECKOUT / "resources" / "icons" / "emdiff.svg").read_bytes()


def test_entry_points_and_licence(seen):
    assert seen["scripts"] == {"emdiff": "emdiff_app.cli:main"}
    assert seen["manifests"] == {"emdiff": "emdiff_app.napari_plugin:napari.yaml"}
    assert seen["licence"] == "BSD-3-Clause"


def test_the_command_runs(clean_python):
    script = clean_python.with_name("emdiff.exe" if os.name == "nt" else "emdiff")
    assert "doctor" in run(script, "--help", cwd=clean_python.parent)


def test_npe2_accepts_the_installed_manifest(clean_python):
    pytest.importorskip("npe2")
    assert "valid" in run(clean_python, "-P", "-m", "npe2", "validate", "emdiff", cwd=clean_python.parent)


def test_the_wheel_holds_the_program_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"emdiff_app"}
    assert "emdiff_app/py.typed" in names
    assert any(name.endswith("/LICENSE") for name in names)

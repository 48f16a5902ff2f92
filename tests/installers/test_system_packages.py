"""System libraries for windows: installed where we may, told otherwise, and never in the way."""

import os
import sys

import pytest

pytest.importorskip("setting_up")
from setting_up import system, system_packages

APT = """#!/bin/sh
echo "$@" >> "{notes}"
case "$*" in *update*) touch "{notes}.updated"; exit 0;; esac
[ -f "{notes}.updated" ] || [ -z "{stale}" ] && exit 0
exit 100
"""


@pytest.fixture
def apt(tmp_path, monkeypatch):
    """An apt-get that notes its calls; `stale` makes it fail until its lists are fetched."""
    notes = tmp_path / "notes"

    def make(stale=""):
        tool = tmp_path / "apt-get"
        tool.write_text(APT.format(notes=notes, stale=stale))
        tool.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/usr/bin{os.pathsep}/bin")
        return lambda: notes.read_text().splitlines() if notes.exists() else []

    return make


@pytest.fixture
def lacking(monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(
        system_packages.system, "missing_qt_libraries", lambda: {"libxcb-cursor.so.0": "libxcb-cursor0"}
    )


def test_root_installs_only_what_is_missing(apt, lacking, monkeypatch):
    calls = apt()
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    system_packages.install(virtual_screen=False, venv=False)
    (call,) = calls()
    assert call.endswith("install --yes --no-install-recommends libxcb-cursor0")


def test_stale_package_lists_are_fetched_once(apt, lacking, monkeypatch):
    calls = apt(stale="yes")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    system_packages.install(virtual_screen=False, venv=False)
    assert [call.split()[2] for call in calls()] == ["install", "update", "install"]


def test_others_are_told_the_line_and_nothing_runs(apt, lacking, monkeypatch, capsys):
    calls = apt()
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    system_packages.install(virtual_screen=False, venv=True)
    said = capsys.readouterr().err
    assert "  sudo apt-get install --yes --no-install-recommends libxcb-cursor0 python3." in said
    assert calls() == []


def test_without_apt_the_libraries_are_named(lacking, monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    system_packages.install(virtual_screen=True, venv=False)
    said = capsys.readouterr().err
    assert "libxcb-cursor0 xvfb xauth" in said


def test_a_complete_machine_hears_nothing(apt, monkeypatch, capsys):
    calls = apt()
    monkeypatch.setattr(system_packages.system, "missing_qt_libraries", dict)
    system_packages.install(virtual_screen=False, venv=False)
    assert capsys.readouterr().err == ""
    assert calls() == []


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_other_systems_need_no_packages(platform, monkeypatch):
    monkeypatch.setattr(sys, "platform", platform)
    assert system_packages.missing(virtual_screen=True) == []
    assert system.has_screen()

"""The two scripts as a newcomer runs them."""

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("setting_up")
from setting_up import Environment, checks, commands, main_job

INSTALLERS = Path(commands.__file__).parents[1]


def pretending(version):
    """The script as a Python of that version reads it."""
    return (
        f"import sys, runpy; sys.version_info = {version}; runpy.run_path(sys.argv[1], run_name='__main__')"
    )


@pytest.mark.parametrize("script", ["run.py", "test.py"])
@pytest.mark.parametrize("version", [(3, 6, 9), (3, 10, 13)])
def test_an_old_python_gets_one_sentence(script, version, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", pretending(version), INSTALLERS / script],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 1
    assert (
        f"needs Python 3.11 or newer, and this is Python 3.{version[1]}; nothing was changed" in done.stderr
    )
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("script", ["run.py", "test.py"])
def test_the_scripts_can_be_read_by_old_pythons(script):
    import ast

    ast.parse((INSTALLERS / script).read_text("utf-8"), feature_version=(3, 4))
    assert "f'" not in (INSTALLERS / script).read_text("utf-8")


@pytest.mark.parametrize("script", ["run.py", "test.py"])
def test_help_explains_and_sets_nothing_up(script, tmp_path):
    copy = shutil.copytree(INSTALLERS, tmp_path / "installers")
    (tmp_path / "emdiff_app").mkdir()
    for name in ("__init__.py", "system.py"):
        shutil.copy(INSTALLERS.parent / "emdiff_app" / name, tmp_path / "emdiff_app")
    done = subprocess.run(
        [sys.executable, copy / script, "--help"], capture_output=True, text=True, check=True
    )
    assert "--setup-only" in done.stdout
    assert ".venv" not in [path.name for path in tmp_path.iterdir()]


def test_a_second_run_starts_within_two_seconds(tmp_path):
    if not Environment().is_ready({"app"}):
        pytest.skip("this environment was not made by the set-up scripts, or is out of date")
    times = []
    for _ in range(3):
        start = time.perf_counter()
        done = subprocess.run(
            [sys.executable, INSTALLERS / "run.py", "--setup-only"],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            check=True,
        )
        times.append(time.perf_counter() - start)
    assert "Setting up" not in done.stderr
    assert min(times) < 2


def test_further_arguments_go_to_emdiff(tmp_path):
    if not Environment().is_ready({"app"}):
        pytest.skip("this environment was not made by the set-up scripts, or is out of date")
    command = [sys.executable, INSTALLERS / "run.py", "doctor", "--no-such-option"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 2
    assert "--no-such-option" in done.stderr


def test_with_a_screen_the_window_opens_and_without_one_the_demo_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(commands, "has_screen", lambda: True)
    assert main_job() == ["app", "--example"]
    monkeypatch.setattr(commands, "has_screen", lambda: False)
    assert main_job() == ["demo", "--out", "emdiff-demo"]
    (tmp_path / "emdiff-demo").mkdir()
    assert main_job() == ["demo", "--out", "emdiff-demo-2"]


@pytest.mark.parametrize("job", [["app", "--example"], ["demo", "--out", "x"]])
def test_the_main_job_is_one_that_emdiff_understands(job, capsys):
    from emdiff_app.cli import main

    assert main([job[0], "--help"]) == 0
    assert job[1] in capsys.readouterr().out


def test_all_checks_run_with_pytest_last_and_only_pytest_takes_arguments(monkeypatch):
    monkeypatch.setattr(commands, "has_screen", lambda: True)
    steps = checks("python", [])
    assert [step[2] for step in steps] == ["ruff", "ruff", "mypy", "pytest"]
    assert checks("python", ["-x", "tests/images"]) == [["python", "-m", "pytest", "-x", "tests/images"]]


def test_without_a_screen_the_tests_draw_on_a_virtual_one(monkeypatch):
    monkeypatch.setattr(commands, "has_screen", lambda: False)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    (pytest_step,) = checks("python", ["tests"])
    assert pytest_step[:2] == ["xvfb-run", "-a"]
    assert pytest_step[-1] == "--no-xvfb"


def test_the_code_is_that_of_the_first_failure_and_later_checks_still_run(monkeypatch, capfd):
    def step(code):
        return [sys.executable, "-c", f"print('ran', {code}); raise SystemExit({code})"]

    monkeypatch.setattr(commands, "checks", lambda *_: [step(0), step(3), step(1), step(0)])
    monkeypatch.setattr(commands, "_set_up", lambda _: Environment())
    assert commands.test([]) == 3
    assert capfd.readouterr().out.split() == ["ran", "0", "ran", "3", "ran", "1", "ran", "0"]


def test_a_full_disk_outside_pip_is_one_sentence_too(monkeypatch, capsys):
    def fail(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sys, "argv", ["run.py"])
    assert commands.guarded(fail, None) == 1
    assert "disk is full" in capsys.readouterr().err

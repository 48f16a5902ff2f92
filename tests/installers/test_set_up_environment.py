"""Setting up a checkout: what is installed, when it is skipped, and what interrupts it."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest

pytest.importorskip("setting_up")
from setting_up import Environment, SetUpError, environment, locking

BOTH = {"app", "test"}
INSTALLERS = os.path.dirname(os.path.dirname(environment.__file__))  # noqa: PTH120


def test_torch_is_pinned_and_installed_before_everything_else(checkout):
    Environment(checkout.folder).set_up(BOTH)
    first, second = checkout.calls()
    assert first.endswith("torch hatchling editables")
    assert second.endswith(f"--no-build-isolation --editable {checkout.folder}[app,test]")
    assert all(f"--constraint {checkout.constraints}" in call for call in (first, second))


def test_a_second_set_up_installs_nothing(checkout):
    Environment(checkout.folder).set_up({"app"})
    before = checkout.calls()
    Environment(checkout.folder).set_up({"app"})
    assert checkout.calls() == before


@pytest.mark.parametrize("change", ["constraints", "pyproject", "python", "moved"])
def test_what_decides_the_versions_makes_it_install_again(checkout, change):
    Environment(checkout.folder).set_up({"app"})
    before, folder = len(checkout.calls()), checkout.folder
    if change == "constraints":
        checkout.constraints.write_text("torch==2.14.0\n")
    elif change == "pyproject":
        (folder / "pyproject.toml").write_text("[project]\ndependencies = ['tqdm']\n")
    elif change == "python":
        (folder / ".venv" / "pyvenv.cfg").write_text(f"home = {folder}\nversion = 3.12.0\n")
    else:
        folder = folder.rename(folder.with_name("moved"))
        checkout.bin = folder / ".venv" / "bin"
        (folder / ".venv" / "pyvenv.cfg").write_text(f"home = {folder}\nversion = 3.11.7\n")
    Environment(folder).set_up({"app"})
    assert len(checkout.calls()) == before + 2


def test_settings_of_other_tools_do_not_make_it_install_again(checkout):
    Environment(checkout.folder).set_up({"app"})
    (checkout.folder / "pyproject.toml").write_text("[project]\n[tool.ruff]\nline-length = 99\n")
    assert Environment(checkout.folder).is_ready({"app"})


def test_testing_adds_to_what_running_installed_and_running_takes_nothing_away(checkout):
    Environment(checkout.folder).set_up({"app"})
    Environment(checkout.folder).set_up(BOTH)
    assert checkout.calls()[-1].endswith("[app,test]")
    checkout.constraints.write_text("torch==2.14.0\n")
    Environment(checkout.folder).set_up({"app"})
    assert checkout.calls()[-1].endswith("[app,test]")


def test_a_failed_set_up_says_why_and_the_next_one_goes_on(checkout):
    checkout.pip_will(say="ERROR: [Errno 28] No space left on device\n", code=1)
    with pytest.raises(SetUpError, match="disk is full"):
        Environment(checkout.folder).set_up({"app"})
    assert not Environment(checkout.folder).is_ready({"app"})
    assert "No space left" in (checkout.folder / ".venv" / "set-up.log").read_text()
    checkout.pip_will()
    Environment(checkout.folder).set_up({"app"})
    assert Environment(checkout.folder).is_ready({"app"})


def test_packages_whose_installation_was_killed_are_installed_again(checkout):
    """pip takes a package for installed once its METADATA lies there, whatever else is missing."""
    whole, cut, leaving = (checkout.site_packages / n for n in ("a.dist-info", "b.dist-info", "~umpy"))
    for folder in (whole, cut, leaving):
        folder.mkdir()
        (folder / "METADATA").touch()
    (whole / "INSTALLER").touch()
    Environment(checkout.folder).set_up({"app"})
    assert whole.exists()
    assert not cut.exists()
    assert not leaving.exists()


def test_indexes_and_proxies_pass_through_but_other_targets_do_not(checkout, monkeypatch):
    for name in ("PIP_INDEX_URL", "HTTPS_PROXY", "PIP_TARGET", "PYTHONPATH"):
        monkeypatch.setenv(name, "mine")
    monkeypatch.setenv("PIP_USER", "1")
    Environment(checkout.folder).set_up({"app"})
    seen = checkout.variables()
    assert seen["PIP_INDEX_URL"] == seen["HTTPS_PROXY"] == "mine"
    assert seen["PIP_USER"] == "0"
    assert not {"PIP_TARGET", "PYTHONPATH"} & set(seen)


def test_a_damaged_stamp_counts_as_none(checkout):
    Environment(checkout.folder).set_up({"app"})
    Environment(checkout.folder).stamp.write_bytes(b'["half a st\xff')
    assert not Environment(checkout.folder).is_ready({"app"})


def test_a_python_that_has_gone_is_noticed(checkout):
    Environment(checkout.folder).set_up({"app"})
    (checkout.folder / ".venv" / "pyvenv.cfg").write_text("home = /no/such/python\nversion = 3.11.7\n")
    assert not Environment(checkout.folder).is_ready({"app"})


def test_a_half_made_environment_is_made_anew(checkout, monkeypatch):
    (checkout.folder / ".venv" / "pyvenv.cfg").unlink()  # killed before it was written
    again = Environment(checkout.folder)
    asked = []
    monkeypatch.setattr(again, "_pip", lambda *arguments: asked.append(arguments))
    again.set_up({"app"})
    done = subprocess.run(
        [again.python, "-m", "pip", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("pip ")
    assert len(asked) == 2
    assert again.is_ready({"app"})


def test_too_little_disk_is_said_before_anything_is_made(checkout, monkeypatch):
    shutil.rmtree(checkout.folder / ".venv")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1_200_000_000}))
    with pytest.raises(SetUpError, match=r"1\.2 GB free, but the first set-up needs about 3 GB"):
        Environment(checkout.folder).set_up({"app"})
    assert not (checkout.folder / ".venv").exists()


def test_a_python_without_venv_is_told_the_package(checkout, monkeypatch):
    shutil.rmtree(checkout.folder / ".venv")
    monkeypatch.setattr(environment, "_can_make_venv", lambda: False)
    with pytest.raises(SetUpError, match=r"apt-get install python3\.\d+-venv"):
        Environment(checkout.folder).set_up({"app"})


def test_two_at_once_wait_for_each_other_and_install_once(checkout, capsys):
    with checkout.constraints.open("r+b") as other:
        assert locking.try_lock(other)
        waiting = threading.Thread(target=Environment(checkout.folder).set_up, args=({"app"},))
        waiting.start()
        time.sleep(0.5)
        assert checkout.calls() == []
        assert "waiting" in capsys.readouterr().err
        Environment(checkout.folder)._set_up({"app"})  # the other one does the work
    waiting.join(20)
    assert len(checkout.calls()) == 2


def start_set_up(checkout):
    """A set-up in a process of its own that has got as far as pip."""
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)  # as from a terminal\n"
        f"import sys; sys.path.append({INSTALLERS!r})\n"
        "from pathlib import Path\n"
        "from setting_up import Environment, commands, environment, guarded, system_packages\n"
        "system_packages.install = lambda **_: None\n"
        f"commands.Environment = lambda: Environment(Path({str(checkout.folder)!r}))\n"
        "sys.exit(guarded(commands.run, None))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, "--setup-only"],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    until = time.monotonic() + 20
    while not checkout.calls() and time.monotonic() < until:
        time.sleep(0.05)
    return process


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_interrupting_ends_pip_too_and_says_that_nothing_is_broken(checkout, how):
    checkout.pip_will(sleep=True)
    process = start_set_up(checkout)
    process.send_signal(how)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "nothing is broken" in said
    assert "Traceback" not in said
    with checkout.constraints.open("r+b") as file:
        assert locking.try_lock(file)  # which pip would hold if it were alive
    checkout.pip_will()
    Environment(checkout.folder).set_up({"app"})
    assert Environment(checkout.folder).is_ready({"app"})


def test_killing_keeps_the_lock_while_pip_lives_and_no_longer(checkout):
    checkout.pip_will(sleep=True)
    process = start_set_up(checkout)
    process.kill()
    process.wait(20)
    with checkout.constraints.open("r+b") as file:
        assert not locking.try_lock(file)
        os.killpg(process.pid, signal.SIGKILL)
        locking.wait_for_lock(file, 0.05)
    process.stderr.close()

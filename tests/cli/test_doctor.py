"""`emdiff doctor` on computers in good and bad shape."""

import json
import sys
import time

import pytest

from emdiff_app import system
from emdiff_app.cli import _findings, _probe, doctor, main

CPU = {
    "version": "2.13.0+cpu",
    "cuda": None,
    "rocm": None,
    "threads": 2,
    "instructions": "AVX2",
    "bf16_speedup": 0.5,
    "mps": None,
    "gpus": [],
    "why_no_gpu": None,
}
CUDA = CPU | {"version": "2.13.0", "cuda": "13.0"}
CARD = {
    "name": "NVIDIA RTX 4070",
    "usable": True,
    "why": None,
    "free_bytes": 9_100_000_000,
    "total_bytes": 12_000_000_000,
    "bf16": True,
}
NVIDIA = ["NVIDIA RTX 4070"]
QT = {
    "binding": "PySide6",
    "binding_version": "6.12",
    "qt_version": "6.12",
    "platform": "xcb",
    "opengl": "4.5",
}


@pytest.fixture(scope="module")
def facts():
    """The facts about this computer; looked up once, since they start torch."""
    return doctor.examine()


def test_this_computer_is_examined(facts):
    assert facts["torch"]["threads"] >= 1
    assert facts["versions"]["tifffile"]
    assert min(facts["disk_free_bytes"].values()) > 0
    assert [finding.name for finding in doctor.judge(facts)] == [
        "EMDiff",
        "Python",
        "PyTorch",
        "GPU",
        "Processor",
        "Window",
        "Disk",
        "Libraries",
    ]


def test_json_is_one_object_with_facts_and_advice(facts, monkeypatch, capsys):
    monkeypatch.setattr(doctor, "examine", lambda: facts)
    assert main(["doctor", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["python"]["version"].startswith(f"{sys.version_info.major}.")
    assert all(f["state"] == "OK" or f["advice"] for f in told["findings"])


def test_problems_are_words_with_advice_and_no_failure(facts, monkeypatch, capsys):
    ill = facts | {
        "torch": {"error": "it crashed with code -11"},
        "missing_libraries": {"libx.so.0": "libx0"},
    }
    monkeypatch.setattr(doctor, "examine", lambda: ill)
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert "problem  PyTorch    does not work: it crashed with code -11" in out
    assert "-> On Debian or Ubuntu: sudo apt-get install libx0" in out
    assert "2 problems" in out.splitlines()[-1]


@pytest.mark.parametrize(
    ("torch", "nvidia", "state", "words"),
    [
        (CPU, [], "note", "none"),
        (CPU, NVIDIA, "problem", "has an NVIDIA GPU (NVIDIA RTX 4070), but this PyTorch was built for CPU"),
        (CUDA, [], "note", "none"),
        (CUDA | {"why_no_gpu": "driver too old"}, NVIDIA, "problem", "cannot use it: driver too old"),
        (CUDA | {"gpus": [CARD]}, NVIDIA, "OK", "9.1 of 12.0 GB free, bfloat16"),
        (CUDA | {"gpus": [CARD | {"free_bytes": 5e8}]}, NVIDIA, "note", "0.5 of 12.0 GB free"),
        (
            CUDA | {"gpus": [{"name": "GPU 0", "usable": False, "why": "no kernel image"}]},
            NVIDIA,
            "problem",
            "GPU 0 fails: no kernel image",
        ),
        (CPU | {"mps": {"usable": True, "why": None}}, [], "OK", "Apple GPU"),
        (CPU | {"mps": {"usable": False, "why": "bad"}}, [], "problem", "Apple GPU fails: bad"),
        ({"error": "no answer"}, NVIDIA, "note", "NVIDIA RTX 4070"),
    ],
)
def test_gpu(torch, nvidia, state, words):
    finding = _findings.judge_gpu(torch, nvidia)
    assert finding.state == state
    assert words in finding.text
    assert (finding.advice is None) == (state == "OK")


@pytest.mark.parametrize(("platform", "words"), [("linux", "pip install"), ("win32", "Start locally")])
def test_a_cpu_build_beside_an_nvidia_gpu_gets_the_command_that_helps_there(platform, words, monkeypatch):
    monkeypatch.setattr(sys, "platform", platform)
    assert words in _findings.judge_gpu(CPU, NVIDIA).advice


@pytest.mark.parametrize(
    ("qt", "missing", "screen", "state", "words"),
    [
        (QT, {}, True, "OK", "PySide6 6.12 on xcb, OpenGL 4.5"),
        (QT | {"opengl": None}, {}, True, "problem", "without OpenGL"),
        ({}, {}, False, "note", "no screen"),
        ({}, {"libEGL.so.1": "libegl1"}, True, "problem", "libEGL.so.1"),
        ({"error": "QtBindingsNotFoundError: No Qt bindings"}, {}, True, "problem", "would not open"),
        ({"error": "it crashed with code -6: could not connect"}, {}, True, "problem", "could not connect"),
    ],
)
def test_window(qt, missing, screen, state, words):
    finding = _findings.judge_window(qt, missing, screen)
    assert finding.state == state
    assert words in finding.text


def test_threads_fewer_than_cores_are_noticed():
    memory = {"total_bytes": 16e9, "available_bytes": 8e9}
    assert _findings.judge_processor(CPU, 2, memory).state == "OK"
    assert "all 8 cores" in _findings.judge_processor(CPU, 8, memory).advice


@pytest.mark.parametrize(("free", "state"), [(5e8, "problem"), (5e9, "note"), (5e10, "OK")])
def test_disk(free, state):
    assert _findings.judge_disk({"/here": free, "/tmp": 9e11}).state == state


def test_a_missing_library_comes_with_its_command():
    finding = _findings.judge_libraries({"numpy": "2.4", "zarr": None})
    assert finding.state == "problem"
    assert finding.advice.endswith("pip install zarr")


def fake_python(folder, body):
    if sys.platform == "win32":
        pytest.skip("the fake Python is a shell script")
    python = folder / "python"
    python.write_text(f"#!/bin/sh\n{body}\n")
    python.chmod(0o755)
    return str(python)


def test_a_torch_that_hangs_is_given_up(tmp_path):
    start = time.monotonic()
    assert "no answer within" in _probe.ask("torch", 0.3, fake_python(tmp_path, "exec sleep 30"))["error"]
    assert time.monotonic() - start < 10


def test_a_torch_that_crashes_takes_nothing_with_it(tmp_path):
    python = fake_python(tmp_path, "echo 'undefined symbol: cuInit' >&2; kill -SEGV $$")
    assert _probe.ask("torch", 10, python)["error"] == "it crashed with code -11: undefined symbol: cuInit"


def test_a_torch_that_prints_is_still_understood(tmp_path):
    python = fake_python(tmp_path, 'echo "a greeting"; echo \'{"version": "2"}\'')
    assert _probe.ask("torch", 10, python) == {"version": "2"}


def test_a_file_called_torch_in_the_current_folder_is_not_torch(tmp_path, monkeypatch):
    (tmp_path / "torch.py").write_text("raise SystemExit('wrong torch')")
    monkeypatch.chdir(tmp_path)
    assert "version" in _probe.ask("torch")


def test_nvidia_cards_are_listed_by_the_driver_even_if_torch_knows_none(tmp_path, monkeypatch):
    tool = fake_python(tmp_path, "printf 'NVIDIA H200\\nNVIDIA H200\\n'")
    (tmp_path / "nvidia-smi").symlink_to(tool)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert system.nvidia_gpus() == ["NVIDIA H200", "NVIDIA H200"]


def test_a_driver_that_hangs_is_given_up(tmp_path, monkeypatch):
    (tmp_path / "nvidia-smi").symlink_to(fake_python(tmp_path, "exec sleep 30"))
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert isinstance(system.nvidia_gpus(timeout=0.2), list)


def test_a_library_that_the_system_cannot_load_is_missing(monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(system, "QT_LIBRARIES", {"libc.so.6": "libc6", "libnone.so.9": "libnone9"})
    assert system.missing_qt_libraries() == {"libnone.so.9": "libnone9"}


@pytest.mark.parametrize("variable", ["DISPLAY", "WAYLAND_DISPLAY"])
def test_a_screen_is_what_a_display_server_offers(variable, monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert not system.has_screen()
    monkeypatch.setenv(variable, ":0")
    assert system.has_screen()

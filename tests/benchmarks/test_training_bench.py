"""`emdiff bench training`: what it says without its rival, and that its clocks and counts are right."""

import importlib.util

import torch

from emdiff_app.benchmarks import training
from emdiff_app.benchmarks._processes.training_rivals import Contender, Task
from emdiff_app.cli import main


def test_without_diffusers_it_says_how_to_install_it(monkeypatch, capsys):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name == "diffusers" else find(name, *a)
    )
    monkeypatch.setattr(training, "fastest", lambda work, rounds, device: [1.0] * len(work))
    assert main(["bench", "training", "quick"]) == 2
    assert 'pip install ".[bench]"' in capsys.readouterr().err


def test_the_fastest_of_many_is_reported_for_each():
    spent = {"a": 0, "b": 0}

    def work(name):
        spent[name] += 1

    times = training.fastest([lambda: work("a"), lambda: work("b")], 5, "cpu")
    assert spent == {"a": 5, "b": 5}
    assert all(0 <= t < 0.1 for t in times)


def test_the_arithmetic_of_a_step_grows_with_the_pixels():
    ours = Contender("EMDiff", "ours", "float32", torch.channels_last)
    counts = [training._described(ours, Task("tiny", side, 2))[2] for side in (16, 32)]
    assert 3.8 < counts[1] / counts[0] < 4.1

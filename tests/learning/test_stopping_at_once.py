"""Stop is heard at the next step, wherever a run is: it never goes on for a round, nor for a pass over the crops."""

import pytest
import torch
from tiny_runs import make_run, told

from emdiff_app.diffusion import LearnedPrior, Trainer
from emdiff_app.learning import learn
from emdiff_app.learning.rounds import Rounds
from emdiff_app.learning.runs.control import FolderControl


@pytest.mark.parametrize("call", [3, 11])
def test_no_second_optimiser_step_is_begun_after_stop(tmp_path, monkeypatch, call):
    run, calls, step = make_run(tmp_path), [], Trainer.step

    def counted(self, *args, **rest):
        calls.append(None)
        if len(calls) == call:
            run.ask("stop")
        return step(self, *args, **rest)

    monkeypatch.setattr(Trainer, "step", counted)
    assert learn(run)
    assert told(run)[-1].kind == "stopped"
    assert len(calls) == call


@pytest.mark.parametrize(("phase", "rounds"), [("e-step", 2), ("score", 1)])
def test_no_second_step_of_the_sampler_is_begun_after_stop(tmp_path, monkeypatch, phase, rounds):
    """In the draws of the last round, or in its judgement."""
    run = make_run(tmp_path, sampler_steps=20, rounds=rounds)
    levels, denoise, sample = [], LearnedPrior.denoise, {"e-step": "_e_step", "score": "_judge"}[phase]
    do = getattr(Rounds, sample)

    def begun(self):
        levels.extend([None] if self.state.round == rounds else [])
        return do(self)

    def counted(self, x_t, sigma, *rest):
        if levels:
            levels.append(float(torch.as_tensor(sigma).flatten()[0]))
        return denoise(self, x_t, sigma, *rest)

    def check(self, **how):
        if len(levels) > 1:
            run.ask("stop")
            levels.append("asked")
        return heard(self, **how)

    heard = FolderControl.check
    monkeypatch.setattr(Rounds, sample, begun)
    monkeypatch.setattr(LearnedPrior, "denoise", counted)
    monkeypatch.setattr(FolderControl, "check", check)
    assert learn(run)
    assert told(run)[-1].kind == "stopped"
    assert "asked" in levels
    assert len(levels) - levels.index("asked") == 1
    assert learn(run), told(run)[-1]

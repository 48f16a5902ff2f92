"""Expectation-maximisation: draw clean images for every recorded one, learn from them, judge, repeat.

A chain of small stages, each of which can go on in its middle: `State` says where, the trainer and the drawn samples
are all that has to be known besides.
"""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from torch import Tensor

from emdiff_app.diffusion import LearnedPrior, Trainer

from .e_step import Draw, draw_all, drawn, restoring
from .judging import Judgement, judge
from .m_step import train
from .start import first_draw, new_trainer
from .work import State, Work, fingerprint, seeded

__all__ = ["Rounds"]


class Rounds:
    """A run between its first draw and its last judgement.

    `on_judged(judgement, best)` is called at the end of every round, on the leader of a team alone.
    """

    def __init__(self, work: Work, on_judged: Callable[[Judgement, bool], None]) -> None:
        self.work, self.on_judged = work, on_judged
        self.state = State()
        self.trainer: Trainer | None = None

    @property
    def prior(self) -> LearnedPrior:
        """What the samplers use: the running average of the weights."""
        assert self.trainer is not None
        return self.trainer.average

    @property
    def finished(self) -> bool:
        return self.state.round > self.work.recipe.rounds

    def go_on(self) -> None:
        """From where the state says to the end of the last round."""
        while not self.finished:
            match self.state.stage:
                case "e-step":
                    self._e_step()
                case "m-step":
                    self._m_step()
                case _:
                    self._judge()

    def snapshot(self) -> dict[str, Any] | None:
        """Everything to go on from; None before there is something worth keeping."""
        if self.trainer is None:
            return None
        trained = {"mean": self.prior.mean, "sigma_data": self.prior.sigma_data}
        return {"state": asdict(self.state), **trained, "trainer": self.trainer.state()}

    def restore(self, snapshot: dict[str, Any]) -> None:
        self.state = State(**snapshot["state"])
        self.trainer = new_trainer(self.work, float(snapshot["mean"]), float(snapshot["sigma_data"]))
        self.trainer.restore(snapshot["trainer"])
        self.calm()

    def calm(self) -> None:
        """Apply the halvings of the learning rate."""
        assert self.trainer is not None
        self.trainer.learning_rate = self.work.recipe.learning_rate / 2**self.state.halvings

    def _draw(self) -> Draw:
        if self.state.round == 0:
            return first_draw(self.work)
        return restoring(self.work, self.prior)

    def _e_step(self) -> None:
        state = self.state
        state.drawn_by = fingerprint(self.prior) if self.trainer else "start"
        draw_all(self.work, state, self._draw())
        self.work.team.barrier()
        state.stage, state.step = "m-step", 0

    def _m_step(self) -> None:
        state, recipe = self.state, self.work.recipe
        clean = self._samples()
        if self.trainer is None:
            self.trainer = new_trainer(self.work, float(clean.mean()), float(clean.std()))
        elif state.step == 0:
            self.trainer.reset_optimiser()
        train(self.work, state, self.trainer, clean, recipe.steps if state.round else recipe.first_steps)
        state.stage = "score"
        self.work.keep(True)

    def _samples(self) -> Tensor:
        return drawn(self.work, self.state, lambda *given: self._draw()(*given))

    def _judge(self) -> None:
        state, work = self.state, self.work
        result = None
        if work.team.leads:
            random = seeded(work.recipe.seed, 99)
            result = judge(self.prior, work.imaging, work.judged, random, steps=work.recipe.sampler_steps)
        score = work.team.agreed(result.held_out if result else 0.0)
        best = not state.scores or score > max(state.scores)
        state.scores.append(score)
        work.tick("score", 1, 1, None)
        if result:
            self.on_judged(result, best)
        state.round, state.stage, state.step = state.round + 1, "e-step", 0
        work.keep(True)

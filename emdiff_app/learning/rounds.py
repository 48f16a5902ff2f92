"""Expectation-maximisation: draw clean images for every recorded one, learn from them, judge, repeat.

A chain of small stages, each of which can go on in its middle: `State` says where, the trainer and the drawn samples
are all that has to be known besides.
"""

import copy
from collections.abc import Callable
from dataclasses import asdict
from functools import cached_property
from typing import Any

import torch

from emdiff_app.diffusion import LearnedPrior, Trainer

from .judging.judgement import Judgement
from .judging.jury import Jury
from .judging.standing import behind_the_start, takes_the_lead
from .pace.ending import next_round, tell_time_is_over
from .recipe import FROM_PIXELS
from .runs.control import TimeIsUp
from .steps.anchoring import Anchor
from .steps.denoised import RecordedCrops, keep_denoiser
from .steps.drawing import Drawing
from .steps.e_step import Drawn, draw_all, drawn
from .steps.lessons import Lessons
from .steps.m_step import train
from .steps.start import anchor_of, clean_images, first_denoiser, first_prior, start_of, trainer_for
from .steps.tempering import next_weight
from .steps.unlearnable import lost_bands, pixels_under_one, sentence
from .work import State, Work, fingerprint

__all__ = ["Rounds"]


class Rounds:
    """A run between its first draw and its last judgement.

    `on_judged(judgement, best)` is called at the end of every round, on the leader of a team alone.
    """

    def __init__(self, work: Work, on_judged: Callable[[Judgement, bool], None]) -> None:
        self.work, self.on_judged = work, on_judged
        self.state = State()
        self.trainer: Trainer | None = None
        self.best: dict[str, torch.Tensor] | None = None
        """The averaged weights of the best round, where a last one may have to draw with them."""
        self.drawer: dict[str, torch.Tensor] | None = None
        """Those that drew what fresh weights learn from at present."""

    @property
    def prior(self) -> LearnedPrior:
        """What the samplers use: the running average of the weights."""
        assert self.trainer is not None
        return self.trainer.average

    @property
    def finished(self) -> bool:
        return self.out_of_time or self.state.round > self.work.recipe.last_round

    @property
    def out_of_time(self) -> bool:
        """Whether it has ended before its last round, which a later process may go on to."""
        return bool(self.state.notes.get("out_of_time"))

    @cached_property
    def anchor(self) -> Anchor:
        return anchor_of(self.work)

    @cached_property
    def begins_with(self) -> str:
        return start_of(self.work)

    def go_on(self) -> None:
        """From where the state says to the end of the last round, or of the time."""
        while not self.finished:
            try:
                self._next_stage()
            except TimeIsUp:
                if not self.state.scores or self.work.team.size > 1:
                    raise
                self._end_with_the_time()

    def _next_stage(self) -> None:
        match self.state.stage:
            case "e-step" if self._denoises_first:
                self.state.stage = "denoise"
            case "denoise":
                self._denoise()
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
        prior = self.prior
        network = {"size": prior.size, "takes_maps": prior.takes_maps, "arguments": prior.arguments}
        trained = {"mean": prior.mean, "sigma_data": prior.sigma_data, "network": network}
        kept = {name: own for name in ("best", "drawer") if (own := getattr(self, name)) is not None}
        return {"state": asdict(self.state), **trained, "trainer": self.trainer.state(), **kept}

    def restore(self, snapshot: dict[str, Any]) -> None:
        self.state = State(**snapshot["state"])
        self.state.notes.pop("out_of_time", None)  # who goes on has time
        network = snapshot["network"]
        prior = LearnedPrior.build(
            network["size"], float(snapshot["sigma_data"]), float(snapshot["mean"]), **network["arguments"]
        )
        prior.takes_maps = bool(network["takes_maps"])
        self.trainer = trainer_for(self.work, prior)
        self.trainer.restore(snapshot["trainer"])
        self.best, self.drawer = snapshot.get("best"), snapshot.get("drawer")

    # start -------------------------------------------------------------------------------------

    @property
    def _denoises_first(self) -> bool:
        state = self.state
        return self.begins_with == "denoised" and state.round == 0 and "denoised" not in state.notes

    def _denoise(self) -> None:
        state = self.state
        if self.trainer is None:
            self.trainer = trainer_for(self.work, first_denoiser(self.work))
        train(self.work, state, self.trainer, RecordedCrops(self.work), self.begins_with)
        keep_denoiser(self.work, self.prior)
        state.notes["denoised"] = state.step
        state.stage, state.step = "e-step", 0
        self.work.keep(True)

    # E-step ------------------------------------------------------------------------------------

    def _e_step(self) -> None:
        state = self.state
        if state.round == 0:
            self._say_what_cannot_be_learned()
        if self._drawing.needed(state):
            began = self.work.control.worked()
            prior = self.prior if self.trainer else None
            state.drawn_by = fingerprint(prior) if prior else "start"
            draw_all(self.work, state, self._drawing.by(prior, state))
            self.work.team.barrier()
            state.notes["drawing_s"] = self.work.control.worked() - began
        state.stage, state.step = "m-step", 0

    @cached_property
    def _drawing(self) -> Drawing:
        return Drawing(self.work, self.begins_with)

    def _draw_again(self, y: torch.Tensor, first: int, generator: torch.Generator) -> torch.Tensor:
        """One batch that was lost meanwhile."""
        return self._drawing.by(self._drawer, self.state)(y, first, generator)

    @property
    def _drawer(self) -> LearnedPrior | None:
        """What draws samples of this round that were lost: fresh weights cannot stand in for those that drew them."""
        prior = self.prior if self.trainer else None
        if prior is None or self.drawer is None or fingerprint(prior) == self.state.drawn_by:
            return prior
        before = copy.deepcopy(prior)
        before.load_state_dict(self.drawer)
        return before

    # M-step ------------------------------------------------------------------------------------

    def _m_step(self) -> None:
        state = self.state
        samples = drawn(self.work, state, self._draw_again) if self._drawing.needed(state) else None
        if state.step == 0:
            self._begin(samples)
        assert self.trainer is not None
        if samples is not None or self.begins_with in FROM_PIXELS:
            train(self.work, state, self.trainer, self._lessons(samples), self.begins_with)
        state.stage = "score"
        self.work.keep(True)

    def _begin(self, samples: Drawn | None) -> None:
        """The first network, or the present one with its optimiser reset, or a fresh one of the same kind."""
        state, recipe = self.state, self.work.recipe
        if samples is not None and state.round > 0:
            self._tell_discarded(len(samples.clean))
            state.notes["next_weight"] = next_weight(
                self._drawing.weight(state), samples.chi2, state.round, recipe.rounds
            )
        if self.trainer is None or (state.round == 0 and self.begins_with == "denoised"):
            prior = first_prior(self.work, None if samples is None else samples.clean)
            self.trainer = trainer_for(self.work, prior)
        elif state.round > recipe.rounds:
            old = self.prior
            if fingerprint(old) == state.drawn_by:
                self.drawer = _copied(old)
            torch.manual_seed(recipe.seed + state.round)
            fresh = LearnedPrior.build(old.size, old.sigma_data, old.mean, **old.arguments)
            fresh.takes_maps = old.takes_maps
            self.trainer = trainer_for(self.work, fresh)
        else:
            self.trainer.reset_optimiser()

    def _lessons(self, samples: Drawn | None) -> Lessons:
        round, recipe = self.state.round, self.work.recipe
        clean = clean_images(self.work, round)
        return Lessons(
            self.work,
            self.anchor,
            samples,
            clean,
            share=recipe.anchor_share if round else 0.0,
            clean_share=recipe.clean_share if round else recipe.first_clean_share,
        )

    # judgement ---------------------------------------------------------------------------------

    def _judge(self) -> None:
        state, work = self.state, self.work
        began = work.control.worked()
        jury = Jury(work, state, self.prior, self.anchor, self.begins_with)
        result = jury.judge() if work.team.leads else None
        told = (
            (list(result.each), list(result.ablest), result.estimate, result.chi2)
            if result
            else ([], [], "", 0.0)
        )
        each, ablest, estimate, chi2 = work.team.agreed(told)
        best = takes_the_lead(state, each, ablest, estimate, self.begins_with)
        if best:
            state.notes["chi2"] = chi2
        if best and work.recipe.patience and work.recipe.scratch_rounds:
            self.best = _copied(self.prior)
        state.scores.append(sum(each) / len(each))
        work.tick("score", 1, 1, None)
        if result:
            self.on_judged(result, best)
        if state.round == 1 and behind_the_start(state):
            self.work.notice(
                "The start, which predicts pixels from the recorded ones alone, does so better than round 1 yet does; "
                "it gives no samples, so the rounds go on all the same."
            )
        state.notes["judging_s"] = work.control.worked() - began
        if "next_weight" in state.notes:
            state.notes["weight"] = state.notes.pop("next_weight")
        self.drawer = None
        state.notes["judged"] = state.round
        following, out_of_time = work.team.agreed(next_round(work, state, self.begins_with))
        if following > work.recipe.rounds >= state.round and self.best is not None:
            self.prior.load_state_dict(self.best)  # fresh weights learn from what the best round draws
        state.round, state.stage, state.step = following, "e-step", 0
        if out_of_time:
            state.notes["out_of_time"] = True
        work.keep(True)

    def _end_with_the_time(self) -> None:
        tell_time_is_over(self.work, self.state)
        self.state.notes["out_of_time"] = True
        self.work.keep(True)

    # words -------------------------------------------------------------------------------------

    def _tell_discarded(self, kept: int) -> None:
        if count := self.state.discarded:
            self.work.notice(
                f"{count} of {count + kept} samples did not fit the recorded images at all and were left out of round "
                f"{self.state.round}."
            )

    def _say_what_cannot_be_learned(self) -> None:
        recipe, imaging = self.work.recipe, self.work.optics
        if recipe.clean or recipe.similar or recipe.prior or not (bands := lost_bands(imaging)):
            return
        size = {a: s.value for a, s in self.work.crops.stacks[0].pixel_size.items() if s.unit == "um"}
        words = sentence(bands, pixels_under_one(imaging), size)
        self.state.notes["notices"] = [words]
        self.work.notice(words)


def _copied(prior: LearnedPrior) -> dict[str, torch.Tensor]:
    return {name: value.detach().cpu().clone() for name, value in prior.state_dict().items()}

"""Training a prior: Adam, warm-up, gradient clipping, an average of the weights for sampling.

The images of a step are taken in as many parts as memory asks for, or shared between devices; their gradients
add up, so the parts change how long a step takes and not what it does.
"""

import copy
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from emdiff_app.errors import RunError

from .anchors import Denoising, Term
from .batch import Batch
from .drawing import PartGenerator
from .learned import LearnedPrior
from .memory import bytes_saved, fitting, free_bytes, is_out_of_memory
from .precision import bfloat16_pays

__all__ = ["Trainer"]

T = TypeVar("T")
LARGEST_GRADIENT = 1.0


class Trainer:
    """Holds a prior, its optimiser and the running average that is sampled from.

    `average` follows the weights with a memory that grows with the steps taken, up to `memory` steps:
    early averages must forget the random start. `turns` flips and turns the images, which is right unless
    the physics has a direction. `precision` is auto (bfloat16 where a quick timing says that it pays),
    float32 or bfloat16. `compiled` asks for `torch.compile` and does without where that fails.
    `share`, where several devices learn together, replaces the tensors that it is given (the gradients and the
    loss) by their sums over all devices.
    """

    def __init__(
        self,
        prior: LearnedPrior,
        *,
        learning_rate: float,
        warm_up: int = 50,
        memory: int = 500,
        seed: int = 0,
        turns: bool = True,
        precision: str = "auto",
        compiled: bool = False,
        share: Callable[[list[Tensor]], None] | None = None,
    ) -> None:
        self.prior = prior.to(memory_format=torch.channels_last)
        self.average = copy.deepcopy(prior).eval().requires_grad_(False)
        self.learning_rate, self.warm_up, self.memory = learning_rate, warm_up, memory
        self.turns, self.precision, self.compiled, self.share = turns, precision, compiled, share
        self.steps = self.skipped = 0
        self.part: int | None = None
        self.generator = torch.Generator().manual_seed(seed)
        self.reset_optimiser()

    def reset_optimiser(self) -> None:
        """Forget the momenta: after an E-step the data are new."""
        weights = list(self.prior.parameters())
        fused = weights[0].device.type in ("cpu", "cuda")
        self.optimiser = torch.optim.Adam(weights, lr=self.learning_rate, betas=(0.9, 0.99), fused=fused)
        self.steps_here = 0

    def step(
        self, images: Tensor | Batch, term: Term | None = None, *, first: int = 0, whole: int | None = None
    ) -> float:
        """One optimiser step on clean crops `(B, C, H, W)`, or on whatever `term` learns from.

        The images may be a part of a batch of `whole`, those from `first` on, while other devices take the
        rest. Returns the loss. One that is not finite, or whose gradient is not, changes no weight and is
        counted in `skipped`.
        """
        term = term or Denoising()
        batch = images if isinstance(images, Batch) else Batch(clean=images)
        if self.part is None:
            self.prepare(batch, term)
        for group in self.optimiser.param_groups:
            group["lr"] = self.learning_rate * min(1.0, (self.steps_here + 1) / self.warm_up)
        batch = self._turned(batch) if self.turns else batch
        seed = int(torch.randint(2**62, (), generator=self.generator))
        value = self._gradients(batch, term, seed, first, whole or len(batch))
        if self.share is not None:
            value = self._shared(value)
        norm = nn.utils.clip_grad_norm_(self.prior.parameters(), LARGEST_GRADIENT)
        if bool(torch.isfinite(norm)) and value - value == 0:
            self.optimiser.step()
            self._follow()
        else:
            self.skipped += 1
        self.steps += 1
        self.steps_here += 1
        return value

    def _shared(self, value: float) -> float:
        weights = list(self.prior.parameters())
        for weight in weights:
            if weight.grad is None:
                weight.grad = torch.zeros_like(weight)
        loss = weights[0].new_tensor(value)
        self.share([*(w.grad for w in weights), loss])  # type: ignore[misc]
        return float(loss)

    def _gradients(self, batch: Batch, term: Term, seed: int, first: int, whole: int) -> float:
        """The loss, its gradients left in the weights."""
        return self._with_less(len(batch), lambda: self._accumulated(batch, term, seed, first, whole))

    def _with_less(self, count: int, work: Callable[[], T]) -> T:
        """What `work` on `count` images gives; with fewer of them at once whenever memory runs out."""
        while True:
            try:
                return work()
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
            present = min(self.part or 1, count)
            if present == 1:
                raise RunError(
                    "Memory ran out with one crop at a time; what was saved is kept. Choose smaller crops or a "
                    "smaller network."
                )
            self.part = present // 2
            if self.prior.network.stem.weight.device.type == "cuda":
                torch.cuda.empty_cache()

    def _accumulated(self, batch: Batch, term: Term, seed: int, first: int, whole: int) -> float:
        self.optimiser.zero_grad(set_to_none=True)
        home = batch.any.device if batch.any.device.type == "cuda" else torch.device("cpu")
        size, value = self.part or len(batch), 0.0
        for start in range(0, len(batch), size):
            part = batch.part(start, start + size)
            generator = PartGenerator.at(home, seed, first + start, whole)
            loss = term.loss(self.prior, part, generator) * (len(part) / whole)
            loss.backward()  # type: ignore[no-untyped-call]
            value += float(loss.detach())
        return value

    def prepare(self, batch: Batch, term: Term) -> None:
        """Before the first step: what fits, which precision, and whether compiling works."""
        few = batch.part(0, 1)
        device = few.any.device
        each = self._with_less(
            1, lambda: bytes_saved(lambda: term.loss(self.prior, few, torch.Generator(device)))
        )
        self.part = fitting(len(batch), each, free_bytes(device))
        self.prior.bfloat16 = self.precision == "bfloat16"
        if self.precision == "auto":
            self.prior.bfloat16 = self._with_less(len(batch), lambda: self._half_pays(batch, term))
        if self.compiled:
            self.prior.network.compile()
            try:
                self._try(few, term, self.prior.bfloat16)
            except Exception:  # no compiler, or one that does not know this machine: slower, not worse
                self.prior.network._compiled_call_impl = None
                self.compiled = False
        self.optimiser.zero_grad(set_to_none=True)

    def _half_pays(self, batch: Batch, term: Term) -> bool:
        trial = batch.part(0, self.part or 1)
        device = trial.any.device
        key = (device.type, self.prior.architecture, trial.any.shape, torch.get_num_threads())
        return bfloat16_pays(device, lambda half: self._try(trial, term, half), key)

    def _try(self, batch: Batch, term: Term, half: bool) -> None:
        self.prior.bfloat16 = half
        term.loss(self.prior, batch, torch.Generator(batch.any.device)).backward()  # type: ignore[no-untyped-call]

    def _turned(self, batch: Batch) -> Batch:
        """The batch flipped and turned at random: microscopy has no up and no down."""
        flip, turn = (int(torch.randint(0, n, (), generator=self.generator)) for n in (2, 4))
        square = batch.any.shape[-1] == batch.any.shape[-2]
        return batch.turned(bool(flip), turn if square else turn // 2 * 2)

    @torch.no_grad()
    def _follow(self) -> None:
        share = 1 / min(self.memory, 1 + self.steps / 10)
        torch._foreach_lerp_(list(self.average.parameters()), list(self.prior.parameters()), share)

    def state(self) -> dict[str, Any]:
        """Everything that a later process needs to go on as if nothing had happened."""
        return {
            "prior": self.prior.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "steps": self.steps,
            "steps_here": self.steps_here,
            "skipped": self.skipped,
            "part": self.part,
            "bfloat16": self.prior.bfloat16,
            "generator": self.generator.get_state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.prior.load_state_dict(state["prior"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(copy.deepcopy(state["optimiser"]))
        for weight, known in self.optimiser.state.items():
            for name, value in known.items():  # the fused optimiser takes for granted that both lie alike
                if value.shape == weight.shape:
                    known[name] = torch.empty_like(weight).copy_(value)
        self.steps, self.steps_here = int(state["steps"]), int(state["steps_here"])
        self.skipped, self.part = int(state["skipped"]), state["part"]
        self.prior.bfloat16 = bool(state["bfloat16"])
        self.generator.set_state(state["generator"])

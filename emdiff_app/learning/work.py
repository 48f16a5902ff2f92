"""What every stage of a run needs, and where its random numbers come from."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from emdiff_app.physics import Imaging, NoiseParameters

from .crops.binding import Binding
from .crops.crop_set import CropSet
from .crops.places import Place
from .recipe import Recipe
from .runs.control import Control
from .runs.samples import Samples
from .team import Team

__all__ = ["E_BATCH", "State", "Unstable", "Work", "fingerprint", "last_judged", "seeded"]

E_BATCH = 32
"""So many crops are restored at once."""

OnTick = Callable[[str, int, int, float | None], None]
"""Called with (phase, step, steps, loss) after every small piece of work."""


def seeded(*numbers: int) -> torch.Generator:
    """A generator that depends on all of `numbers`: seed, round, stage, step or batch.

    Nothing else may make random numbers: then a run that goes on from any checkpoint repeats itself exactly.
    """
    value = 0x9E3779B97F4A7C15
    for number in numbers:
        value = ((value ^ number) * 0xBF58476D1CE4E5B9 + 0x94D049BB133111EB) % 2**63
    return torch.Generator().manual_seed(value)


class Unstable(Exception):  # noqa: N818 - it is a state, not an error
    """The loss or its gradient was not finite."""

    def __init__(self, step: int) -> None:
        super().__init__(f"step {step}")
        self.step = step


@dataclass
class State:
    """Where a run is, as plain JSON: `step` steps of `stage` in `round` are done.

    The stages are "e-step", "m-step" and "score"; "denoise" comes first of all where a run begins so.

    `halvings` counts how often the learning rate was halved, `drawn_by` says what drew the samples of this round, and
    `notes` is for what a stage must remember.
    """

    round: int = 0
    stage: str = "e-step"
    step: int = 0
    halvings: int = 0
    drawn_by: str = ""
    scores: list[float] = field(default_factory=list)
    discarded: int = 0
    notes: dict[str, Any] = field(default_factory=dict)


@dataclass
class Work:
    """The recipe, the images, the machine, and the ways to the outside.

    `keep` is to be called between any two steps: it saves when it is time to (`keep(True)`: now). `notice` tells the
    user a sentence.
    """

    recipe: Recipe
    crops: CropSet
    judges: CropSet
    binding: Binding
    device: torch.device
    control: Control
    team: Team
    samples: Samples
    tick: OnTick
    keep: Callable[..., None] = lambda now=False: None
    notice: Callable[[str], None] = lambda text: None

    @cached_property
    def imaging(self) -> Imaging:
        """The imaging model of a crop that is all there, with the noise that the model states."""
        return self.binding.one

    @cached_property
    def optics(self) -> Imaging:
        """The same on the processor, where a few small waves are sent through it."""
        return replace(self.binding, device=torch.device("cpu")).one

    @cached_property
    def judged(self) -> Tensor:
        """The recorded crops that are kept aside."""
        return self.judges.batch(0, len(self.judges)).to(self.device)

    def recorded(self, start: int, stop: int) -> Tensor:
        """The recorded crops `start` to `stop`, or to the last one."""
        return self.crops.batch(start, min(stop, len(self.crops))).to(self.device)

    def imaging_of(self, first: int, y: Tensor) -> Imaging:
        """The imaging model of the recorded crops y, the first of which has the number `first`."""
        return self.imaging_for(range(first, first + len(y)), y)

    def imaging_for(self, numbers: Sequence[int], y: Tensor) -> Imaging:
        """That of the crops of these numbers."""
        return self._imaging([self.crops.places[n] for n in numbers], y)

    def imaging_of_judged(self, first: int, y: Tensor) -> Imaging:
        """That of the crops y that are kept aside, the first of which has the number `first`."""
        return self._imaging(self.judges.places[first : first + len(y)], y)

    def noise_for(self, numbers: Sequence[int]) -> NoiseParameters:
        """The noise of the crops of these numbers, which may differ from image to image."""
        return self.binding.noise_of([self.crops.places[n] for n in numbers])

    def _imaging(self, places: Sequence[Place], y: Tensor) -> Imaging:
        alike = self.binding.noises is None and not self.binding.masked
        return self.imaging if alike else self.binding.of(places, y)


def last_judged(state: State) -> int:
    """The last round that is done; where patience ended, others before the present one were left out."""
    return int(state.notes.get("judged", max(state.round - 1, 0)))


def fingerprint(module: nn.Module) -> str:
    """Tells weights apart."""
    found = hashlib.sha256()
    for tensor in module.state_dict().values():
        found.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return found.hexdigest()[:16]

"""One learning run of a benchmark: from recorded images to a prior, and from the prior to estimates.

A run is kept by its content: the images, the model, the recipe, the minutes, and the program that learned.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from emdiff_app import posterior
from emdiff_app.benchmarks._common.kept import bench_folder, digest, program
from emdiff_app.errors import EMDiffError
from emdiff_app.images import save_stack, stack_from_array
from emdiff_app.images.atomic import write_bytes
from emdiff_app.learning import Recipe, RunFolder, learn
from emdiff_app.learning import events as e
from emdiff_app.physics import Imaging, ImagingModel, NoiseSpec, bind_noise
from emdiff_app.physics.random import generator_of
from emdiff_app.posterior.pairs import in_pairs
from emdiff_app.priors import read_prior
from emdiff_app.restoring.ways import Settings, at_once, way_for

from .network_meter import NetworkMeter

__all__ = ["Estimates", "Learned", "draw", "estimates", "learned", "say"]

SAMPLES = 8
"""As many as a restoration averages by default; in pairs, more give the same mean."""
STEPS: int | None = None
"""Of the sampler; None: as many as it wants."""
BATCH = 16


@dataclass(frozen=True)
class Learned:
    """A run that has ended. `seconds` is its wall-clock time from the first look at the images to the last prior,
    `core_seconds` what of the processor it got: less than seconds x threads where other programs ran.

    Of each kind of work: `phases` are its seconds, `network` those spent in the network, `passes` its
    forward-equivalents; the last two where a meter was there.
    """

    folder: str
    seconds: float
    core_seconds: float
    threads: int
    ended: str
    crops: int
    parameters: int
    scores: tuple[float, ...]
    phases: dict[str, float] = field(default_factory=dict)
    network: dict[str, float] = field(default_factory=dict)
    passes: dict[str, float] = field(default_factory=dict)

    @property
    def prior(self) -> Path:
        return Path(self.folder) / "run" / "prior.emprior"

    @property
    def words(self) -> str:
        rounds = len(self.scores) - 1
        return (
            f"{self.seconds / 60:.1f} min on {self.threads} thread(s), which got "
            f"{self.core_seconds / 60:.1f} core-minutes; {rounds} round{'s' * (rounds != 1)}, "
            f"{self.parameters / 1e6:.2f} M parameters"
        )


def learned(
    name: str,
    images: NDArray[Any],
    model: ImagingModel,
    fields: dict[str, Any],
    *,
    minutes: float | None,
    axes: str = "TYX",
    meter: NetworkMeter | None = None,
) -> Learned:
    """Learn from these recorded images alone, or find the run that did."""
    threads = os.environ.get("OMP_NUM_THREADS", "all")
    content = digest(
        images,
        model,
        {**fields, "minutes": minutes, "threads": threads, "metered": meter is not None},
        program(),
    )
    folder = bench_folder() / "runs" / f"{name}-{content}"
    note = folder / "outcome.json"
    if note.is_file() and (folder / "run" / "prior.emprior").is_file():
        say(f"{name}: found the run {folder.name}")
        known = json.loads(note.read_text(encoding="utf-8"))
        return Learned(**known | {"folder": str(folder)})  # the cache may have moved
    shutil.rmtree(folder, ignore_errors=True)  # an unfinished run would have had more time than it says
    folder.mkdir(parents=True)
    save_stack(stack_from_array(images, axes, name="recorded"), folder / "recorded.tif")
    recipe = Recipe(stacks=(str(folder / "recorded.tif"),), model=model, time_limit_min=minutes, **fields)
    listener = _Listener(name, meter)
    began, worked = time.monotonic(), time.process_time()
    well = learn(RunFolder.create(folder / "run", recipe), on_event=listener)
    seconds, worked = time.monotonic() - began, time.process_time() - worked
    if not well or not (folder / "run" / "prior.emprior").is_file():
        raise EMDiffError(f"{name}: nothing was learned ({listener.ended}); the run is in {folder}.")
    outcome = listener.outcome(str(folder), seconds, worked)
    write_bytes(note, json.dumps(asdict(outcome)).encode())
    return outcome


@dataclass
class _Listener:
    """Adds up what a run tells: scores, and the seconds of each kind of work."""

    name: str
    meter: NetworkMeter | None = None
    scores: list[float] = field(default_factory=list)
    phases: dict[str, float] = field(default_factory=dict)
    network: dict[str, float] = field(default_factory=dict)
    passes: dict[str, float] = field(default_factory=dict)
    started: e.Started | None = None
    ended: str = "without a word"
    _last: float = field(default_factory=time.monotonic)
    _metered: tuple[float, float] = (0.0, 0.0)

    def __call__(self, event: Any) -> None:
        now = time.monotonic()
        match event:
            case e.Started():
                self.started = event
                self._last = now
            case e.Progress():
                key = event.phase if event.round else f"round 0 {event.phase}"
                self.phases[key] = self.phases.get(key, 0.0) + now - self._last
                self._last = now
                self._read(key)
            case e.Scored():
                self.scores.append(event.held_out)
                say(
                    f"{self.name}: round {event.round}, held-out score {event.held_out:.4f}, chi2 {event.chi2:.2f}"
                )
            case e.Notice():
                say(f"{self.name}: {event.text}")
            case e.Failed():
                self.ended = event.text
            case e.Finished():
                self.ended = "all rounds done"
            case e.Stopped():
                self.ended = "time was up"

    def _read(self, key: str) -> None:
        """What the meter has gained since the last look belongs to this kind of work."""
        if self.meter is None:
            return
        present = self.meter.seconds, self.meter.passes
        for book, new, old in zip((self.network, self.passes), present, self._metered, strict=True):
            book[key] = book.get(key, 0.0) + new - old
        self._metered = present

    def outcome(self, folder: str, seconds: float, core_seconds: float) -> Learned:
        known = self.started
        return Learned(
            folder=folder,
            seconds=seconds,
            core_seconds=core_seconds,
            threads=torch.get_num_threads(),
            ended=self.ended,
            crops=known.crops if known else 0,
            parameters=known.parameters if known else 0,
            scores=tuple(self.scores),
            phases=self.phases,
            network=self.network,
            passes=self.passes,
        )


@dataclass(frozen=True, eq=False)
class Estimates:
    """Of each image one posterior sample, the mean of a pair and of all, the clean estimate; in recorded units."""

    sample: Tensor
    pair: Tensor
    of_samples: Tensor
    mean: Tensor
    way: str
    chi2: float


def estimates(
    prior_file: Path,
    model: ImagingModel,
    y: Tensor,
    *,
    arrays: dict[str, Tensor] | None = None,
    noises: list[NoiseSpec] | None = None,
    samples: int | None = None,
    batch: int = BATCH,
) -> Estimates:
    """Restore recorded images `(B, C, Y, X)`: samples, means, and the estimate that a restoration would choose."""
    prior, card = read_prior(prior_file)
    samples = SAMPLES if samples is None else samples
    ones, pairs, averages, means, fits = [], [], [], [], []
    for start in range(0, len(y), batch):
        part = slice(start, start + batch)
        own = {name: value[part] for name, value in (arrays or {}).items()}
        imaging = model.bind(tuple(y.shape[2:]), scale=card.scale, arrays=own)
        if noises is not None:
            imaging = Imaging(imaging.operator, bind_noise(noises[part]).scaled(card.scale))
        scaled = card.scale.forward(y[part])
        each = in_pairs(generator_of(0), samples)
        draws = [draw(prior, imaging, scaled, own) for own in each]
        fits += [imaging.chi2(scaled, x) for x in draws]
        kept = torch.stack([imaging.crop(x) for x in draws])
        mean = kept.mean(0)
        way = way_for(Settings(), imaging, prior, card.estimate, holes=not bool(imaging.seen(scaled).all()))
        if not way.samples:
            mean = at_once(prior, way, imaging, scaled)[0]
        ones.append(card.scale.inverse(kept[0]))
        pairs.append(card.scale.inverse(kept[:2].mean(0)))
        averages.append(card.scale.inverse(kept.mean(0)))
        means.append(card.scale.inverse(mean))
    words = f"mean of {samples} samples" if way.samples else way.method
    one, pair, average, estimate = (torch.cat(images) for images in (ones, pairs, averages, means))
    return Estimates(one, pair, average, estimate, words, float(torch.cat(fits).mean()))


def draw(prior: Any, imaging: Imaging, y: Tensor, generator: torch.Generator) -> Tensor:
    """One posterior sample of each recorded image."""
    steps = STEPS or posterior.auto.steps_for(imaging, prior)
    return posterior.get("auto").sample(prior, imaging, y, steps=steps, generator=generator)


def say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)

"""Who trains against whom: our network, and diffusers' UNet2DModel of as many parameters, in one and the same loop."""

import functools
import importlib
import importlib.util
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from emdiff_app.diffusion import LearnedPrior, Trainer, parameter_count
from emdiff_app.errors import EMDiffError

from .io_probe import _peak as _peak_resident

__all__ = ["Contender", "Task", "contenders", "unet2d"]

INSTALL = (
    "This benchmark compares with diffusers, which is not installed; in the folder of "
    'EMDiff, `python -m pip install ".[bench]"` installs it; then run it again.'
)

GROUPS = 4
NEAR = 0.03
"""How far the numbers of parameters may differ."""


@dataclass(frozen=True)
class Task:
    """What is trained: the size of network, crops of `side` pixels, `batch` of them at once."""

    size: str
    side: int
    batch: int
    device: str = "cpu"

    def images(self) -> Tensor:
        generator = torch.Generator().manual_seed(0)
        return torch.randn(self.batch, 1, self.side, self.side, generator=generator).to(self.device)


@dataclass(frozen=True)
class Contender:
    """One way to train one of the networks."""

    name: str
    shape: str
    precision: str
    layout: Any

    def trainer(self, task: Task) -> Trainer:
        torch.manual_seed(0)
        prior = LearnedPrior(task.size, 1, 1.0)
        if self.shape != "ours":
            network: Any = unet2d(self.shape, prior.architecture.widths, parameter_count(prior.network))
            prior.network = network
        trainer = Trainer(prior.to(task.device), learning_rate=1e-3, precision=self.precision)
        network = prior.network
        network.to(memory_format=self.layout)
        return trainer

    def step(self, task: Task) -> Callable[[], object]:
        """One optimiser step on the same crops, ready to be timed."""
        trainer, images = self.trainer(task), task.images().contiguous(memory_format=self.layout)
        trainer.step(images)
        return lambda: trainer.step(images)


def contenders() -> list[Contender]:
    """Ours; the rival with our widths, scaled; and the rival whose shape makes it as fast as it can be."""
    last, first = torch.channels_last, torch.contiguous_format
    return [
        Contender("EMDiff, as it trains", "ours", "auto", last),
        Contender("EMDiff, float32", "ours", "float32", last),
        Contender("UNet2DModel, our widths scaled, float32", "scaled", "float32", first),
        Contender("the same, channels last", "scaled", "float32", last),
        Contender("the same, bfloat16", "scaled", "bfloat16", last),
        Contender("UNet2DModel, narrowest, float32", "narrowest", "float32", first),
        Contender("the same, channels last", "narrowest", "float32", last),
        Contender("the same, bfloat16", "narrowest", "bfloat16", last),
    ]


class _Adapted(nn.Module):
    """UNet2DModel behind our signature."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.stem = model.conv_in

    def forward(self, x: Tensor, level: Tensor) -> Tensor:
        answer: Tensor = self.model(x, level.flatten() * 250, return_dict=False)[0]
        return answer


def unet2d(kind: str, ours: tuple[int, ...], parameters: int) -> Any:
    """A UNet2DModel of three resolutions and as many parameters, without attention, which would only slow it.

    `scaled` has our widths times one number; `narrowest` is as narrow at full resolution, where the time
    goes, as three resolutions allow: hardly a network that somebody would choose, but the hardest rival.
    """
    return _Adapted(_built(_scaled(ours[:3], parameters) if kind == "scaled" else _narrowest(parameters)))


@functools.cache
def _scaled(ours: tuple[int, ...], parameters: int) -> tuple[int, ...]:
    shapes = {tuple(GROUPS * max(1, round(w * f / 40 / GROUPS)) for w in ours) for f in range(10, 61)}
    return min(sorted(shapes), key=lambda shape: abs(_excess(shape, parameters)))


@functools.cache
def _narrowest(parameters: int) -> tuple[int, ...]:
    for full in range(8, 129, 8):
        for middle in range(2 * full, full - 1, -8):
            for coarse in range(middle, 4 * full + 1, 8):
                excess = _excess((full, middle, coarse), parameters)
                if abs(excess) < NEAR:
                    return full, middle, coarse
                if excess > NEAR:
                    break
    raise ValueError(f"no UNet2DModel of {parameters} parameters")


def _excess(shape: tuple[int, ...], parameters: int) -> float:
    with torch.device("meta"):
        return parameter_count(_built(shape)) / parameters - 1


def _built(widths: tuple[int, ...]) -> nn.Module:
    net: nn.Module = _diffusers().UNet2DModel(
        in_channels=1,
        out_channels=1,
        layers_per_block=1,
        block_out_channels=widths,
        down_block_types=("DownBlock2D",) * 3,
        up_block_types=("UpBlock2D",) * 3,
        norm_num_groups=GROUPS,
        add_attention=False,
    )
    return net


@functools.cache
def _diffusers() -> Any:
    if importlib.util.find_spec("diffusers") is None:
        raise EMDiffError(INSTALL)
    try:
        importlib.import_module("torchvision")
    except Exception:
        # diffusers names two operators of torchvision while it is imported, and needs neither here.
        make: Any = torch.library.Library
        library = make("torchvision", "DEF")
        library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _keep.append(library)
    return importlib.import_module("diffusers")


_keep: list[Any] = []


def _peak(number: int, task: Task) -> float:
    """Bytes that training takes beyond the program itself, at most."""
    contender, steps = contenders()[number], 4
    if contender.shape != "ours":
        _diffusers()
    if task.device == "cuda":
        step = contender.step(task)
        torch.cuda.reset_peak_memory_stats()
        for _ in range(steps):
            step()
        return float(torch.cuda.max_memory_allocated())
    contender.step(replace(task, side=16, batch=1))()  # the libraries' own code and workspaces
    before = _peak_resident()
    step = contender.step(task)
    for _ in range(steps):
        step()
    return float(max(_peak_resident() - before, 0))


if __name__ == "__main__":
    print(json.dumps(_peak(int(sys.argv[1]), Task(**json.loads(sys.argv[2])))))

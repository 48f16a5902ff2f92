"""Who trains against whom: our network, and diffusers' UNet2DModel of as many parameters, in one and the same loop."""

import importlib
import importlib.util
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import psutil
import torch
from torch import Tensor, nn

from emdiff_app.diffusion import LearnedPrior, Trainer, parameter_count
from emdiff_app.errors import EMDiffError

__all__ = ["Contender", "Task", "contenders", "unet2d"]

INSTALL = (
    "This benchmark compares with diffusers, which is not installed; install it with "
    '`pip install "emdiff[bench]"` and run it again.'
)


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
    ours: bool
    precision: str
    layout: Any

    def trainer(self, task: Task) -> Trainer:
        torch.manual_seed(0)
        prior = LearnedPrior(task.size, 1, 1.0)
        if not self.ours:
            prior.network = unet2d(parameter_count(prior.network))
        trainer = Trainer(prior.to(task.device), learning_rate=1e-3, precision=self.precision)
        network: Any = prior.network
        network.to(memory_format=self.layout)
        return trainer

    def step(self, task: Task) -> Callable[[], object]:
        """One optimiser step on the same crops, ready to be timed."""
        trainer, images = self.trainer(task), task.images().contiguous(memory_format=self.layout)
        trainer.step(images)
        return lambda: trainer.step(images)


def contenders() -> list[Contender]:
    last, first = torch.channels_last, torch.contiguous_format
    return [
        Contender("EMDiff, as it trains", True, "auto", last),
        Contender("EMDiff, float32", True, "float32", last),
        Contender("UNet2DModel, float32", False, "float32", first),
        Contender("UNet2DModel, float32, channels last", False, "float32", last),
        Contender("UNet2DModel, bfloat16, channels last", False, "bfloat16", last),
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


def unet2d(parameters: int) -> Any:
    """The UNet2DModel of three resolutions nearest in size, without attention, which would only slow it down."""
    model = _diffusers().UNet2DModel

    def built(widths: tuple[int, ...]) -> nn.Module:
        net: nn.Module = model(
            in_channels=1,
            out_channels=1,
            layers_per_block=1,
            block_out_channels=widths,
            down_block_types=("DownBlock2D",) * 3,
            up_block_types=("UpBlock2D",) * 3,
            norm_num_groups=8,
            add_attention=False,
        )
        return net

    shapes = [(w, a * w, b * w) for w in range(8, 129, 8) for a, b in ((1, 2), (2, 2), (2, 3), (2, 4))]
    with torch.device("meta"):
        counts = {shape: parameter_count(built(shape)) for shape in shapes}
    nearest = min(shapes, key=lambda shape: abs(counts[shape] / parameters - 1))
    return _Adapted(built(nearest))


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
    if not contender.ours:
        _diffusers()
    if task.device == "cuda":
        step = contender.step(task)
        torch.cuda.reset_peak_memory_stats()
        for _ in range(steps):
            step()
        return float(torch.cuda.max_memory_allocated())
    contender.step(replace(task, side=16, batch=1))()  # the libraries' own code and workspaces
    before = _highest()
    step = contender.step(task)
    for _ in range(steps):
        step()
    return float(max(_highest() - before, 0))


def _highest() -> int:
    """The largest resident set so far."""
    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


if __name__ == "__main__":
    print(json.dumps(_peak(int(sys.argv[1]), Task(**json.loads(sys.argv[2])))))

"""LPIPS and FID by their usual libraries, where these and their weights are on this computer; else why not, in words.

Nothing is ever downloaded: the weights are looked for in a folder that is named, and where torch keeps them.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

__all__ = ["ALEXNET", "INCEPTION", "fid", "lpips"]

ALEXNET = "alexnet-owt-7be5be79.pth"
INCEPTION = "weights-inception-2015-12-05-6726825d.pth"


def lpips(made: Tensor, truth: Tensor, folder: Path | None = None) -> float | str:
    """The mean LPIPS (AlexNet) of `made` to `truth`, both in [0, 1]; 0 where they look the same."""
    library, weights = _library("lpips"), _weights(ALEXNET, folder)
    if isinstance(library, str) or isinstance(weights, str):
        return library if isinstance(library, str) else str(weights)
    try:
        network = library.LPIPS(net="alex", pnet_rand=True, verbose=False).eval()
        _fill(network.net, torch.load(weights, map_location="cpu", weights_only=True))
        with torch.no_grad():
            return float(network(2 * _photos(made) - 1, 2 * _photos(truth) - 1).mean())
    except Exception as error:
        return _failed("lpips", error)


def fid(made: Tensor, truth: Tensor, folder: Path | None = None) -> float | str:
    """The Frechet distance of Inception features; of few images it is large and says little."""
    library, weights = _library("torch_fidelity"), _weights(INCEPTION, folder)
    if isinstance(library, str) or isinstance(weights, str):
        return library if isinstance(library, str) else str(weights)
    try:
        found = library.calculate_metrics(
            input1=_Pictures(made),
            input2=_Pictures(truth),
            fid=True,
            cuda=False,
            cache=False,
            verbose=False,
            feature_extractor_weights_path=str(weights),
        )
        return float(found["frechet_inception_distance"])
    except Exception as error:
        return _failed("torch-fidelity", error)


def _library(name: str) -> Any:
    """The library, or why there is none. A torchvision of another torch raises anything, not ImportError alone."""
    words = name.replace("_", "-")
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name == name:
            return f"not measured: {words} is not installed (the extra `metrics`)"
        return _failed(words, error)
    except Exception as error:
        return _failed(words, error)


def _weights(file: str, folder: Path | None) -> Path | str:
    places = [folder] if folder else []
    places.append(Path(torch.hub.get_dir()) / "checkpoints")
    for place in places:
        if (place / file).is_file():
            return place / file
    return (
        f"not measured: its weights, {file}, are not on this computer (name their folder as weights=FOLDER)"
    )


def _failed(words: str, error: Exception) -> str:
    first = (str(error).splitlines() or [""])[0]
    return f"not measured: {words} cannot be used here ({type(error).__name__}: {first[:100]})"


def _fill(network: torch.nn.Module, weights: dict[str, Tensor]) -> None:
    """AlexNet's layers from torchvision's file; LPIPS has them in slices, under the same numbers."""
    for name, own in network.state_dict().items():
        _, number, kind = name.split(".")
        own.copy_(weights[f"features.{number}.{kind}"])


def _photos(images: Tensor) -> Tensor:
    return images.float().clamp(0, 1).expand(-1, 3, -1, -1)


class _Pictures(Dataset[Tensor]):
    """Images of 8 bits, as the library reads them."""

    def __init__(self, images: Tensor) -> None:
        self.images = (255 * _photos(images)).round().to(torch.uint8)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, number: int) -> Tensor:
        return self.images[number]

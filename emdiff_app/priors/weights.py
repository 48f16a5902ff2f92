"""The network of a prior: described in words for its card, and built again from them."""

import hashlib
import math
from functools import lru_cache
from typing import Any

import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray

from emdiff_app.diffusion import LearnedPrior
from emdiff_app.errors import PriorError

from .architectures import UNET, UNetArguments, arguments_of
from .card import Card, Network
from .container import WEIGHTS
from .reading import OpenPrior
from .tensors import Layout, read_layout, read_tensors

__all__ = ["build", "described", "packed", "rebuilt"]

Shapes = dict[str, tuple[int, ...]]


def described(prior: LearnedPrior) -> Network:
    """The name, version and arguments of the prior's network."""
    name, version = UNET
    arguments = UNetArguments.model_validate(prior.arguments)
    return Network(name=name, version=version, arguments=arguments.model_dump(mode="json"))


def packed(prior: LearnedPrior) -> bytes:
    """The weights as safetensors; weights that are not finite are never written."""
    weights = {k: v.detach().float().contiguous().cpu() for k, v in prior.network.state_dict().items()}
    if not all(bool(torch.isfinite(w).all()) for w in weights.values()):
        raise PriorError(
            "The prior's weights are not finite, so it was not written; an older file is unchanged."
        )
    return safetensors.torch.save(weights)


def rebuilt(file: OpenPrior) -> LearnedPrior:
    """The prior with the weights of the file; sizes are compared before anything is built or read."""
    arguments = arguments_of(file.card, file.path)
    with file.container.stream(WEIGHTS) as stream:
        size = file.container.size(WEIGHTS)
        try:
            head, layouts = read_layout(stream, size)
            _compare(layouts, expected(arguments))
        except ValueError as error:
            raise PriorError(
                f"{file.path} holds weights that do not fit its own description ({error}); ask for it again."
            ) from None
        body = stream.read(size - len(head) + 1)
    digest = hashlib.sha256(head)
    digest.update(body)
    file.check_sum(WEIGHTS, digest.hexdigest())
    weights = read_tensors(body, layouts)
    if not all(np.isfinite(w).all() for w in weights.values()):
        raise PriorError(
            f"{file.path} holds weights that are not finite, so it cannot restore; ask for it again."
        )
    return _filled(file.card, arguments, weights)


@lru_cache(maxsize=8)
def expected(arguments: UNetArguments) -> Shapes:
    """The weights that such a network has; built without memory for them."""
    with torch.device("meta"):
        network = build(arguments, 1.0, 0.0).network
    return {name: tuple(w.shape) for name, w in network.state_dict().items()}


def _compare(layouts: dict[str, Layout], shapes: Shapes) -> None:
    if layouts.keys() != shapes.keys():
        odd = sorted(layouts.keys() ^ shapes.keys())
        raise ValueError(f"{len(odd)} names, such as {odd[0][:60]!r}")
    for name, layout in layouts.items():
        if layout.dtype != "F32" or layout.shape != shapes[name]:
            raise ValueError(f"{name} is {layout.dtype} of {math.prod(layout.shape)} numbers")


def _filled(card: Card, arguments: UNetArguments, weights: dict[str, NDArray[Any]]) -> LearnedPrior:
    with torch.random.fork_rng(devices=[]):  # the start that is thrown away must not use up random numbers
        prior = build(arguments, card.sigma_data, card.mean, card.size)
    prior.network.load_state_dict({name: torch.from_numpy(w.copy()) for name, w in weights.items()})
    prior.takes_maps = card.takes_maps
    return prior.eval().requires_grad_(False)


def build(arguments: UNetArguments, sigma_data: float, mean: float, size: str = "") -> LearnedPrior:
    """The prior with a network of these arguments, as it is before training."""
    return LearnedPrior.build(size, sigma_data, mean, **arguments.model_dump())

"""The form of a training term, and a sum of several."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from ..batch import Batch
from ..drawing import drawn
from ..prior import SMALLEST, Prior

__all__ = ["Mixture", "Term", "level_of", "levels", "normal"]


class Term(Protocol):
    """A number that is smallest, on average over batches, for the denoiser that we want."""

    def loss(self, prior: Prior, batch: Batch, generator: torch.Generator) -> Tensor: ...


@dataclass(frozen=True)
class Mixture:
    """`sum_i w_i term_i`, all on the same batch."""

    terms: Sequence[tuple[float, Term]]

    def loss(self, prior: Prior, batch: Batch, generator: torch.Generator) -> Tensor:
        parts = [weight * term.loss(prior, batch, generator) for weight, term in self.terms]
        return torch.stack(parts).sum()


def level_of(prior: Prior, batch: Batch) -> Tensor:
    """The noise level of the recorded images, for the network."""
    return batch.variance().clamp_min((SMALLEST * prior.sigma_data) ** 2).sqrt()


def levels(prior: Prior, like: Tensor, generator: torch.Generator) -> Tensor:
    """A noise level for each image: `ln(s / sd)` normal, wide enough for every level that samplers visit."""
    n = drawn(torch.randn, (len(like),), generator).to(like)
    return (prior.sigma_data * (n * 1.4 - 0.6).exp()).reshape(-1, *[1] * (like.ndim - 1))


def normal(like: Tensor, generator: torch.Generator) -> Tensor:
    """White noise in the shape of `like`."""
    return drawn(torch.randn, tuple(like.shape), generator).to(like)

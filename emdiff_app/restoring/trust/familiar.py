"""What a prior's own images look like, and how far others are from that.

Samples of the prior (its dreams) stand for the images that it was trained on: a prior file holds none of those.
Small windows are described by their brightness and the strength of their detail at three sizes. A window is
unfamiliar where its nearest likes among the dreams are further away than those of the dreams' own windows ever are.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from emdiff_app.diffusion import GaussianPrior, Prior
from emdiff_app.physics import Imaging
from emdiff_app.physics.precise import doubled
from emdiff_app.posterior.dreaming import dream
from emdiff_app.posterior.steps import OwnNoise

from .recording import planes_of
from .smooth import blurred
from .spectra import Promised, radial_power

__all__ = ["Familiar", "dreams", "familiar_with", "promised_by"]

DREAMS = 16
STEPS = 20
GRID = 16
"""Dreams are made in sizes that are multiples of this and cut down: one set serves imaging models of similar reach."""
SMALLEST = 0.02
"""In standard deviations of clean images."""
WINDOW, HOP = 16, 8
SIZES = (0.0, 1.0, 2.0, 4.0)
"""Widths of Gaussian blurs; the detail is what is between each and the next."""
MOST_WINDOWS = 4096
"""So many windows of the dreams tell what they are like; more are drawn from at random."""
AT_ONCE = 1 << 24
"""Distances between windows that are worked out together."""
NEAREST = 3
RARE = 0.995
"""Of the dreams' own windows so many are nearer to their likes."""
BEYOND = 1.5
"""Further away than that by this factor is unfamiliar."""
FAINT = 0.02
"""Detail weaker than this, in standard deviations of clean images, is nothing."""
ENDS = (0.001, 0.999)
DARK = 0.02
TINY = 1e-30
ROOM = 0.15
"""Intensities beyond those of the dreams by this share of their range are still taken as known."""


@dataclass(frozen=True, eq=False)
class Familiar:
    """The windows and intensities of some images that the prior is known to make."""

    windows: Tensor
    centre: Tensor
    spread: Tensor
    limit: float
    low: float
    high: float
    dark: tuple[float, float]
    """The dark level of the images, mean and standard deviation."""
    sigma_data: float

    @classmethod
    def of(cls, images: Tensor, sigma_data: float) -> Familiar:
        """Measured on clean images (N, C, Y, X): dreams, or real ones where there are some."""
        planes = planes_of(images)
        features = _features(planes, sigma_data).flatten(0, 1)
        centre, spread = features.mean(0), features.std(0).clamp_min(0.05)
        windows = _some((features - centre) / spread)
        own = _distances(windows[None], windows, NEAREST + 1)[0]
        flat = planes.flatten(1)
        quantiles = torch.tensor(ENDS, dtype=flat.dtype, device=flat.device)
        low, high = (float(q) for q in torch.quantile(_thinned(flat.flatten()), quantiles))
        dark = torch.quantile(flat, DARK, dim=1)
        return cls(
            windows,
            centre,
            spread,
            BEYOND * float(torch.quantile(_thinned(own), RARE)),
            low - ROOM * (high - low),
            high + ROOM * (high - low),
            (float(dark.mean()), float(dark.std()) if len(dark) > 1 else 0.0),
            sigma_data,
        )

    def unfamiliar(self, images: Tensor) -> Tensor:
        """Which windows of each plane are unlike all that is known: a map of truth values, a window each."""
        planes = planes_of(images).to(self.windows)
        features = (_features(planes, self.sigma_data) - self.centre) / self.spread
        far = _distances(features, self.windows, NEAREST) > self.limit
        rows, columns = (max((n - WINDOW) // HOP + 1, 1) for n in planes.shape[-2:])
        return far.reshape(len(planes), rows, columns)

    def outside(self, images: Tensor) -> float:
        """The share of pixels whose intensity is beyond what is known."""
        return float(((images < self.low) | (images > self.high)).float().mean())

    def darkest(self, images: Tensor) -> float:
        """How far the dark level lies above the known ones, in standard deviations of clean images."""
        dark = torch.quantile(planes_of(images).flatten(1), DARK, dim=1).min()
        return (float(dark) - self.dark[0]) / self.sigma_data


def direction_of(images: Tensor) -> float:
    """`ln <(x_(i,j+1) - x_ij)^2> / <(x_(i+1,j) - x_ij)^2>` of images blurred by a pixel: 0 where none is special."""
    smooth = blurred(images, torch.isfinite(images), 1.0)
    along, across = (float(doubled(smooth.diff(dim=d)).square().mean()) for d in (-1, -2))
    return math.log((along + TINY) / (across + TINY))


@torch.no_grad()
def dreams(
    prior: Prior,
    shape: Sequence[int],
    count: int = DREAMS,
    seed: int = 0,
    on_step: Callable[[], None] = lambda: None,
) -> Tensor:
    """`count` samples of the prior, (count, C, *shape), planes or volumes.

    Planes of a prior that looks at neighbouring slices are the middle ones of volumes. `on_step` may raise to stop.
    """
    generator = torch.Generator().manual_seed(seed)
    depth = _depth(prior)
    deep = (depth, *shape) if depth > 1 and len(shape) == 2 else tuple(shape)
    if isinstance(prior, GaussianPrior):
        x = prior.on(deep).draw(count, generator)
    else:
        weights = next(prior.parameters(), torch.zeros(()))
        like = torch.zeros(count, prior.channels, *deep, device=weights.device)
        noise = OwnNoise(generator, count)
        x = dream(prior, like, noise, smallest=SMALLEST, steps=STEPS, on_step=on_step)
        x = torch.where(torch.isfinite(x), x, prior.centre(like))
    return x[:, :, depth // 2] if len(deep) > len(shape) else x


def _depth(prior: Prior) -> int:
    """How many slices the prior must have around a plane."""
    if isinstance(prior, GaussianPrior):
        return prior.domain[0] if len(prior.domain) == 3 else 1
    return 2 * int(getattr(prior, "neighbours", 0)) + 1


_dreamt: WeakKeyDictionary[Prior, dict[tuple[int, ...], Tensor]] = WeakKeyDictionary()


def known_dreams(prior: Prior, shape: tuple[int, int], on_step: Callable[[], None] = lambda: None) -> Tensor:
    """Dreams of this size, made once for a prior, and again when its weights have changed."""
    prior = cast(Prior, getattr(prior, "inner", prior))
    changes = sum(0 if p.is_inference() else p._version for p in prior.parameters())
    kept = _dreamt.setdefault(prior, {})
    rows, columns = (-(-n // GRID) * GRID for n in shape)
    key = (changes, rows, columns)
    if key not in kept:
        kept[key] = dreams(prior, (rows, columns), on_step=on_step)
    top, left = (rows - shape[0]) // 2, (columns - shape[1]) // 2
    return kept[key][..., top : top + shape[0], left : left + shape[1]]


def familiar_with(
    prior: Prior, shape: tuple[int, int], on_step: Callable[[], None] = lambda: None
) -> Familiar:
    """Measured on dreams of this size."""
    return Familiar.of(known_dreams(prior, shape, on_step), prior.sigma_data)


def promised_by(imaging: Imaging, images: Tensor, seed: int = 1) -> Promised:
    """The recordings that the imaging model makes of images on its domain (N, C, Y, X).

    The seed is not that of the dreams, or their noise would be what they were dreamt from.
    """
    clean, noisy, noise, directions = [], [], [], []
    many = _differing(imaging)
    step = (many if len(images) % many == 0 else 1) if many else len(images)
    generator = torch.Generator().manual_seed(seed)
    for part in torch.split(images, step):
        level = imaging.apply(part.expand(max(many, len(part)), *part.shape[1:]))
        variance = torch.as_tensor(imaging.noise.variance(level), dtype=level.dtype).expand(level.shape)
        recorded = imaging.noise.simulate(level, generator)
        clean.append(radial_power(level))
        noisy.append(radial_power(recorded))
        directions.append(direction_of(recorded))
        noise.append(variance.reshape(-1, *level.shape[-2:]).mean((1, 2)).cpu().double())
    shape = (int(imaging.field[-2]), int(imaging.field[-1]))
    return Promised(
        np.concatenate(clean),
        np.concatenate(noisy),
        torch.cat(noise).numpy(),
        shape,
        float(np.mean(directions)),
    )


def _differing(imaging: Imaging) -> int:
    """For how many images the model differs, by what was recorded of them or by their noise; 0 for any number."""
    noise = imaging.noise
    own = (imaging.observed, noise.offset, noise.gain, noise.read_noise)
    return max((len(part) for part in own if isinstance(part, Tensor) and part.ndim), default=0)


def _features(planes: Tensor, sigma_data: float) -> Tensor:
    """(N, windows, 4): mean brightness, and ln of the detail at each size, over windows of the planes."""
    seen = torch.ones_like(planes, dtype=torch.bool)
    views = [planes if s == 0 else blurred(planes, seen, s) for s in SIZES]
    window = min(WINDOW, *planes.shape[-2:])
    means = [avg_pool2d(views[-1], window, HOP) / sigma_data]
    for fine, coarse in itertools.pairwise(views):
        power = avg_pool2d((fine - coarse).square(), window, HOP)
        means.append((power + (FAINT * sigma_data) ** 2).log() / 2)
    return torch.cat([m.flatten(2) for m in means], 1).transpose(1, 2)


def _some(windows: Tensor) -> Tensor:
    """All of them, or as many as are enough."""
    if len(windows) <= MOST_WINDOWS:
        return windows
    order = torch.randperm(len(windows), generator=torch.Generator().manual_seed(0))
    return windows[order[:MOST_WINDOWS].sort().values.to(windows.device)]


def _distances(features: Tensor, windows: Tensor, nearest: int) -> Tensor:
    """How far each of `features` (N, K, 4) is from the n-th nearest of the windows (M, 4)."""
    part = max(AT_ONCE // (len(features) * len(windows)), 1)
    parts = (torch.cdist(own, windows) for own in torch.split(features, part, 1))
    return torch.cat([d.topk(nearest, largest=False).values[..., -1] for d in parts], 1)


def _thinned(values: Tensor, most: int = 1 << 20) -> Tensor:
    """Some of the values, evenly: quantiles of very many cannot be taken."""
    return values[:: -(-len(values) // most)]

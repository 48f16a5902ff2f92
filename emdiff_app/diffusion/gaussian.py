"""The stationary Gaussian prior: all that two-point statistics know about an image.

On a periodic domain a stationary Gaussian has independent frequencies, so its denoiser is a Wiener filter,
`D(x_t, s) = m + S/(S + s^2) (x_t - m)` in the Fourier domain with `S` the power spectrum. It is the start
of learning, the honest baseline, and the exact reference in tests.

Posterior draws by perturb-and-solve: with `x' ~ p(x)` and `y' = A x' + noise`,
`x = x' + S A^T (A S A^T + Sigma)^-1 (y - y')` is an exact sample of `p(x | y)`.
"""

import math

import torch
from torch import Tensor

from emdiff_app.physics import Imaging
from emdiff_app.physics.random import white

from .batch import recorded_variance
from .gaussian_solve import Conditional, Observation, first
from .prior import Prior, as_map

__all__ = ["GaussianPrior"]


class GaussianPrior(Prior):
    """A power spectrum `(C, *spatial)` (of `fftn`, divided by the number of pixels) and a mean `(C,)`."""

    def __init__(self, spectrum: Tensor, mean: Tensor) -> None:
        super().__init__(spectrum.shape[0], float(spectrum.mean().sqrt()))
        self.register_buffer("spectrum", spectrum)
        self.register_buffer("mean", mean)
        self.spectrum: Tensor
        self.mean: Tensor

    @property
    def domain(self) -> tuple[int, ...]:
        return tuple(self.spectrum.shape[1:])

    def on(self, domain: tuple[int, ...]) -> "GaussianPrior":
        """The prior of the same covariance on another periodic domain, as far as both can hold it."""
        if domain == self.domain:
            return self
        axes = tuple(range(1, 1 + len(domain)))
        lags = torch.fft.fftshift(torch.fft.ifftn(self.spectrum, dim=axes).real, dim=axes)
        fitted = lags.new_zeros(self.channels, *domain)
        source, target = [slice(None)], [slice(None)]
        for have, want in zip(self.domain, domain, strict=True):
            before, after = min(have // 2, want // 2), min((have + 1) // 2, (want + 1) // 2)
            source.append(slice(have // 2 - before, have // 2 + after))
            target.append(slice(want // 2 - before, want // 2 + after))
        fitted[tuple(target)] = lags[tuple(source)]
        spectrum = torch.fft.fftn(torch.fft.ifftshift(fitted, dim=axes), dim=axes).real
        return GaussianPrior(spectrum.clamp_min(1e-3 * float(self.spectrum.min())), self.mean)

    def denoise(self, x_t: Tensor, sigma: Tensor | float) -> Tensor:
        if tuple(x_t.shape[2:]) != self.domain:
            return self.on(tuple(x_t.shape[2:])).denoise(x_t, sigma)
        s, centre = as_map(sigma, x_t), self.centre(x_t)
        if math.prod(s.shape[1:]) == 1:
            return centre + self._filter(x_t - centre, self.spectrum / (self.spectrum + s.square()))
        seen = torch.ones((), dtype=torch.bool, device=x_t.device)
        view = Observation.direct(s.square().expand(x_t.shape), seen)
        return centre + Conditional(self.spectrum, view).mean(x_t - centre)

    def denoise_with_variance(self, x_t: Tensor, sigma: Tensor | float) -> tuple[Tensor, Tensor]:
        s = as_map(sigma, x_t)
        if math.prod(s.shape[1:]) > 1:
            raise ValueError("the variance of a Gaussian is known for one noise level for each image")
        spectrum = self.on(tuple(x_t.shape[2:])).spectrum
        axes = tuple(range(2, x_t.ndim))
        variance = (spectrum * s.square() / (spectrum + s.square())).mean(axes, keepdim=True)
        return self.denoise(x_t, s), variance.expand(x_t.shape)

    def covary(self, x: Tensor) -> Tensor:
        """`S x`: the prior's covariance applied to an image."""
        return self._filter(x, self.spectrum)

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Samples of the prior."""
        noise = white(self.spectrum.expand(count, *self.spectrum.shape), generator)
        return self.centre(noise) + self._filter(noise, self.spectrum.sqrt())

    def draw_posterior(
        self,
        imaging: Imaging,
        y: Tensor,
        generator: torch.Generator,
        *,
        steps: int = 300,
        tolerance: float = 0.02,
        whole: bool = False,
    ) -> Tensor:
        """Exact samples of `p(x | y)` on the imaging model's domain, with the noise at the level that y shows.

        Each solve ends when it is off by `tolerance` posterior standard deviations. The prior's own domain
        may be larger, so that opposite borders of the image are no neighbours; `whole` keeps what lies beyond.
        """
        seen = imaging.seen(y)
        variance = recorded_variance(imaging.noise, y, seen)
        prior = self if self._holds(imaging.domain) else self.on(imaging.domain)
        view = Observation.of(imaging, variance, seen, prior.domain)
        inner, outer = _two_noises(prior.spectrum.expand(len(y), *prior.spectrum.shape), y, generator)
        x = self.centre(y) + prior._filter(inner, prior.spectrum.sqrt())
        gap = torch.where(seen, y, 0.0) - view.apply(x) - variance.sqrt() * outer
        x = x + Conditional(prior.spectrum, view).mean(gap, steps=steps, tolerance=tolerance)
        return x if whole else x[first(imaging.domain)]

    def _holds(self, domain: tuple[int, ...]) -> bool:
        return len(domain) == len(self.domain) and all(
            own >= n for own, n in zip(self.domain, domain, strict=True)
        )

    def centre(self, like: Tensor) -> Tensor:
        return self.mean.reshape(1, -1, *[1] * (like.ndim - 2)).to(like)

    def _filter(self, x: Tensor, gain: Tensor) -> Tensor:
        axes = tuple(range(2, x.ndim))
        half = gain[..., : x.shape[-1] // 2 + 1]
        return torch.fft.irfftn(torch.fft.rfftn(x, dim=axes) * half, s=x.shape[2:], dim=axes)


def _two_noises(one: Tensor, other: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """White noise in both shapes; one seed for each image, so that batches may be cut anywhere."""
    pair, home = (torch.empty_like(one), torch.empty_like(other)), generator.device
    for number in range(len(one)):
        own = torch.Generator(home)
        own.manual_seed(int(torch.randint(2**62, (), generator=generator, device=home)))
        for noise in pair:
            drawn = torch.randn(noise.shape[1:], generator=own, device=home, dtype=noise.dtype)
            noise[number].copy_(drawn)
    return pair

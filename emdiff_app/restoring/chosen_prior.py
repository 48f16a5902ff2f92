"""The prior of a restoration, with what its card says about the images that it knows."""

from dataclasses import dataclass
from pathlib import Path

from emdiff_app.diffusion import Prior
from emdiff_app.diffusion.device import device_for
from emdiff_app.images import IntensityScale
from emdiff_app.physics import ImagingModel
from emdiff_app.priors import read_prior

__all__ = ["KnownPrior", "known_prior"]


@dataclass(frozen=True)
class KnownPrior:
    """A prior with the scale and the imaging model that it was learned with, and where it comes from.

    `estimate` is what restores best, as its card says: the mean of samples, or one-pass.
    """

    prior: Prior
    scale: IntensityScale
    model: ImagingModel | None
    name: str = ""
    sha256: str = ""
    estimate: str = "samples"


def known_prior(prior: "str | Path | Prior | KnownPrior", device: str = "auto") -> KnownPrior:
    """A prior from its file, or one in memory, whose images are taken as they are."""
    if isinstance(prior, KnownPrior):
        return prior
    if isinstance(prior, Prior):
        return KnownPrior(prior.to(device_for(device)), IntensityScale(offset=0.0, gain=1.0), None)
    learned, card = read_prior(Path(prior))
    return KnownPrior(
        learned.to(device_for(device)).eval(),
        card.scale,
        card.model,
        Path(prior).name,
        card.sha256.get("model.safetensors", ""),
        card.estimate,
    )

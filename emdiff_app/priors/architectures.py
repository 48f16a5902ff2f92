"""The networks that a prior file may name, and the arguments that each takes. No torch is needed to check them.

A version is never changed: a network that computes anything else gets the next number, and the old one
stays, since files with it exist.
"""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from emdiff_app import __version__
from emdiff_app.errors import PriorError
from emdiff_app.physics.model import wrong_fields

from .card import Card, Network

__all__ = ["UNET", "UNetArguments", "arguments_of"]

UNET = ("emdiff-unet", 1)

Width = Annotated[int, Field(strict=True, ge=1, le=2048)]
Blocks = Annotated[int, Field(strict=True, ge=0, le=16)]


class UNetArguments(BaseModel):
    """The convolutional U-Net: channels of the image; widths from full resolution downwards; blocks at each
    resolution on the way down and up again; slices above and below that it looks at; a head for the variance.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    channels: int = Field(strict=True, ge=1, le=64)
    widths: tuple[Width, ...] = Field(min_length=1, max_length=7)
    down: tuple[Blocks, ...] = Field(max_length=7)
    up: tuple[Blocks, ...] = Field(max_length=6)
    neighbours: int = Field(default=0, strict=True, ge=0, le=16)
    variance: bool = Field(default=False, strict=True)

    @model_validator(mode="after")
    def _same_depth(self) -> "UNetArguments":
        if len(self.down) != len(self.widths) or len(self.up) != len(self.widths) - 1:
            raise ValueError(
                f"{len(self.widths)} widths do not fit {len(self.down)} and {len(self.up)} blocks"
            )
        return self


KNOWN: dict[tuple[str, int], type[UNetArguments]] = {UNET: UNetArguments}


def arguments_of(card: Card, path: Path) -> UNetArguments:
    """The checked arguments of a card's network; an unknown one is refused by both versions."""
    network = card.network
    if network is None:
        raise PriorError(f"{path} does not say which network it holds; export it again.")
    form = KNOWN.get((network.name, network.version))
    if form is None:
        raise PriorError(f"{path} holds {_unknown(network, card.versions.get('emdiff', 'unknown version'))}")
    try:
        arguments = form.model_validate(network.arguments)
    except ValidationError as error:
        raise PriorError(
            f"{path} describes a network that cannot be built ({wrong_fields(error)[:200]}); ask for it again."
        ) from None
    if arguments.channels != card.channels:
        raise PriorError(
            f"{path} is for images of {card.channels} channel(s) by its card and of {arguments.channels} by its "
            "network; ask for it again."
        )
    return arguments


def _unknown(network: Network, writer: str) -> str:
    known = ", ".join(str(version) for name, version in KNOWN if name == network.name)
    here = f"knows version {known}" if known else "knows no such network"
    return (
        f"the network {network.name[:60]!r} in version {network.version} (written by EMDiff {writer[:40]}), and this "
        f"EMDiff ({__version__}) {here}; update EMDiff to use it."
    )

"""Writing, reading, checking and passing on `.emprior`: a zip of a card, weights, a picture and a page to read."""

import hashlib
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import imagecodecs
import numpy as np
import safetensors.numpy
import torch
from numpy.typing import NDArray
from pydantic import ValidationError

from emdiff_app import __version__
from emdiff_app.diffusion import LearnedPrior, parameter_count
from emdiff_app.errors import PriorError
from emdiff_app.images.atomic import ensure_free
from emdiff_app.physics.model import wrong_fields

from .card import Card
from .container import CARD, IMAGES, PAGE, PREVIEW, WEIGHTS, write_container
from .page import page
from .pictures import taken_in
from .reading import OpenPrior, open_prior, preview_of
from .tensors import strict_json
from .weights import described, packed, rebuilt

__all__ = ["Verification", "export_prior", "read_prior", "verify_prior", "write_prior"]

Preview = NDArray[np.uint8]


class Verification(NamedTuple):
    """What was compared and found right: the checksum of each member, and how many weights there are."""

    sha256: dict[str, str]
    parameters: int


def write_prior(path: Path, prior: LearnedPrior, card: Card, *, preview: Preview | None = None) -> None:
    """Write `prior` with `card`, replacing an older file; it appears whole or not at all.

    What the prior itself knows better than the card (its network, channels and scales) is taken from it.
    Images that the imaging model names are taken in. `preview` is a picture, (H, W) or (H, W, 3).
    """
    model, images = taken_in(card.model)
    members = {WEIGHTS: packed(prior)}
    if images:
        members[IMAGES] = safetensors.numpy.save(images)
    if preview is not None:
        members[PREVIEW] = png(preview)
    known = {
        "network": described(prior).model_dump(),
        "channels": prior.channels,
        "sigma_data": prior.sigma_data,
        "mean": prior.mean,
        "takes_maps": prior.takes_maps,
        "written": datetime.now(UTC).date().isoformat(),
        "versions": {
            "emdiff": __version__,
            "torch": str(torch.__version__),
            "python": platform.python_version(),
        },
    }
    _write(path, card, {**known, "model": model.model_dump(mode="json")}, members, overwrite=True)


def read_prior(path: Path) -> tuple[LearnedPrior, Card]:
    """The prior and its card, after every check."""
    with open_prior(path) as file:
        return rebuilt(file), file.card


def verify_prior(path: Path) -> Verification:
    """Check everything that is in the file, down to the preview and whether the network computes."""
    with open_prior(path) as file:
        return _verified(file)[1]


def export_prior(
    source: Path,
    out: Path,
    *,
    overwrite: bool = False,
    preview: Preview | None = None,
    **words: str | None,
) -> Path:
    """Pass a prior on under the name `out`, with other `name`, `author` or `licence` where they are given.

    The file is verified first; its weights, images and history go along byte for byte.
    """
    out = out if out.suffix == ".emprior" else out.with_name(out.name + ".emprior")
    ensure_free(out, overwrite=overwrite, error=PriorError)
    with open_prior(source) as file:
        _verified(file)
        kept = {
            name: file.container.read(name) for name in (WEIGHTS, IMAGES, PREVIEW) if name in file.container
        }
        card = file.card
    if preview is not None:
        kept[PREVIEW] = png(preview)
    given = {key: value for key, value in words.items() if value is not None}
    _write(out, card, given, kept, overwrite=overwrite)
    return out


def png(picture: Preview) -> bytes:
    """The picture as a PNG."""
    return bytes(imagecodecs.png_encode(np.ascontiguousarray(picture, np.uint8)))


def _verified(file: OpenPrior) -> tuple[LearnedPrior, Verification]:
    prior = rebuilt(file)
    preview_of(file)
    if odd := set(file.container.names) ^ {CARD, *file.card.sha256}:
        raise PriorError(
            f"{file.path} is not as it was written ({min(odd)} was added or taken); ask for it again."
        )
    for name in set(file.container.names) - {CARD, WEIGHTS}:
        file.member(name)
    grey = torch.full((1, prior.channels, 1, 32, 32), prior.mean)
    for level in (0.01, 1.0, 30.0):
        if not bool(torch.isfinite(prior.denoise(grey, level * prior.sigma_data)).all()):
            raise PriorError(f"{file.path} holds a network that gives no finite images; ask for it again.")
    return prior, Verification(dict(file.card.sha256), parameter_count(prior))


def _write(
    path: Path, card: Card, changes: dict[str, Any], members: dict[str, bytes], *, overwrite: bool
) -> None:
    """Put the changed card and its page beside the members; only what can be read again is written."""
    fields = card.model_dump(mode="json", exclude={"sha256"}) | changes
    try:
        card = Card.model_validate(fields)
    except ValidationError as error:
        raise PriorError(
            f"{path} was not written ({wrong_fields(error, 'the card')[:200]}); change that."
        ) from None
    text = page(card).encode()
    members = {WEIGHTS: members[WEIGHTS], **members, PAGE: text}
    sums = {name: hashlib.sha256(data).hexdigest() for name, data in members.items()}
    card = card.model_copy(update={"sha256": sums})
    written = card.model_dump_json(indent=2, exclude_none=True).encode()
    try:
        strict_json(written)  # what readers do with it: nothing is written that they would refuse
    except ValueError as error:
        raise PriorError(f"{path} was not written: its card is no card that can be read ({error}).") from None
    write_container(Path(path), {CARD: written, **members}, overwrite=overwrite)

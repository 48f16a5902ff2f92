"""Writing and reading `.emprior`: a zip of `prior.json`, `model.safetensors` and a page to read.

Files come from strangers. Nothing is unpickled or extracted to disk, every size is checked before memory
is taken, and only the members that we know are opened.
"""

import hashlib
import json
import platform
import zipfile
from pathlib import Path

import safetensors.torch
import torch
from pydantic import ValidationError

from emdiff_app import __version__
from emdiff_app.diffusion import SIZES, LearnedPrior
from emdiff_app.errors import PriorError
from emdiff_app.images.atomic import replacing

from .card import SCHEMA, Card

__all__ = ["read_card", "read_prior", "write_prior"]

CARD, WEIGHTS, PAGE = "prior.json", "model.safetensors", "README.md"
LIMITS = {CARD: 4 << 20, WEIGHTS: 4 << 30, PAGE: 1 << 20, "preview.png": 16 << 20}


def write_prior(path: Path, prior: LearnedPrior, card: Card) -> None:
    """Write `prior` with `card`; the file appears whole or not at all."""
    weights = safetensors.torch.save({k: v.contiguous().cpu() for k, v in prior.network.state_dict().items()})
    versions = {"emdiff": __version__, "torch": str(torch.__version__), "python": platform.python_version()}
    digest = hashlib.sha256(weights).hexdigest()
    card = card.model_copy(update={"weights_sha256": digest, "versions": versions})
    with (
        replacing(Path(path), overwrite=True, error=PriorError) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive,
    ):
        archive.writestr(CARD, card.model_dump_json(indent=2))
        archive.writestr(WEIGHTS, weights)
        archive.writestr(PAGE, _page(card))


def read_card(path: Path) -> Card:
    """The card alone; weights are neither read nor checked."""
    with _opened(path) as archive:
        return _card(archive, path)


def read_prior(path: Path) -> tuple[LearnedPrior, Card]:
    """The prior and its card, after every check."""
    with _opened(path) as archive:
        card = _card(archive, path)
        if card.size not in SIZES:
            raise PriorError(f"{path}: a network of size {card.size!r} is not known here; update EMDiff.")
        data = _member(archive, WEIGHTS, path)
    if hashlib.sha256(data).hexdigest() != card.weights_sha256:
        raise PriorError(f"{path} is damaged (its weights do not match their checksum); copy it again.")
    prior = LearnedPrior(card.size, card.channels, card.sigma_data, card.mean)
    try:
        weights = safetensors.torch.load(data)
        prior.network.load_state_dict(weights)
    except Exception:
        raise PriorError(
            f"{path} holds weights that do not fit its own description; ask for it again."
        ) from None
    if not all(bool(torch.isfinite(w).all()) for w in weights.values()):
        raise PriorError(f"{path} holds weights that are not finite, so it cannot restore; ask for it again.")
    return prior.eval().requires_grad_(False), card


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except FileNotFoundError:
        raise PriorError(f"{path} does not exist; check the name of the prior.") from None
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError):
        raise PriorError(
            f"{path} is not a prior file, or only a part of one; copy or export it again."
        ) from None


def _card(archive: zipfile.ZipFile, path: Path) -> Card:
    try:
        found = json.loads(_member(archive, CARD, path))
        version = int(found["schema_version"])
    except (ValueError, TypeError, KeyError, RecursionError):
        raise PriorError(f"{path} is not a prior file (its card cannot be read); export it again.") from None
    if version > SCHEMA:
        made = str(dict(found.get("versions") or {}).get("emdiff", "unknown"))[:40]
        raise PriorError(
            f"{path} was written by a newer EMDiff ({made}, format {version}) than this one ({__version__}, "
            f"format {SCHEMA}); update EMDiff to use it."
        )
    try:
        return Card.model_validate(found)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise PriorError(f"{path} has a card that cannot be used ({where}: {first['msg']}).") from None


def _member(archive: zipfile.ZipFile, name: str, path: Path) -> bytes:
    """One member, never more of it than its limit, whatever the zip promises."""
    try:
        info = archive.getinfo(name)
        if info.file_size > LIMITS[name]:
            raise PriorError(f"{path}: {name} is too large for a prior; the file is not trusted.")
        with archive.open(info) as member:
            data = member.read(LIMITS[name] + 1)
    except KeyError:
        raise PriorError(f"{path} is not a prior file ({name} is missing); export it again.") from None
    except (OSError, zipfile.BadZipFile, EOFError, RuntimeError, NotImplementedError, ValueError):
        raise PriorError(f"{path} is damaged ({name} cannot be read); copy it again.") from None
    if len(data) > LIMITS[name]:
        raise PriorError(f"{path}: {name} is too large for a prior; the file is not trusted.")
    return data


def _page(card: Card) -> str:
    made = card.training
    return (
        f"# {card.name or 'A learned image prior'}\n\n"
        "This file was made by EMDiff. It holds a learned image model: use it to restore images of the same kind "
        "with `emdiff restore IMAGES --prior THIS --out FOLDER`.\n\n"
        f"- Learned from {len(made.images)} stack(s), {made.crops} crops, {made.rounds} round(s).\n"
        f"- Author: {card.author or 'not given'}. Licence: {card.licence or 'not given'}.\n"
    )

"""Priors taken apart and put together again, as a careless or hostile stranger might."""

import hashlib
import io
import json
import zipfile

import numpy as np
import torch

from emdiff_app.images import IntensityScale
from emdiff_app.physics import ImagingModel
from emdiff_app.priors import Card, Training, write_prior
from emdiff_app.priors.architectures import UNetArguments
from emdiff_app.priors.weights import build

CARD, WEIGHTS, IMAGES = "prior.json", "model.safetensors", "images.safetensors"
BEAD = np.exp(-np.square(np.mgrid[-3:4, -3:4]).sum(0) / 4).astype(np.float32)
BLURRED = ImagingModel.model_validate(
    {
        "operator": [{"kind": "blur", "psf": {"kind": "image", "path": "bead.tif", "pixel_size_um": 0.1}}],
        "noise": {"kind": "gaussian", "sigma": 7.0},
    }
)


def make_prior(seed=0):
    """A network of ten thousand weights, none of them zero."""
    prior = build(UNetArguments(channels=1, widths=(4, 8), down=(1, 1), up=(1,)), 0.25, 0.1, "tiny")
    generator = torch.Generator().manual_seed(seed)
    for weight in prior.parameters():
        weight.data.normal_(std=0.3, generator=generator)
    return prior.eval().requires_grad_(False)


def make_card(prior, **fields):
    usual = {
        "size": prior.size,
        "channels": prior.channels,
        "sigma_data": prior.sigma_data,
        "mean": prior.mean,
        "scale": IntensityScale(offset=100, gain=55.5),
        "pixel_size_um": {"Y": 0.1, "X": 0.1},
        "model": BLURRED.enclosing({"bead.tif": BEAD}),
        "training": Training(images=("cells.tif",), crops=64, rounds=2, held_out=(1.0, 1.5)),
        "author": "A. Colleague",
        "licence": "CC-BY-4.0",
    }
    return Card(**{**usual, **fields})


def make_file(path):
    """A complete prior at `path`, with a PSF and a preview."""
    prior = make_prior()
    write_prior(path, prior, make_card(prior), preview=np.arange(256, dtype=np.uint8).reshape(16, 16))
    return path


def taken_apart(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def put_together(members, compression=zipfile.ZIP_STORED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def with_card(members, **fields):
    """The card with other fields; a field that is `None` is left out."""
    card = {**json.loads(members[CARD]), **fields}
    card = {name: value for name, value in card.items() if value is not None}
    return {**members, CARD: json.dumps(card).encode()}


def signed(members):
    """The checksums made right, as whoever changes a file on purpose would."""
    sums = {name: hashlib.sha256(data).hexdigest() for name, data in members.items() if name != CARD}
    return with_card(members, sha256=sums)


def with_header(members, change, name=WEIGHTS):
    """The safetensors header as `change(header)` makes it, a dictionary or bytes; checksums are right."""
    length = int.from_bytes(members[name][:8], "little")
    header, rest = members[name][8 : 8 + length], members[name][8 + length :]
    changed = change(json.loads(header))
    changed = changed if isinstance(changed, bytes) else json.dumps(changed).encode()
    return signed({**members, name: len(changed).to_bytes(8, "little") + changed + rest})

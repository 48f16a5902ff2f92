"""A prior as a file: what comes back, and what is refused."""

import json
import zipfile

import pytest
import torch

from emdiff_app.diffusion import LearnedPrior
from emdiff_app.errors import PriorError
from emdiff_app.images import IntensityScale
from emdiff_app.physics import GaussianNoise, ImagingModel
from emdiff_app.priors import Card, Training, read_card, read_prior, write_prior


@pytest.fixture
def written(tmp_path):
    prior = LearnedPrior("tiny", 1, 0.25, 0.1)
    torch.nn.init.normal_(prior.network.head.weight)
    card = Card(
        size="tiny",
        channels=1,
        sigma_data=0.25,
        mean=0.1,
        scale=IntensityScale(offset=100, gain=55.5),
        model=ImagingModel(noise=GaussianNoise(sigma=7.0)),
        training=Training(images=("cells.tif",), crops=64, rounds=2, held_out=(1.0, 1.5)),
        author="A. Colleague",
        licence="CC-BY-4.0",
    )
    path = tmp_path / "cells.emprior"
    write_prior(path, prior, card)
    return path, prior, card


def rewritten(path, change):
    """The same file with `change(members)` applied, as somebody else might have made it."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def edited_card(path, **fields):
    def change(members):
        members["prior.json"] = json.dumps({**json.loads(members["prior.json"]), **fields}).encode()

    rewritten(path, change)


def test_a_prior_comes_back_as_it_was(written):
    path, prior, card = written
    again, found = read_prior(path)
    x = torch.randn(1, 1, 20, 20)
    torch.testing.assert_close(again.denoise(x, 0.3), prior.denoise(x, 0.3))
    for name in ("scale", "model", "training", "author", "licence"):
        assert getattr(found, name) == getattr(card, name)
    assert "torch" in found.versions
    assert read_card(path) == found


def test_the_file_explains_itself_and_holds_no_pickle(written):
    with zipfile.ZipFile(written[0]) as archive:
        assert set(archive.namelist()) == {"prior.json", "model.safetensors", "README.md"}
        assert "emdiff restore" in archive.read("README.md").decode()


def test_a_prior_from_a_newer_program_is_refused_by_both_versions(written):
    edited_card(written[0], schema_version=7, versions={"emdiff": "9.1"})
    with pytest.raises(PriorError, match=r"newer EMDiff \(9\.1, format 7\).*update"):
        read_prior(written[0])


def test_a_changed_weight_is_noticed(written):
    def change(members):
        data = bytearray(members["model.safetensors"])
        data[-3] ^= 1
        members["model.safetensors"] = bytes(data)

    rewritten(written[0], change)
    with pytest.raises(PriorError, match="checksum"):
        read_prior(written[0])


@pytest.mark.parametrize("keep", [0, 10, 1000, 100_000])
def test_half_a_file_is_refused_in_a_sentence(written, keep):
    path = written[0]
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(PriorError, match="again"):
        read_prior(path)


@pytest.mark.parametrize(
    "fields",
    [
        {"size": "colossal"},
        {"channels": 10**9},
        {"sigma_data": -1},
        {"scale": {"offset": 0, "gain": 0}},
        {"model": {"noise": {"kind": "psychic"}}},
        {"schema_version": "one"},
        {"architecture": "other-net"},
    ],
)
def test_a_card_that_makes_no_sense_is_refused(written, fields):
    edited_card(written[0], **fields)
    with pytest.raises(PriorError):
        read_prior(written[0])


def test_a_zip_bomb_is_not_unpacked(written):
    path = written[0]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("prior.json", b" " * (32 << 20))
    with pytest.raises(PriorError, match="too large"):
        read_card(path)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(PriorError, match="does not exist"):
        read_prior(tmp_path / "none.emprior")

"""Priors of every format so far: they open, and the network computes what it did when they were made."""

import numpy as np
import pytest
import torch

from emdiff_app.errors import EMDiffError
from emdiff_app.images import PixelSize
from emdiff_app.priors import read_preview, read_prior, verify_prior
from emdiff_app.priors.architectures import KNOWN
from emdiff_app.priors.card import SCHEMA
from emdiff_app.priors.golden import answers, make_golden
from emdiff_app.resources import resource_path

try:
    GOLDEN = sorted(resource_path("golden").glob("*.emprior"))
except EMDiffError:
    GOLDEN = []


def test_there_is_one_for_the_present_format_and_every_network():
    names = {path.stem.rpartition("-")[0] for path in GOLDEN}
    assert any(name.startswith(f"v{SCHEMA}-") for name in names)
    assert {f"{name}-{version}" for name, version in KNOWN} <= {name.split("-", 1)[1] for name in names}


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_it_still_computes_the_same(path):
    prior, card = read_prior(path)
    with np.load(path.with_suffix(".npz"), allow_pickle=False) as expected:
        found = answers(prior)
        assert found.keys() == set(expected)
        for name, answer in found.items():
            assert expected[name].std() > 0.1  # a network of zeros would prove nothing
            torch.testing.assert_close(answer, torch.from_numpy(expected[name]), atol=1e-4, rtol=1e-4)
    assert (card.name, card.author, card.licence) == ("Golden", "EMDiff developers", "CC0-1.0")
    assert card.training.held_out == (-1.25, -1.5)
    assert card.scale.gain == 55.5
    assert read_preview(path)
    verify_prior(path)


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_its_imaging_model_still_blurs(path):
    here = {axis: PixelSize(0.1, "um") for axis in "YX"}
    imaging = read_prior(path)[1].model.bind((21, 21), pixel_size=here)
    point = torch.zeros(1, 1, *imaging.domain)
    middle = tuple(side // 2 for side in imaging.domain)
    point[0, 0, middle[0], middle[1]] = 1
    blurred = imaging.apply(point)[0, 0]
    assert float(blurred.sum()) == pytest.approx(1, abs=1e-4)
    # The bead falls off as exp(-r^2 / 4), less its background at the border.
    assert float(blurred[10, 11] / blurred[10, 10]) == pytest.approx(np.exp(-1 / 4), rel=0.05)
    assert float(blurred[10, 13] / blurred[10, 10]) == pytest.approx(np.exp(-9 / 4), rel=0.1)


def test_a_golden_file_is_made_once(tmp_path):
    paths = make_golden(tmp_path)
    before = [path.read_bytes() for path in paths]
    assert len(paths) == 2
    assert make_golden(tmp_path) == []
    assert [path.read_bytes() for path in paths] == before

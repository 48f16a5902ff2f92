"""LPIPS and FID: computed where library and weights are there, in words where not, and nowhere else imported."""

import subprocess
import sys
import types

import pytest
import torch
from torch import nn

from emdiff_app.benchmarks._common import perceptual
from emdiff_app.physics.random import generator_of

IMAGES = torch.rand(4, 1, 16, 16, generator=generator_of(1))


class StandIn(nn.Module):
    """LPIPS in two layers: slices that keep the numbers of AlexNet's layers."""

    def __init__(self, net, pnet_rand, verbose):
        super().__init__()
        assert pnet_rand  # otherwise the true one downloads its weights
        self.net = nn.Module()
        self.net.slice1 = nn.Sequential()
        self.net.slice1.add_module("0", nn.Conv2d(3, 4, 3))
        self.net.slice2 = nn.Sequential()
        self.net.slice2.add_module("3", nn.Conv2d(4, 4, 3))
        self.net.requires_grad_(False)

    def forward(self, a, b):
        assert a.shape[1] == 3
        assert -1 <= float(a.min()) <= float(a.max()) <= 1
        features = [self.net.slice2(self.net.slice1(x)) for x in (a, b)]
        return (features[0] - features[1]).square().mean((1, 2, 3), keepdim=True)


@pytest.fixture
def weights(tmp_path):
    state = {
        f"features.{n}.{kind}": torch.ones(shape)
        for n, channels in ((0, 3), (3, 4))
        for kind, shape in (("weight", (4, channels, 3, 3)), ("bias", (4,)))
    }
    torch.save({**state, "classifier.1.weight": torch.ones(2, 2)}, tmp_path / perceptual.ALEXNET)
    (tmp_path / perceptual.INCEPTION).write_bytes(b"weights")
    return tmp_path


@pytest.fixture(autouse=True)
def _nothing_at_home(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "none"))


def test_lpips_takes_its_weights_from_the_folder_that_is_named(weights, monkeypatch):
    monkeypatch.setitem(sys.modules, "lpips", types.SimpleNamespace(LPIPS=StandIn))
    near, far = (perceptual.lpips(IMAGES + e, IMAGES, weights) for e in (0.01, 0.1))
    assert perceptual.lpips(IMAGES, IMAGES, weights) == 0
    assert 0 < near < far
    # All weights are one, so the features differ by sums over 3 x 9 and then 4 x 9 values.
    flat = torch.full((1, 1, 16, 16), 0.25)
    assert perceptual.lpips(flat + 0.5, flat, weights) == pytest.approx((27 * 36) ** 2, rel=1e-4)


def test_fid_is_asked_for_pictures_of_8_bits_and_the_named_weights(weights, monkeypatch):
    asked = {}

    def calculate_metrics(**arguments):
        asked.update(arguments)
        return {"frechet_inception_distance": 12.5}

    monkeypatch.setitem(
        sys.modules, "torch_fidelity", types.SimpleNamespace(calculate_metrics=calculate_metrics)
    )
    assert perceptual.fid(IMAGES, IMAGES, weights) == 12.5
    pictures = asked["input1"]
    assert isinstance(pictures, torch.utils.data.Dataset)
    assert len(pictures) == 4
    assert pictures[0].dtype == torch.uint8
    assert pictures[0].shape == (3, 16, 16)
    assert asked["feature_extractor_weights_path"] == str(weights / perceptual.INCEPTION)


@pytest.mark.parametrize(("metric", "library"), [("lpips", "lpips"), ("fid", "torch_fidelity")])
class TestSaysInWords:
    def test_without_the_library(self, metric, library, weights, monkeypatch):
        monkeypatch.setitem(sys.modules, library, None)
        monkeypatch.delitem(sys.modules, library)
        monkeypatch.setattr(sys, "path", [])
        said = getattr(perceptual, metric)(IMAGES, IMAGES, weights)
        assert said.startswith("not measured: ")
        assert "`metrics`" in said

    def test_without_its_weights(self, metric, library, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, library, types.SimpleNamespace())
        said = getattr(perceptual, metric)(IMAGES, IMAGES, tmp_path)
        assert said.startswith("not measured: ")
        assert "weights=FOLDER" in said

    def test_with_a_library_that_does_not_fit_this_torch(self, metric, library, weights, monkeypatch):
        folder = weights / "site"
        folder.mkdir()
        broken = "raise RuntimeError('operator torchvision::nms does not exist\\nand more')"
        (folder / f"{library}.py").write_text(broken)
        monkeypatch.delitem(sys.modules, library, raising=False)
        monkeypatch.syspath_prepend(folder)
        said = getattr(perceptual, metric)(IMAGES, IMAGES, weights)
        assert said.startswith("not measured: ")
        assert "torchvision::nms" in said
        assert "\n" not in said


def test_they_are_not_imported_in_normal_use():
    code = (
        "import sys, emdiff_app.benchmarks.samplers, emdiff_app.posterior\n"
        "assert not {'lpips', 'torch_fidelity', 'torchvision'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

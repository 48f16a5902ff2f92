"""Under blur and noise a run denoises first: it begins far nearer to the truth than with samples of a Gaussian."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tiny_runs import make_run, same_weights, told

from emdiff_app.images import PixelSize, open_stack, save_stack, stack_from_array
from emdiff_app.learning import learn
from emdiff_app.learning.crops.places import draw_places
from emdiff_app.learning.runs.samples import Samples
from emdiff_app.physics.example import draw_cells, example_model
from emdiff_app.priors import read_prior

SIZE = {axis: PixelSize(0.1) for axis in "YX"}
PLANES, SIDE, CROP = 6, 128, 48
CHANGES = {"crop": CROP, "crops": 32, "batch": 8, "denoising_steps": 150, "steps": 2, "first_steps": 2}


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    """Recorded planes, and the truth on the imaging model's domain."""
    torch.set_num_threads(1)
    imaging = example_model().bind((SIDE, SIDE), pixel_size=SIZE)
    rng = np.random.default_rng(3)
    wide = np.stack([draw_cells(rng, imaging.domain[0]) for _ in range(PLANES)])
    x = torch.from_numpy((wide * 2 + 100).astype(np.float32))[:, None]
    path = tmp_path_factory.mktemp("cells") / "cells.tif"
    save_stack(stack_from_array(imaging.simulate(x, 1)[:, 0].numpy(), "TYX", pixel_size=SIZE), path)
    return path, x


@pytest.fixture
def first_error(cells, tmp_path, monkeypatch):
    """How far what round 0 of a run draws is from the truth of the same crops, mean square in recorded units."""
    path, x = cells
    monkeypatch.setattr(Samples, "forget", lambda self, before: None)

    def measured(start):
        run = make_run(tmp_path, start, stacks=(str(path),), model=example_model(), start=start, **CHANGES)
        assert learn(run), told(run)[-1]
        drawn = torch.cat(
            [load_file(file)["x"] for file in sorted(run.path.glob("samples/round-0000/*.safetensors"))]
        )
        margin, own = (x.shape[-1] - SIDE) // 2, (drawn.shape[-1] - CROP) // 2
        _, places = draw_places([open_stack(path)], CROP, 1, CHANGES["crops"], 0)
        rows = [(p.index[0], margin + p.row, margin + p.column) for p in places]
        truth = torch.stack([x[t, :, r : r + CROP, c : c + CROP] for t, r, c in rows])
        made = read_prior(run.prior)[1].scale.inverse(drawn[..., own : own + CROP, own : own + CROP])
        assert made.shape == truth.shape
        return float((made - truth).square().mean())

    return measured


def test_denoised_images_are_a_far_better_start_than_a_gaussian(first_error):
    assert first_error("denoised") < 0.7 * first_error("gaussian")


def test_it_is_what_a_run_under_blur_begins_with_and_goes_on_from_anywhere(cells, tmp_path, monkeypatch):
    """Stopped in the middle of denoising, and in the draws after it."""
    path, _ = cells
    few = {**CHANGES, "denoising_steps": 6, "denoised_rounds": 1, "rounds": 2, "save_every_s": 0.0}
    whole = make_run(tmp_path, "whole", stacks=(str(path),), model=example_model(), **few)
    assert learn(whole), told(whole)[-1]
    torn = make_run(tmp_path, "torn", stacks=(str(path),), model=example_model(), **few)
    for stop_after in (3, 8, 12):
        count = 0

        def stop(event, most=stop_after):
            nonlocal count
            count += event.kind == "progress"
            if count == most:
                torn.ask("stop")

        learn(torn, on_event=stop)
    assert learn(torn), told(torn)[-1]
    assert same_weights(whole, torn)

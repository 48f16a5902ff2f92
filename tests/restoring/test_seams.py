"""No seams: whatever the size of tiles and blocks, the same seed gives the same images."""

import numpy as np
import pytest
from restoring_tools import BLUR, BLURRED, NOISE, SCALE, gaussian_prior, small_prior, stack_of, write_small

from emdiff_app.errors import EMDiffError
from emdiff_app.images import open_stack
from emdiff_app.physics import ImagingModel
from emdiff_app.restoring import KnownPrior, blocks, known_prior, restore, working

TILES = (32, 36, 44, 52, 60)
EDGES = {"noise": NOISE, "blur": BLURRED}
NEAR = {"noise": 0.02, "blur": 0.01}
"""Correlated noise is made on a torus, whose far side differs a little: most for random weights."""


def constant(side):
    return np.full((side, side), 200.0)


def ramp(side):
    return np.linspace(120, 300, side)[:, None] + np.linspace(0, 60, side)


IMAGES = {"constant": constant, "ramp": ramp}


def noisy(image):
    return stack_of(image + np.random.default_rng(0).normal(0, 15, image.shape), "YX")


@pytest.fixture(scope="module")
def prior(tmp_path_factory):
    """The prior, read once: how unsure it is need not be measured again."""
    return known_prior(write_small(tmp_path_factory.mktemp("prior") / "p.emprior"))


@pytest.fixture
def in_blocks(monkeypatch):
    """Restore in blocks of at most so many pixels, margins included."""

    def cut(pixels):
        monkeypatch.setattr(blocks.Budget, "state_pixels", lambda self, each: pixels)

    return cut


def differ(one, other):
    """The largest difference of two restorations, in their spread."""
    spread = one.spread.numpy().mean()
    return max(
        np.abs(a.numpy() - b.numpy()).max() / spread
        for a, b in zip(one.results.values(), other.results.values(), strict=True)
    )


@pytest.mark.parametrize("model", EDGES)
@pytest.mark.parametrize("kind", IMAGES)
def test_five_tile_sizes_give_one_result(prior, kind, model):
    stack = noisy(IMAGES[kind](85))
    options = {"samples": 2, "steps": 2, "write": ("mean", "spread", "sample")}
    made = [restore(stack, prior, EDGES[model], tile=tile, **options) for tile in TILES]
    assert max(differ(made[0], other) for other in made[1:]) < 0.01


def test_five_tile_sizes_give_one_estimate_of_a_real_image(prior, shared_data):
    with open_stack(next((shared_data / "live_mito_u16").rglob("*.tif"))) as real:
        plane = next(real.plane_indices())
        array = real.region(plane, slice(0, 150), slice(0, 130)).astype(np.float32)
    scaled = 100 + 200 * (array - array.min()) / np.ptp(array)
    made = [restore(stack_of(scaled, "YX"), prior, tile=tile) for tile in TILES]
    assert max(differ(made[0], other) for other in made[1:]) < 0.01


@pytest.mark.parametrize("model", EDGES)
def test_blocks_agree_with_the_whole(in_blocks, model):
    """Each has its own data step; what it does not see is further away than it matters."""
    prior = small_prior()
    given = ImagingModel.model_validate(
        {"operator": EDGES[model].operator, "noise": {"kind": "gaussian", "sigma": 0.1}}
    )
    image = 0.5 + 0.3 * np.sin(np.arange(144) / 7)[:, None] * np.cos(np.arange(144) / 9)
    stack = stack_of(image + np.random.default_rng(0).normal(0, 0.1, image.shape), "YX")
    options = {"samples": 2, "steps": 6, "write": ("mean", "spread", "sample")}
    whole = restore(stack, prior, given, **options)
    in_blocks(120**2)
    parts = restore(stack, prior, given, **options)
    spread = whole.spread.numpy().mean()
    for name in ("mean", "sample"):
        difference = parts.results[name].numpy() - whole.results[name].numpy()
        assert np.sqrt((difference**2).mean()) < NEAR[model] * spread
    assert parts.agreement.pixels == whole.agreement.pixels
    assert parts.chi2 == pytest.approx(whole.chi2, rel=0.02)


def test_slices_of_a_volume_are_worked_on_in_parts(in_blocks):
    prior = small_prior(neighbours=1)
    model = ImagingModel.model_validate({"noise": {"kind": "gaussian", "sigma": 0.1}})
    volume = 0.5 + 0.3 * np.random.default_rng(0).random((16, 32, 36))
    options = {"samples": 2, "steps": 4, "write": ("mean", "spread", "sample")}
    whole = restore(stack_of(volume), prior, model, **options)
    in_blocks(11 * 32 * 36)
    told = []
    parts = restore(stack_of(volume), prior, model, on_progress=told.append, **options)
    assert len({p.plane for p in told}) > 4
    assert differ(whole, parts) < 0.01


def test_a_closed_form_and_an_image_that_wraps_around_are_never_cut(in_blocks):
    in_blocks(40 * 40)
    stack = stack_of(np.random.default_rng(0).normal(0.5, 0.3, (64, 64)), "YX")
    noise = {"kind": "gaussian", "sigma": 0.1}
    around = ImagingModel.model_validate({"operator": [{**BLUR, "boundary": "periodic"}], "noise": noise})
    for prior, model in ((gaussian_prior(), {"noise": noise}), (small_prior(), around)):
        steps = []
        restore(stack, prior, model, samples=1, steps=2, on_progress=steps.append)
        assert [p.steps for p in steps[:-1]] == [2, 2]


def test_where_memory_runs_out_parts_become_smaller_and_it_is_said(prior, monkeypatch):
    """As on a graphics card: any image of more than so many pixels does not fit."""
    honest = working.Work._sampled

    def sampled(self, numbers):
        if len(numbers) * self.cut.pixels > 125**2:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return honest(self, numbers)

    stack = noisy(ramp(128))
    usual = restore(stack, prior, samples=2, steps=4)
    monkeypatch.setattr(working.Work, "_sampled", sampled)
    made = restore(stack, prior, samples=2, steps=4)
    difference = np.abs(made.mean.numpy() - usual.mean.numpy()).mean()
    assert difference < 0.05 * usual.spread.numpy().mean()
    assert "Memory ran out" in made.sentences[-1]


def short_of_memory(monkeypatch, most):
    """As on a graphics card: any image of more than so many pixels does not fit. Gives what was tried."""
    honest, tried = working.Work._sampled, []

    def sampled(self, numbers):
        tried.append(len(numbers) * self.cut.pixels)
        if tried[-1] > most:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return honest(self, numbers)

    monkeypatch.setattr(working.Work, "_sampled", sampled)
    return tried


def test_volumes_become_smaller_too_where_memory_runs_out(monkeypatch):
    """In parts of fewer slices and rows; the next volume begins with those."""
    light = 150 + 60 * np.sin(np.arange(200) / 9)[:, None] * np.cos(np.arange(40) / 7)
    volumes = stack_of(light + np.random.default_rng(0).normal(0, 15, (2, 12, 200, 40)), "TZYX")
    known = KnownPrior(small_prior(neighbours=1), SCALE, NOISE)
    options = {"samples": 1, "steps": 2, "write": ("sample",)}
    usual = restore(volumes, known, **options)
    tried = short_of_memory(monkeypatch, 45_000)
    made = restore(volumes, known, **options)
    one, other = (done.results["sample"].numpy() for done in (usual, made))
    assert np.sqrt(((one - other) ** 2).mean()) < 0.05 * one.std()
    assert made.agreement.pixels == usual.agreement.pixels
    assert "Memory ran out" in made.sentences[-1]
    assert [pixels for pixels in tried if pixels > 45_000] == [12 * 200 * 40]


def test_what_cannot_become_smaller_says_so_at_once(monkeypatch):
    tried = short_of_memory(monkeypatch, 1000)
    volume = stack_of(np.random.default_rng(0).normal(0.5, 0.3, (8, 64, 64)))
    noise = {"kind": "gaussian", "sigma": 0.1}
    around = ImagingModel.model_validate({"operator": [{**BLUR, "boundary": "periodic"}], "noise": noise})
    with pytest.raises(EMDiffError, match="Memory ran out, and cells cannot be restored in smaller parts"):
        restore(volume, small_prior(neighbours=1), around, samples=1, steps=2)
    assert len(tried) == 1


def test_results_of_a_plane_that_take_more_than_was_allowed_are_said(prior):
    stack, options = noisy(ramp(64)), {"samples": 40, "steps": 1}
    some, all_of_them = (
        restore(stack, prior, write=(word,), memory_gb=0.0005, **options) for word in ("mean", "samples")
    )
    assert any("40 results of one plane take" in said for said in all_of_them.sentences)
    assert not any("of one plane take" in said for said in some.sentences)


def test_results_that_wait_for_their_plane_take_room_too():
    room = [
        blocks.bytes_each(small_prior(), samples=8, gradients=False, finer=4, results=n) for n in (1, 101)
    ]
    assert room[1] - room[0] == 100 * 4 * 4


def test_samples_do_not_depend_on_how_many_are_drawn_at_once(prior, in_blocks):
    stack = noisy(ramp(64))
    options = {"samples": 3, "steps": 3, "write": ("mean", "spread", "samples")}
    together = restore(stack, prior, BLURRED, **options)
    in_blocks(64 * 64)
    one_by_one = restore(stack, prior, BLURRED, **options)
    assert differ(together, one_by_one) < 0.01


@pytest.mark.parametrize(
    ("field", "pixels", "margins"), [((200, 300), 100**2, (20, 24)), ((30, 90, 80), 9e4, (2, 8, 8))]
)
def test_blocks_cover_the_field_once_and_see_beyond_their_core(field, pixels, margins):
    counted = np.zeros(field, int)
    for cut in blocks.cut_up(field, int(pixels), margins, 4):
        counted[cut.core] += 1
        assert all(b.start % 4 == 0 for b in cut.block[-2:])
        for core, block, margin, n in zip(cut.core, cut.block, margins, field, strict=True):
            assert core.start - block.start >= min(margin, core.start)
            assert block.stop - core.stop >= min(margin, n - core.stop)
        assert cut.pixels <= 1.3 * pixels
    assert (counted == 1).all()


# offset and gain ----------------------------------------------------------------------------


def camera(offset, gain, read):
    noise = {"kind": "poisson-gaussian", "offset": offset, "gain": gain, "read_noise": read}
    return ImagingModel.model_validate({"operator": BLURRED.operator, "noise": noise})


def follows(other, one, add, times):
    """The result is as much brighter as the image is, to a thousandth of its range."""
    near = 1e-3 * times * float(np.ptp(one.mean.numpy()))
    np.testing.assert_allclose(other.mean.numpy(), times * one.mean.numpy() + add, rtol=0, atol=near)
    np.testing.assert_allclose(other.spread.numpy(), times * one.spread.numpy(), rtol=0, atol=near)


@pytest.mark.parametrize(("add", "times"), [(250, 1), (0, 3.0), (-40, 0.5)])
def test_another_offset_or_gain_of_the_camera_changes_the_result_accordingly(tmp_path, add, times):
    """The same photons through another camera, and its noise model, give the same clean image."""
    path = write_small(tmp_path / "p.emprior", model=camera(100, 2, 2))
    recorded = noisy(ramp(48)).numpy()
    options = {"samples": 2, "steps": 3}
    one = restore(stack_of(recorded, "YX"), path, **options)
    changed = camera(times * 100 + add, 2 * times, 2 * times)
    other = restore(stack_of(times * recorded + add, "YX"), path, changed, **options)
    follows(other, one, add, times)


@pytest.mark.parametrize(("add", "times"), [(1000, 1), (0, 7.0)])
def test_intensities_of_the_image_itself_stand_for_those_of_the_prior(prior, add, times):
    recorded = noisy(ramp(64)).numpy()
    one, other = (
        restore(stack_of(image, "YX"), prior, intensities="image")
        for image in (recorded, times * recorded + add)
    )
    follows(other, one, add, times)

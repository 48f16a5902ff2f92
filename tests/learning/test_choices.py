"""Choices that do not go together, or that there are none of: said in one sentence before anything is computed."""

import numpy as np
import pytest
import torch
from tiny_runs import CAMERA as TINY_CAMERA
from tiny_runs import GAUSSIAN, TINY, make_run, told, write_spots

import emdiff_app
from emdiff_app.diffusion.device import device_for
from emdiff_app.errors import EMDiffError, RunError
from emdiff_app.images import PixelSize, open_stack, save_stack, stack_from_array
from emdiff_app.learning import Recipe, RunFolder, events, learn
from emdiff_app.learning.crops.opening import open_clean
from emdiff_app.learning.preparing import prepare
from emdiff_app.learning.runs.control import NoControl
from emdiff_app.learning.runs.samples import Samples
from emdiff_app.learning.steps.start import clean_images
from emdiff_app.learning.team import Alone
from emdiff_app.physics import GaussianNoise, ImagingModel
from emdiff_app.priors import read_card

WHITE = {"kind": "gaussian", "sigma": 5.0}
CAMERA = {"kind": "poisson-gaussian", "offset": 0, "gain": 2, "read_noise": 2}
BLUR = {"kind": "blur", "psf": {"kind": "gaussian", "sigma_px": 1.0, "shape": [5, 5]}}
HOLES = {"kind": "mask", "missing": 0.3}


@pytest.mark.parametrize(
    ("operators", "noise", "choices", "words"),
    [
        ([], WHITE, {"start": "hidden-pixels"}, "start hidden-pixels needs"),
        ([BLUR], CAMERA, {"start": "hidden-pixels"}, "start hidden-pixels needs"),
        ([BLUR], WHITE, {"start": "one-look"}, "start one-look needs"),
        ([], CAMERA, {"start": "one-look"}, "start one-look needs"),
        ([HOLES], WHITE, {"start": "one-look"}, "start one-look needs"),
        ([HOLES], WHITE, {"anchor": "sure"}, "anchor sure needs every pixel"),
        ([], WHITE, {"sampler": "mmsp"}, "no sampler called 'mmsp'; there are auto"),
        ([BLUR], WHITE, {"sampler": "from-noise"}, "Choose the sampler auto"),
        ([HOLES], WHITE, {"sampler": "from-noise"}, "Choose the sampler auto"),
    ],
)
def test_choices_that_cannot_work_are_refused_before_anything_is_learned(
    tmp_path, operators, noise, choices, words
):
    model = ImagingModel.model_validate({"operator": operators, "noise": noise})
    run = make_run(tmp_path, model=model, **choices)
    assert not learn(run)
    (failed,) = told(run)
    assert failed.kind == "failed"
    assert words in failed.text
    assert not failed.details  # no mistake of ours


@pytest.mark.parametrize(
    ("noise", "choices"),
    [
        (WHITE, {"start": "hidden-pixels", "anchor": "hidden-pixels"}),
        (WHITE, {"start": "one-look", "anchor": "sure"}),
        (CAMERA, {"start": "gaussian", "sampler": "from-noise"}),
    ],
)
def test_unusual_choices_that_work_are_left_to_the_user(tmp_path, noise, choices):
    run = make_run(tmp_path, model=ImagingModel.model_validate({"noise": noise}), **choices)
    assert learn(run), told(run)[-1]
    assert told(run)[-1].kind == "finished"


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ("cuda", "no NVIDIA GPU for the device cuda"),
        ("mps", "no Apple GPU"),
        ("cpu:3", "cpu:3"),
        ("gpu", "There is no device called 'gpu'"),
        ("cuda:first", "There is no device called"),
    ],
)
def test_a_device_that_is_not_there_is_said_to_be_missing(monkeypatch, wish, words):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(EMDiffError, match=words):
        device_for(wish)
    assert device_for("auto") == device_for("cpu") == torch.device("cpu")


def test_learning_in_a_notebook_names_what_is_missing(tmp_path):
    stack = write_spots(tmp_path / "spots.tif")
    with pytest.raises(RunError, match=r"no preset called 'fast'.*quick"):
        emdiff_app.learn(stack, tmp_path / "run", GAUSSIAN, preset="fast")
    with pytest.raises(RunError, match="no images to learn from"):
        emdiff_app.learn([], tmp_path / "run", preset="quick")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("role", ["stacks", "clean", "similar"])
def test_a_colour_image_among_grey_ones_is_named(tmp_path, role):
    grey = [str(write_spots(tmp_path / f"grey{n}.tif", seed=n)) for n in range(2)]
    colour = np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)
    save_stack(stack_from_array(colour, "YXS", name="photo"), tmp_path / "photo.tif")
    odd = str(tmp_path / "photo.tif")
    files = {"stacks": (*grey, odd)} if role == "stacks" else {"stacks": tuple(grey), role: (odd,)}
    run = make_run(tmp_path, **files)
    assert not learn(run)
    (failed,) = told(run)
    assert "photo" in failed.text
    assert "3 colours, and other images have one grey value" in failed.text
    assert not failed.details


def sized(path, size):
    pixels = np.random.default_rng(0).normal(100, 5, (2, 64, 64)).astype(np.float32)
    sizes = {} if size is None else {axis: PixelSize(size) for axis in "YX"}
    stack = stack_from_array(pixels, "ZYX", name=path.stem, pixel_size=sizes)
    save_stack(stack, path)
    return str(path)


@pytest.mark.parametrize(
    ("sizes", "width", "refused"),
    [
        ((0.1, 0.2), {"fwhm_um": 0.3}, True),
        ((0.1, None), {"fwhm_um": 0.3}, True),
        ((0.1, 0.1005), {"fwhm_um": 0.3}, False),
        ((0.1, 0.2), {"fwhm_px": 3.0}, False),
    ],
)
def test_images_of_two_pixel_sizes_do_not_get_one_blur_in_micrometres(tmp_path, sizes, width, refused):
    stacks = [sized(tmp_path / f"cells{n}.tif", size) for n, size in enumerate(sizes)]
    blur = {"kind": "blur", "psf": {"kind": "gaussian", **width}}
    model = ImagingModel.model_validate({"operator": [blur], "noise": WHITE})
    recipe = Recipe(stacks=stacks, model=model, **{**TINY, "crop": 32})
    if not refused:
        assert prepare(recipe, NoControl(), Alone(), Samples(tmp_path), tick=print).work.imaging
        return
    with pytest.raises(RunError, match=r"cells0.* has pixels of 0.1 um and .*cells1") as said:
        prepare(recipe, NoControl(), Alone(), Samples(tmp_path), tick=print)
    assert "stated in micrometres" in str(said.value)


def clean_of(folder, factor, **known):
    """Images of the kind of `write_spots` without noise, in other units perhaps."""
    rng = np.random.default_rng(1)
    spots = (rng.random((2, 64, 64)) > 0.95) * 200.0 + 100
    save_stack(stack_from_array((factor * spots).astype(np.float32), "ZYX", **known), folder / "clean.tif")
    return (str(folder / "clean.tif"),)


@pytest.mark.parametrize("factor", [1 / 100, 1 / 40000, 100.0])
def test_clean_images_in_other_units_are_refused(tmp_path, factor):
    run = make_run(tmp_path, clean=clean_of(tmp_path, factor))
    assert not learn(run)
    assert "other units; nothing was started" in told(run)[-1].text


@pytest.mark.parametrize(("factor", "said"), [(1.0, None), (1.3, None), (6.0, "times as bright as")])
def test_clean_images_that_are_brighter_are_learned_from_and_it_is_said(tmp_path, factor, said):
    run = make_run(tmp_path, clean=clean_of(tmp_path, factor), clean_steps=4)
    assert learn(run)
    notices = [event.text for event in told(run, "notice") if "clean images" in event.text]
    assert len(notices) == (said is not None)
    assert all(said in text for text in notices)


def test_clean_images_of_other_pixels_are_learned_from_and_it_is_said(tmp_path):
    size = {axis: PixelSize(0.05) for axis in "YX"}
    clean = clean_of(tmp_path, 1.0, pixel_size=size)
    run = make_run(tmp_path, clean=clean, clean_steps=4, pixel_size_um=None)
    assert learn(run)
    assert not any("pixels of" in event.text for event in told(run, "notice"))
    write_spots(tmp_path / "spots.tif", pixel_size={axis: PixelSize(0.2) for axis in "YX"})
    run = make_run(tmp_path, "again", clean=clean, clean_steps=4)
    assert learn(run)
    (notice,) = [event.text for event in told(run, "notice") if "pixels of" in event.text]
    assert "0.05" in notice
    assert "0.2" in notice


def test_clean_images_keep_their_own_axes_and_channels_where_those_of_the_others_do_not_fit(tmp_path):
    rng = np.random.default_rng(2)
    both = rng.normal(100, 5, (3, 2, 64, 64)).astype(np.float32) + 50 * (rng.random((3, 2, 64, 64)) > 0.95)
    np.save(tmp_path / "recorded.npy", both)
    np.save(tmp_path / "clean.npy", 50 * (rng.random((64, 64)) > 0.95) + np.float32(100))
    choices = {"stacks": (str(tmp_path / "recorded.npy"),), "axes": "TCYX", "channel": "1"}
    run = make_run(tmp_path, clean=(str(tmp_path / "clean.npy"),), clean_steps=4, **choices)
    assert learn(run), told(run)[-1]
    np.save(tmp_path / "two.npy", both)
    two = make_run(tmp_path, "two", clean=(str(tmp_path / "two.npy"),), clean_steps=4, **choices)
    assert learn(two), told(two)[-1]
    np.save(tmp_path / "clean.npy", both)
    wrong = make_run(tmp_path, "wrong", clean=(str(tmp_path / "clean.npy"),), **choices | {"channel": "0"})
    (tmp_path / "clean.npy").write_bytes(b"no image")
    assert not learn(wrong)
    assert "clean.npy" in told(wrong)[-1].text


def test_clean_images_with_another_camera_offset_are_learned_from_and_it_is_said(tmp_path):
    clean = clean_of(tmp_path, 1.0)
    shifted = np.asarray(open_stack(clean[0]).numpy()) + 2000
    save_stack(stack_from_array(shifted, "ZYX"), tmp_path / "shifted.tif")
    run = make_run(tmp_path, clean=(str(tmp_path / "shifted.tif"),), clean_steps=4)
    assert learn(run)
    (notice,) = [event.text for event in told(run, "notice") if "clean images" in event.text]
    assert "grey levels brighter" in notice
    assert "offset" in notice


@pytest.mark.parametrize(
    ("pixels", "words"), [((2, 8, 8), "smaller than a crop"), ((2, 64, 64), "is constant")]
)
def test_similar_images_that_cannot_be_used_are_named_before_anything_is_done(tmp_path, pixels, words):
    save_stack(stack_from_array(np.full(pixels, 7, np.uint8), "ZYX"), tmp_path / "other.tif")
    run = make_run(tmp_path, similar=(str(tmp_path / "other.tif"),))
    assert not learn(run)
    (failed,) = told(run)
    assert failed.text.startswith("other.tif")
    assert words in failed.text
    assert "nothing was started" in failed.text
    assert run.is_bare


def test_similar_images_keep_each_its_own_scale(tmp_path):
    content = np.random.default_rng(0).random((4, 48, 48))
    for name, most, dtype in (("dim", 255, np.uint8), ("bright", 65535, np.uint16)):
        save_stack(stack_from_array((most * content).astype(dtype), "ZYX"), tmp_path / f"{name}.tif")
    names = tuple(str(tmp_path / f"{name}.tif") for name in ("dim", "bright"))
    recipe = make_run(tmp_path, similar=names).recipe
    work = prepare(recipe, NoControl(), Alone(), Samples(tmp_path), tick=print).work
    spreads = clean_images(work, 0).flatten(1).std(1)
    assert spreads.min() > 0.7 * spreads.max()


@pytest.mark.parametrize("role", ["clean", "similar"])
def test_a_recorded_image_is_not_taken_for_a_clean_one(tmp_path, role):
    run = make_run(tmp_path, **{role: (str(tmp_path / "." / "spots.tif"),)})
    assert not learn(run)
    assert "one of the images to learn from; nothing was started" in told(run)[-1].text


def test_transparency_is_not_learned_as_a_colour(tmp_path):
    save_stack(stack_from_array(np.zeros((64, 64, 4), np.uint8), "YXS"), tmp_path / "photo.tif")
    run = make_run(tmp_path, stacks=(str(tmp_path / "photo.tif"),))
    assert not learn(run)
    assert "transparency" in told(run)[-1].text


def test_a_value_that_is_no_number_ends_a_run_before_it_has_begun(tmp_path):
    pixels = np.random.default_rng(0).normal(100, 5, (2, 64, 64)).astype(np.float32)
    pixels[1, 40, 40] = np.nan
    save_stack(stack_from_array(pixels, "ZYX"), tmp_path / "torn.tif")
    run = make_run(tmp_path, stacks=(str(tmp_path / "torn.tif"),), crops=40, first_share=0.1)
    assert not learn(run)
    assert [event.kind for event in told(run)] == ["failed"]
    assert "torn.tif holds values that are not finite" in told(run)[-1].text


@pytest.mark.parametrize(
    ("sigma", "wrong"), [(5.0, ""), (5000.0, "noise is too strong"), (0.5, "the model is wrong")]
)
def test_a_noise_that_cannot_be_true_is_said_at_the_end_and_on_the_card(tmp_path, sigma, wrong):
    run = make_run(
        tmp_path, model=ImagingModel(noise=GaussianNoise(sigma=sigma)), start="gaussian", anchor="none"
    )
    assert learn(run)
    said = [event.text for event in told(run, "notice") if "chi2" in event.text]
    card = [text for text in read_card(run.prior).training.notices if "chi2" in text]
    assert len(said) == len(card) == bool(wrong)
    assert all(wrong in text for text in said + card)


def test_noises_that_were_measured_in_the_place_of_the_models_are_told(tmp_path):
    rng = np.random.default_rng(0)
    light = rng.random((3, 96, 96)) * 50 + np.linspace(0, 200, 96)
    for number, gain in enumerate((0.5, 1.0, 3.0)):
        recorded = gain * rng.poisson(light).astype(float)
        low, high = recorded.min((1, 2), keepdims=True), recorded.max((1, 2), keepdims=True)
        stretched = ((recorded - low) / (high - low) * 255).astype(np.uint8)
        save_stack(stack_from_array(stretched, "ZYX"), tmp_path / f"stretched{number}.tif")
    names = tuple(str(tmp_path / f"stretched{number}.tif") for number in range(3))
    said = {}
    for answer in ("auto", "no"):
        notices = []
        recipe = make_run(tmp_path, answer, model=TINY_CAMERA, stacks=names, noise_per_image=answer).recipe
        prepared = prepare(recipe, NoControl(), Alone(), Samples(tmp_path), tick=print, notice=notices.append)
        said[answer] = notices
        assert bool(prepared.work.binding.noises) == bool(notices)
    assert "measured in each of the 9" in said["auto"][0]
    assert not said["no"]


def test_what_a_run_was_not_refused_for_when_it_began_does_not_stop_it_later(tmp_path):
    run = make_run(tmp_path, similar=clean_of(tmp_path, 1.0), clean_steps=4)
    assert learn(run)
    save_stack(stack_from_array(np.full((2, 8, 8), 7.0, np.float32), "ZYX"), tmp_path / "small.tif")
    recipe = run.recipe
    assert prepare(recipe, NoControl(), Alone(), Samples(tmp_path), tick=print, begun=True).work
    other = recipe.model_copy(update={"similar": (str(tmp_path / "small.tif"),)})
    assert prepare(other, NoControl(), Alone(), Samples(tmp_path), tick=print, begun=True).work
    with pytest.raises(RunError, match="smaller than a crop"):
        prepare(other, NoControl(), Alone(), Samples(tmp_path), tick=print)


def test_a_refused_run_of_stretched_images_leaves_nothing_in_the_way(tmp_path):
    run = make_run(tmp_path)
    run.writer().write(events.Notice(text="The images have noises of their own."))
    run.writer().write(events.Failed(text="small.tif is too small; nothing was started."))
    assert run.is_bare


def test_a_mostly_dark_similar_image_is_used_and_another_channel_is_not(tmp_path):
    dark = np.zeros((128, 128), np.uint8)
    dark[60:67, 60:67] = 200
    save_stack(stack_from_array(dark, "YX"), tmp_path / "dark.tif")
    recipe = make_run(tmp_path, similar=(str(tmp_path / "dark.tif"),)).recipe
    assert prepare(recipe, NoControl(), Alone(), Samples(tmp_path), tick=print).work
    green = stack_from_array(np.ones((1, 64, 64), np.uint8), "CYX", channels=["GFP"])
    save_stack(green, tmp_path / "green.ome.tif")
    for channel, opened in (("GFP", True), (1, True), ("DAPI", False)):
        wish = recipe.model_copy(update={"channel": channel})
        if opened:
            open_clean(wish, str(tmp_path / "green.ome.tif")).close()
        else:
            with pytest.raises(EMDiffError, match="only one channel"):
                open_clean(wish, str(tmp_path / "green.ome.tif"))


def test_one_name_of_clean_images_is_one_name(tmp_path, monkeypatch):
    (clean,) = clean_of(tmp_path, 1.0)
    stack = write_spots(tmp_path / "spots.tif")
    monkeypatch.chdir(tmp_path)
    choices = {**TINY, "clean_steps": 4, "clean": "clean.tif", "similar": None}
    emdiff_app.learn(stack, "out", GAUSSIAN, **choices)
    assert RunFolder.open(tmp_path / "out").recipe.clean == (clean,)

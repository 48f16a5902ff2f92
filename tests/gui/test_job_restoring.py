"""Restoring in a thread: progress, results, cancel, and failures of every kind."""

import dataclasses
import time
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile

from emdiff_app.errors import EMDiffError
from emdiff_app.gui.host import SAID
from emdiff_app.gui.jobs import JobState
from emdiff_app.gui.model_form import Blur, ModelForm, Noise
from emdiff_app.gui.restoration import Wanted
from emdiff_app.images import PixelSize, open_stack, save_stack, stack_from_array
from emdiff_app.physics import estimate_noise
from emdiff_app.restoring import Cancelled, RestoreProgress
from emdiff_app.restoring.trust import Grade, Reason, Verdict

S = JobState
BLUR = Blur(width=2, unit="px")


@pytest.fixture
def restore(session, host, monkeypatch, tmp_path):
    """Press Restore with `work` in the place of the engine."""
    import emdiff_app.restoring as room

    host.add("cells")
    session.prior = tmp_path / "prior.emprior"
    session.prior.write_bytes(b"x")

    def press(work):
        monkeypatch.setattr(room, "restore", work, raising=False)
        session.restore()

    return press


def honest(stack, prior, model=None, *, samples, write, on_progress, on_results, should_stop, device):
    results = {name: _like(stack) for name in write}
    on_results(results)
    planes = len(list(stack.plane_indices()))
    for plane in range(planes):
        for step in range(4):
            if should_stop():
                raise Cancelled
            on_progress(RestoreProgress(plane, planes, step, 4))
        for made in results.values():
            made.reader.array[plane] = plane + 1
    blurry = Reason(name="sharpness", grade=Grade.CARE, sentence="It is blurry.", action="Measure the PSF.")
    verdict = Verdict(grade=Grade.CARE, reasons=(blurry,))
    return SimpleNamespace(sentences=("It matches your data.",), verdict=verdict, results=results)


def _like(stack):
    return stack_from_array(np.zeros(stack.shape, np.float32), stack.axes, pixel_size=stack.pixel_size)


def endless(stack, prior, model=None, *, write, on_progress, on_results, should_stop, **rest):
    on_results({name: _like(stack) for name in write})
    while not should_stop():
        on_progress(RestoreProgress(0, 3, 0, 4))
        time.sleep(0.005)
    raise Cancelled


def stopped_later(stack, prior, model=None, *, write, on_progress, on_results, **rest):
    on_results({name: _like(stack) for name in write})
    on_progress(RestoreProgress(1, 3, 0, 4))
    raise Cancelled


@pytest.mark.parametrize(
    ("wanted", "kinds"),
    [
        (Wanted(spread=False), ["restored"]),
        (Wanted("average"), ["uncertainty", "restored"]),
        (Wanted("samples", count=3), ["uncertainty", "samples"]),
    ],
)
def test_results_come_as_new_images_of_the_one_restored(session, host, restore, until, wanted, kinds):
    session.wanted = wanted
    restore(honest)
    until(lambda: session.restoring.state is S.DONE)
    assert [result.kind for result in host.results] == kinds
    assert {result.of for result in host.results} == {session.to_restore}
    assert host.results[-1].stack.name == f"cells {kinds[-1]}"
    assert host.whole == {0, 1}.intersection(range(len(kinds)))
    assert session.message.text == "Usable with care: It is blurry."
    assert session.restored_words.reasons == ("It is blurry. Measure the PSF.", "It matches your data.")


def test_results_are_there_before_the_last_plane_is(session, host, restore, until):
    restore(endless)
    until(lambda: bool(host.results))
    assert session.restoring.state is S.RUNNING
    assert all(np.isnan(result.stack.plane((1,))).all() for result in host.results)  # seen through
    session.cancel_restoring()


def test_cancel_ends_it_and_leaves_no_empty_layer(session, host, restore, until):
    restore(endless)
    until(lambda: session.restoring.state is S.RUNNING and bool(host.results))
    session.cancel_restoring()
    until(lambda: session.restoring.state is S.STOPPED)
    assert host.removed == {0, 1}
    assert "cancelled" in session.message.text


def test_planes_that_are_finished_stay_when_it_is_cancelled(session, host, restore, until):
    restore(stopped_later)
    until(lambda: session.restoring.state is S.STOPPED)
    assert host.removed == set()
    assert "1 of 3 planes that are finished stay" in session.message.text


def test_a_folder_is_restored_file_by_file(session, host, until, small_prior, tmp_path):
    (tmp_path / "in").mkdir()
    for name in ("a", "b"):
        tifffile.imwrite(tmp_path / "in" / f"{name}.tif", np.full((40, 40), 100, np.uint16))
    (tmp_path / "in" / "broken.tif").write_bytes(b"no tiff")
    session.prior = small_prior
    session.form = ModelForm(Noise(0, 0, 5))
    session.wanted = Wanted(spread=False)
    session.restore_folder(tmp_path / "in", tmp_path / "out")
    until(lambda: session.restoring.state.ended, 200)
    assert session.restoring.state is S.DONE, session.message
    assert {file.name for file in (tmp_path / "out").iterdir()} == {
        "a-restored.ome.tif",
        "b-restored.ome.tif",
    }
    assert "2 of 3 images are restored" in session.message.text
    assert "broken.tif" in session.message.text


@pytest.mark.parametrize(
    ("form", "kinds"),
    [
        (ModelForm(), None),
        (ModelForm(blur=BLUR), ["blur"]),
        (ModelForm(factor=2, blur=BLUR), ["blur", "downsample"]),
    ],
)
def test_what_went_wrong_counts_before_the_noise_is_known(session, host, restore, until, form, kinds):
    given = []

    def engine(stack, prior, model, **rest):
        given.append(model)
        return honest(stack, prior, **rest)

    session.form = form
    restore(engine)
    until(lambda: session.restoring.state is S.DONE)
    (model,) = given
    if kinds is None:
        assert model is None  # nobody has said anything: the prior's own stands in
    else:
        assert [step.kind for step in model.operator] == kinds
        assert model.noise == estimate_noise(host.refs[0].stack).model


@pytest.fixture
def unexamined(monkeypatch):
    """Without a verdict, which takes the most time."""
    import emdiff_app.restoring as room

    monkeypatch.setattr(room, "examine_if_possible", lambda *_: (None, "There is no verdict."), raising=False)


def test_a_batch_measures_the_noise_of_each_image_where_only_the_blur_is_known(
    session, until, small_prior, tmp_path, unexamined
):
    (tmp_path / "in").mkdir()
    rng = np.random.default_rng(0)
    for name, sigma in (("a", 4), ("b", 12)):
        pixels = 100 + sigma * rng.standard_normal((48, 48))
        tifffile.imwrite(tmp_path / "in" / f"{name}.tif", pixels.astype(np.float32))
    session.prior = small_prior
    session.form = ModelForm(blur=BLUR)
    session.wanted = Wanted(spread=False)
    session.restore_folder(tmp_path / "in", tmp_path / "out")
    until(lambda: session.restoring.state.ended, 200)
    models = []
    for name in "ab":
        with open_stack(tmp_path / "out" / f"{name}-restored.ome.tif") as made:
            models.append(made.extras["provenance"]["imaging_model"])
    assert [[step["kind"] for step in model["operator"]] for model in models] == [["blur"], ["blur"]]
    assert models[0]["noise"] != models[1]["noise"]


@pytest.fixture
def two_channels(tmp_path):
    """A folder with a file of two channels that does not say how large its pixels are."""
    (tmp_path / "in").mkdir()
    pixels = np.random.default_rng(0).normal(100, 5, (2, 40, 40)).astype(np.float32)
    pixels[1] += 50
    save_stack(stack_from_array(pixels, "CYX", channels=["DAPI", "GFP"]), tmp_path / "in" / "a.ome.tif")
    return tmp_path / "in"


@pytest.mark.parametrize("way", ["clean", "other"])
def test_a_batch_takes_channel_and_pixel_size_from_the_image_to_restore(
    session, host, until, small_prior, two_channels, tmp_path, unexamined, way
):
    ref = host.add(extras={SAID: {"pixel_size": {"Y": 0.1, "X": 0.1}}})
    host.refs[0] = dataclasses.replace(ref, channel=1)
    session.look_at_images()
    session.prior = small_prior
    session.form = ModelForm(Noise(0, 0, 5), Blur(width=0.2))  # um
    session.wanted = Wanted(way, spread=False, method="wiener")
    session.restore_folder(two_channels, tmp_path / "out")
    until(lambda: session.restoring.state.ended, 200)
    assert "1 of 1 images are restored" in session.message.text
    (file,) = (tmp_path / "out").glob("*.tif")
    with open_stack(file) as made:
        assert made.axes == "YX"
        assert made.pixel_size["X"] == PixelSize(0.1)
        assert way == "clean" or made.plane().mean() == pytest.approx(150, abs=3)


def test_channels_that_are_restored_alike_are_said(
    session, until, small_prior, two_channels, tmp_path, unexamined
):
    session.prior, session.form = small_prior, ModelForm(Noise(0, 0, 5))
    session.wanted = Wanted(spread=False)
    session.restore_folder(two_channels, tmp_path / "out")
    until(lambda: session.restoring.state.ended, 200)
    (said,) = session.restored_words.reasons
    assert "All 2 channels (DAPI, GFP) were restored with the one prior" in said


def test_a_blur_that_is_not_complete_is_said_before_a_restoration_starts(session, restore):
    session.form = ModelForm(blur=Blur("image"))
    restore(honest)
    assert session.restoring.state is S.IDLE
    assert "No PSF image is chosen" in session.message.text


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (RuntimeError("CUDA out of memory"), "untouched"),
        (MemoryError(), "memory"),
        (EMDiffError("The prior has learned other images."), "The prior has learned other images."),
    ],
)
def test_no_exception_is_swallowed(session, restore, until, error, words):
    def broken(*args, **rest):
        raise error

    restore(broken)
    until(lambda: session.restoring.state is S.FAILED)
    assert words in session.message.text
    assert session.message.level == "error"


def test_without_a_prior_nothing_starts(session, host):
    host.add()
    session.restore()
    assert session.restoring.state is S.IDLE
    assert "prior" in session.message.text


def test_a_restoration_ends_with_its_verdict_and_the_reasons(session, host, until, small_prior):
    pixels = np.random.default_rng(0).normal(100, 5, (96, 96)).astype(np.float32)
    host.add()
    host.refs[0] = dataclasses.replace(host.refs[0], stack=stack_from_array(pixels, "YX", name="cells"))
    session.look_at_images()
    session.prior = small_prior
    session.form = ModelForm(Noise(0, 0, 5))
    session.restore()
    until(lambda: session.restoring.state.ended, 280)
    assert session.restoring.state is S.DONE, session.message
    assert session.restored_words.verdict.startswith(
        "Do not use: The recorded image hardly holds more than noise"
    )
    assert any("expose longer" in reason for reason in session.restored_words.reasons)
    assert session.message.level == "warning"


def test_what_cannot_be_checked_is_restored_without_a_verdict(session, host, restore, until):
    class Unchecked(SimpleNamespace):
        @property
        def verdict(self):
            raise EMDiffError("Its mask is too strange.")

    def strange(stack, prior, model=None, **rest):
        done = honest(stack, prior, model, **rest)
        return Unchecked(sentences=done.sentences, results=done.results)

    restore(strange)
    until(lambda: session.restoring.state is S.DONE)
    assert "no verdict" in session.restored_words.verdict
    assert session.restored_words.reasons[0] == "Its mask is too strange."
    assert len(host.results) == 2

"""From file to file: planes stream through, and whatever happens, finished ones are kept."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
from restoring_tools import NOISE, small_prior, squares, stack_of, write_small

from emdiff_app.benchmarks.io import make_sparse_zarr
from emdiff_app.errors import EMDiffError, StackError
from emdiff_app.images import open_stack, save_stack
from emdiff_app.physics import ImagingModel
from emdiff_app.restoring import Cancelled, Settings, Target, known_prior, prepare, restore, write_restoration
from emdiff_app.restoring.kept import KeptPlanes


@pytest.fixture
def recorded(tmp_path):
    planes = np.rint(squares(5, 32, 36)).astype(np.uint16)
    save_stack(stack_of(planes), tmp_path / "cells.ome.tif")
    return tmp_path / "cells.ome.tif"


@pytest.fixture
def prior(tmp_path):
    return write_small(tmp_path / "p.emprior")


@pytest.fixture
def write(tmp_path, recorded, prior):
    """Restore the file, or a stack in its place; `Target` and options as they are given."""
    known = known_prior(prior)
    (tmp_path / "out").mkdir()

    def run(stack=None, *, ending=".ome.tif", model=None, settings=None, **options):
        stack = open_stack(recorded) if stack is None else stack
        task = prepare(stack, known, model, settings or Settings())
        target = Target(tmp_path / "out", "cells", ending)
        with stack:
            return write_restoration(task, target, **options)

    return run


def unfinished(tmp_path):
    return list((tmp_path / "out").glob("*.unfinished"))


class Failing:
    """A reader that cannot read one of the planes."""

    def __init__(self, reader, at, error):
        self.reader, self.at, self.error, self.seen = reader, at, error, []

    def read(self, index):
        return self.read_region(index, slice(None), slice(None))

    def read_region(self, index, rows, columns):
        self.seen.append(index)
        if index == self.at:
            raise self.error
        return self.reader.read_region(index, rows, columns)

    def close(self):
        self.reader.close()


def failing(recorded, at, error):
    stack = open_stack(recorded)
    return replace(stack, reader=Failing(stack.reader, at, error))


@pytest.mark.parametrize("ending", [".ome.tif", ".zarr"])
def test_results_carry_the_words_of_the_input_and_how_they_were_made(write, recorded, prior, ending):
    done = write(ending=ending, settings=Settings(words=("mean", "spread", "prior-alone"), seed=3))
    in_memory = restore(recorded, prior, seed=3, write=("mean", "spread", "prior-alone"))
    with open_stack(recorded) as given:
        for name, path in done.files.items():
            with open_stack(path) as made:
                assert (made.axes, made.shape, made.pixel_size) == (given.axes, given.shape, given.pixel_size)
                assert made.dtype == np.float32
                np.testing.assert_array_equal(made.numpy(), in_memory.results[name].numpy())
                told = made.extras["provenance"]
                assert told["seed"] == 3
                assert told["method"] == "one look"
                assert told["imaging_model"] == NOISE.model_dump(mode="json", exclude_none=True)
                assert len(told["prior_sha256"]) == 64
                assert {"emdiff", "torch", "numpy", "python"} <= set(told["versions"])
                assert told["chi2"] > 0
    assert not list(path.parent.glob("*.unfinished"))


def test_a_super_resolved_zarr_lies_over_its_input(write):
    model = ImagingModel.model_validate(
        {"operator": [{"kind": "downsample", "factor": 2}], "noise": NOISE.noise}
    )
    done = write(ending=".zarr", model=model, settings=Settings(words=("mean",), samples=2, steps=2))
    with open_stack(done.files["mean"]) as made:
        assert made.shape == (5, 64, 72)
        assert made.pixel_size["X"].value == pytest.approx(0.05)
        assert made.extras["translation"]["X"].value == pytest.approx(-0.025)
        assert made.extras["provenance"]["first_pixel_at"] == {"Y": -0.5, "X": -0.5}


def test_the_same_type_is_rounded_clipped_and_counted(write, prior):
    """A sample of an image of zeros is below zero somewhere, and no whole number without a sign is."""
    dark = stack_of(np.zeros((2, 32, 36), np.uint16))
    settings = Settings(words=("sample", "spread"), samples=2, steps=2)
    done = write(dark, dtype="same", settings=settings)
    sample = restore(dark, prior, samples=2, steps=2, write=("sample", "spread")).results["sample"].numpy()
    lost = int((np.rint(sample) < 0).sum())
    with open_stack(done.files["sample"]) as made, open_stack(done.files["spread"]) as spread:
        assert (made.dtype, spread.dtype) == (np.uint16, np.float32)
        np.testing.assert_array_equal(made.numpy(), np.rint(sample).clip(0))
    assert done.clipped["sample"] == lost > 0
    assert f"{lost} pixels did not fit" in done.sentences[-1]


def restore_mean(stack, recorded):
    return restore(stack, recorded.parent / "p.emprior").mean.numpy()


@pytest.mark.parametrize(
    "error", [StackError("cells: plane 3 is damaged; copy it again."), OSError(5, "I/O error")]
)
def test_a_plane_that_cannot_be_read_loses_nothing(write, tmp_path, recorded, error):
    with pytest.raises(EMDiffError, match="3 planes that are finished are kept"):
        write(failing(recorded, (3,), error))
    (folder,) = unfinished(tmp_path)
    assert len(list(folder.glob("plane-*.npz"))) == 3
    resumed = []
    mended = failing(recorded, None, error)
    done = write(mended, on_resumed=resumed.append)
    assert resumed == [3]
    assert set(mended.reader.seen) == {(3,), (4,)}
    assert not unfinished(tmp_path)
    with open_stack(done.files["mean"]) as made:
        np.testing.assert_array_equal(made.numpy(), restore_mean(open_stack(recorded), recorded))


def test_a_full_disk_loses_nothing(write, tmp_path, recorded, monkeypatch):
    honest, count = np.savez, []

    def full(file, **arrays):
        count.append(1)
        if len(count) == 3:
            file.write(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")
        honest(file, **arrays)

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(StackError, match=r"disk is full.*2 planes that are finished are kept"):
        write()
    assert not list((tmp_path / "out").glob("*.tif"))
    done = write()
    assert len(count) == 3 + 3
    with open_stack(done.files["mean"]) as made:
        np.testing.assert_array_equal(made.numpy(), restore_mean(open_stack(recorded), recorded))


def test_a_full_disk_at_the_very_end_keeps_every_plane(write, tmp_path, monkeypatch):
    from emdiff_app.restoring import writing

    def full(*_, **__):
        raise StackError("cells-restored.ome.tif could not be written because the disk is full.")

    with monkeypatch.context() as patched:
        patched.setattr(writing, "save_stack", full)
        with pytest.raises(StackError, match="5 planes that are finished are kept"):
            write()
    resumed = []
    write(on_resumed=resumed.append)
    assert resumed == [5]


def test_what_does_not_fit_on_the_disk_is_not_begun(write, tmp_path, monkeypatch):
    from emdiff_app.restoring import writing

    monkeypatch.setattr(writing.shutil, "disk_usage", lambda path: type("Disk", (), {"free": 1000})())
    with pytest.raises(StackError, match=r"needs .* GB"):
        write()


def test_cancelling_keeps_finished_planes(write, tmp_path):
    told = []
    with pytest.raises(Cancelled):
        write(on_progress=told.append, should_stop=lambda: len(told) >= 2)
    resumed = []
    write(on_resumed=resumed.append)
    assert resumed == [2]


def test_planes_made_with_other_settings_are_not_taken_over(write, tmp_path, recorded):
    with pytest.raises(EMDiffError):
        write(failing(recorded, (3,), StackError("damaged")))
    resumed = []
    write(settings=Settings(seed=1, samples=2, steps=2), on_resumed=resumed.append)
    assert resumed == []
    assert len(unfinished(tmp_path)) == 1  # those of the first stay, for its own command


def test_planes_of_another_channel_are_not_taken_over(write):
    """Nothing but the number tells the channels of a file without names apart."""

    def channel(number, at=None):
        one = stack_of(np.zeros((2, 3, 32, 36), np.uint16), "CZYX").channel(number)
        return replace(one, reader=Failing(one.reader, at, StackError("damaged")))

    with pytest.raises(EMDiffError):
        write(channel(0, at=(2,)))
    resumed = []
    write(channel(1), on_resumed=resumed.append)
    assert resumed == []


def test_results_are_not_overwritten_without_asking(write, tmp_path):
    done = write()
    before = done.files["mean"].read_bytes()
    with pytest.raises(StackError, match="already exists"):
        write(settings=Settings(seed=5))
    assert done.files["mean"].read_bytes() == before
    write(settings=Settings(seed=5), overwrite=True)


def test_a_strangers_folder_is_left_alone(tmp_path):
    folder = tmp_path / "x.unfinished"
    folder.mkdir()
    (folder / "thesis.txt").write_text("precious")
    with pytest.raises(StackError, match="holds something else"):
        KeptPlanes(folder, {"a": 1})
    assert (folder / "thesis.txt").read_text() == "precious"


def test_the_last_line_of_a_killed_process_may_be_torn(tmp_path):
    kept = KeptPlanes(tmp_path / "x.unfinished", {"a": 1})
    kept.keep(((0,),), {"mean": np.ones((1, 4, 4), np.float32)}, [], False)
    with (kept.folder / "planes.jsonl").open("a") as handle:
        handle.write('{"planes": [[1')
    again = KeptPlanes(kept.folder, {"a": 1})
    assert (0,) in again
    assert len(again) == 1
    again.keep(((1,),), {"mean": np.ones((1, 4, 4), np.float32)}, [], False)
    assert len(KeptPlanes(kept.folder, {"a": 1})) == 2


def stopped_after_three(write, tmp_path, recorded):
    """The files of three finished planes."""
    with pytest.raises(EMDiffError):
        write(failing(recorded, (3,), StackError("damaged")))
    (folder,) = unfinished(tmp_path)
    return sorted(folder.glob("plane-*.npz"))


@pytest.mark.parametrize("content", [b"", b"PK half of it"])
def test_a_finished_plane_that_was_cut_short_is_restored_again(write, tmp_path, recorded, content):
    stopped_after_three(write, tmp_path, recorded)[1].write_bytes(content)
    resumed = []
    done = write(on_resumed=resumed.append)
    assert resumed == [2]
    with open_stack(done.files["mean"]) as made:
        np.testing.assert_array_equal(made.numpy(), restore_mean(open_stack(recorded), recorded))
    assert not unfinished(tmp_path)


def test_a_finished_plane_with_wrong_bytes_is_restored_again(write, tmp_path, recorded):
    """Only reading all of it shows that, when the results are written."""
    whole = write()
    chi2 = whole.agreement.chi2
    for path in whole.files.values():
        path.unlink()
    file = stopped_after_three(write, tmp_path, recorded)[1]
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 255
    file.write_bytes(content)
    done = write()
    assert done.agreement.chi2 == pytest.approx(chi2, rel=1e-9)
    with open_stack(done.files["mean"]) as made, open_stack(done.files["spread"]) as spread:
        np.testing.assert_array_equal(made.numpy(), restore_mean(open_stack(recorded), recorded))
        assert np.isfinite(spread.numpy()).all()
    assert not unfinished(tmp_path)


def test_a_folder_that_cannot_be_written_is_said_in_a_sentence(write, tmp_path, monkeypatch):
    def refused(folder, *_, **__):
        raise PermissionError(errno.EACCES, "Permission denied", str(folder))

    monkeypatch.setattr(Path, "mkdir", refused)
    with pytest.raises(
        StackError, match=r"out cannot be written \(Permission denied\); nothing was restored"
    ):
        write()


@pytest.mark.skipif(os.name != "posix", reason="kills a process")
def test_a_batch_that_was_killed_goes_on_where_it_was(tmp_path, recorded, prior):
    """SIGKILL at some plane; the same command again computes only the rest."""
    words = [
        *[sys.executable, "-m", "emdiff_app.cli", "restore", str(recorded), "--prior", str(prior)],
        *["--out", str(tmp_path / "out"), "--samples", "2", "--json"],
    ]
    first = subprocess.Popen([*words, "--steps", "60"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 200
        while not list(tmp_path.glob("out/*.unfinished/planes.jsonl")) and time.monotonic() < end:
            assert first.poll() is None
            time.sleep(0.02)
    finally:
        first.send_signal(signal.SIGKILL)
        first.wait()
    (folder,) = unfinished(tmp_path)
    stamps = {path: path.stat().st_mtime_ns for path in folder.glob("plane-*.npz")}
    assert stamps
    second = subprocess.run([*words, "--steps", "60"], capture_output=True, text=True, check=True)
    assert "going on after" in second.stderr
    (result,) = json.loads(second.stdout)["restored"]
    with open_stack(result["mean"]) as made:
        assert made.shape == (5, 32, 36)
        assert np.isfinite(made.numpy()).all()


def test_memory_stays_flat_over_a_huge_zarr(tmp_path):
    """A file of 4 GB, of which the first planes are restored: it streams."""
    make_sparse_zarr(tmp_path / "huge.zarr", 500)
    (tmp_path / "out").mkdir()
    memory = []

    def told(progress):
        if progress.step == progress.steps:
            memory.append(psutil.Process().memory_info().rss)

    known = known_prior(write_small(tmp_path / "p.emprior"))
    with open_stack(tmp_path / "huge.zarr") as stack:
        settings = Settings(words=("mean",), memory=2e8)
        task = prepare(stack, known, None, settings)
        small = replace(task.stack, shape=(500, 256, 256), reader=Corner(stack.reader))
        task = prepare(small, known, None, settings)
        with pytest.raises(Cancelled):
            write_restoration(
                task,
                Target(tmp_path / "out", "huge"),
                on_progress=told,
                should_stop=lambda: len(memory) >= 10,
            )
    assert max(memory) < min(memory[2:]) + 5e7
    assert len(list(tmp_path.glob("out/*.unfinished/plane-*.npz"))) >= 9


class Corner:
    """The first corner of every plane: planes of a test's size out of a huge file."""

    def __init__(self, reader):
        self.reader = reader

    def read(self, index):
        return self.reader.read_region(index, slice(0, 256), slice(0, 256))

    def read_region(self, index, rows, columns):
        return self.reader.read_region(index, rows, columns)

    def close(self):
        self.reader.close()


def test_a_network_that_breaks_down_is_said(write, tmp_path):
    prior = small_prior()
    for weight in prior.parameters():
        weight.data.fill_(float("nan"))
    with pytest.raises(EMDiffError, match="no finite image"):
        restore(squares(1)[0], prior, NOISE)

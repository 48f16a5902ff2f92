"""What machines and people do to a run: full disks, lost images, unstable training, a second worker."""

import errno
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
import torch
from tiny_runs import make_run, same_weights, told, write_spots

from emdiff_app.diffusion import Trainer
from emdiff_app.diffusion.anchors import Denoising
from emdiff_app.errors import RunError
from emdiff_app.learning import learn, worker
from emdiff_app.learning.runs import saving, space
from emdiff_app.learning.runs.checkpoint import save_checkpoint
from emdiff_app.learning.runs.control import FolderControl
from emdiff_app.learning.runs.lock import Lock
from emdiff_app.physics import ImagingModel


def heard(run):
    """Learn, and what was told to whoever started it."""
    events = []
    learn(run, events.append)
    return events


def notices(run):
    return [e.text for e in told(run, "notice")]


# the disk -------------------------------------------------------------------------------------


@pytest.fixture
def full_disk(monkeypatch):
    """A disk that is full while `disk["full"]`: files cannot be written, only opened."""
    disk, write = {"full": False}, os.write

    def refuse(*_):
        if disk["full"]:
            raise OSError(errno.ENOSPC, "No space left on device")

    def os_write(descriptor, data):
        refuse()
        return write(descriptor, data)

    monkeypatch.setattr("emdiff_app.images.atomic._flush", refuse)
    monkeypatch.setattr(os, "write", os_write)
    monkeypatch.setattr(saving, "AGAIN_S", 0.0)
    return disk


def test_a_disk_that_is_full_for_a_while_costs_nothing(tmp_path, full_disk):
    usual, run = make_run(tmp_path, "usual", save_every_s=0), make_run(tmp_path, save_every_s=0)
    learn(usual)

    def fill(event):
        if event.kind == "progress" and event.phase == "m-step":
            full_disk["full"] = event.round == 0  # until the first round begins

    assert learn(run, fill)
    assert same_weights(usual, run)
    said = notices(run)
    assert any("disk is full" in text and "goes on" in text for text in said)
    assert any("can be written again" in text for text in said)
    assert [e.round for e in told(run, "scored")] == [0, 1]
    for event in told(run, "preview"):
        assert (run.path / event.file).is_file()


def test_a_disk_that_stays_full_keeps_the_last_save_and_waits_with_the_result(tmp_path, full_disk):
    run = make_run(tmp_path, save_every_s=0)

    def fill(event):
        if event.kind == "scored" and event.round == 1:
            full_disk["full"] = True
            run.ask("stop")  # while it waits for space

    stopped = []
    assert learn(run, lambda event: (fill(event), stopped.append(event)))
    assert stopped[-1].kind == "stopped"
    assert "the disk refused the last save" in stopped[-1].words
    assert "is safe" in stopped[-1].words
    full_disk["full"] = False
    assert max(run.checkpoints.glob("round-*")).name.startswith("round-0001")
    assert learn(run)
    assert told(run)[-1].kind == "finished"


def test_that_everything_is_saved_is_not_said_before_the_checkpoint_is(tmp_path, full_disk, monkeypatch):
    """The disk is full at the end of a round, and has space again while samples are drawn for the next."""
    monkeypatch.setattr(worker, "TICK_S", 0.0)
    run, saves = make_run(tmp_path, crops=64, save_every_s=1e9), []

    def fill(event):
        if event.kind == "scored":
            full_disk["full"] = event.round == 0
        if event.kind == "progress" and event.phase == "e-step":
            full_disk["full"] = False
        if event.kind == "notice" and "everything is saved" in event.text:
            names = {file.name for file in run.checkpoints.iterdir()}
            saves.append({"round-0000.safetensors", "best.safetensors"} <= names)

    assert learn(run, fill)
    assert saves == [True]


def test_a_result_that_waits_for_the_disk_is_not_thrown_away_when_the_time_is_over(
    tmp_path, full_disk, monkeypatch
):
    run = make_run(tmp_path, time_limit_min=60.0)

    def fill(event):
        full_disk["full"] |= event.kind == "scored" and event.round == 1

    def wait(seconds):
        full_disk["full"] = False

    def left_s(control):
        return 0.0 if full_disk["full"] else 3000.0

    monkeypatch.setattr(worker, "time", SimpleNamespace(monotonic=time.monotonic, sleep=wait))
    monkeypatch.setattr(FolderControl, "left_s", property(left_s))
    assert learn(run, fill)
    assert told(run)[-1].kind == "finished"
    assert max(run.checkpoints.glob("round-*")).name == "round-0001.safetensors"


def test_too_little_space_is_said_before_anything_is_computed(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(100, 99, 1_000_000))
    run = make_run(tmp_path)
    assert not learn(run)
    assert "1 MB left" in told(run)[-1].text
    assert not told(run, "progress")


def test_the_estimate_of_the_space_is_not_exceeded(tmp_path):
    run = make_run(tmp_path, save_every_s=0)
    most = 0

    def look(event):
        nonlocal most
        most = max(most, sum(f.stat().st_size for f in run.path.rglob("*") if f.is_file()))

    learn(run, look)
    parameters = told(run, "started")[0].parameters
    needed = space.space_needed(parameters, 16 * 16 * 16)
    assert most < needed < 2 * most + space.OTHER


@pytest.mark.skipif(os.name == "nt", reason="folders cannot be made read-only there")
def test_a_folder_that_cannot_be_written_is_refused_in_one_sentence(tmp_path, monkeypatch):
    run = make_run(tmp_path)
    opened = os.open

    def read_only(path, flags, *rest, **named):
        if str(path).startswith(str(run.path)) and flags & (os.O_WRONLY | os.O_RDWR):
            raise PermissionError(errno.EROFS, "Read-only file system", str(path))
        return opened(path, flags, *rest, **named)

    monkeypatch.setattr(os, "open", read_only)  # whoever runs the tests may be root, whom no permission stops
    failed = heard(run)[-1]
    assert failed.kind == "failed"
    assert "cannot be written (Read-only file system)" in failed.text
    assert not (run.path / "events.jsonl").exists()


# the images -----------------------------------------------------------------------------------


@pytest.fixture
def attentive(monkeypatch):
    monkeypatch.setattr(worker, "LOOK_S", 0.0)


def in_the_middle(run, action):
    """Do something at the first step of round 1, once."""
    done = []

    def listen(event):
        if event.kind == "progress" and event.round == 1 and not done:
            done.append(action())

    return listen


def test_an_image_that_is_deleted_is_missed_and_the_run_goes_on_when_it_is_back(tmp_path, attentive):
    usual = make_run(tmp_path, "usual")
    learn(usual)
    run, image, away = make_run(tmp_path), tmp_path / "spots.tif", tmp_path / "away.tif"
    assert not learn(run, in_the_middle(run, lambda: image.rename(away)))
    text = told(run)[-1].text
    assert "spots.tif cannot be read any more" in text
    assert "was saved is kept" in text
    assert not learn(run)  # still away
    away.rename(image)
    assert learn(run)
    assert same_weights(usual, run)


def test_an_image_that_becomes_another_one_is_noticed_now_and_later(tmp_path, attentive):
    run = make_run(tmp_path)
    assert not learn(run, in_the_middle(run, lambda: write_spots(tmp_path / "spots.tif", seed=1)))
    assert "is not the image any more" in told(run)[-1].text
    assert not learn(run)
    assert "is not the image any more" in told(run)[-1].text


def test_images_by_a_pattern_are_learned_from_and_missed_when_one_goes_or_comes(tmp_path, attentive):
    for number in (1, 2, 3):
        write_spots(tmp_path / f"cells_{number}.tif", seed=number)
    run = make_run(tmp_path, stacks=(str(tmp_path / "cells_*.tif"),))
    assert learn(run), told(run)[-1]
    write_spots(tmp_path / "cells_4.tif")
    assert not learn(run)
    assert "cells_*.tif is not the image any more" in told(run)[-1].text
    (tmp_path / "cells_4.tif").unlink()
    assert learn(run)
    for number in (1, 2, 3):
        (tmp_path / f"cells_{number}.tif").unlink()
    assert not learn(run)
    assert "cells_*.tif cannot be read any more" in told(run)[-1].text


def test_an_image_that_was_only_copied_back_is_the_same(tmp_path, attentive):
    run = make_run(tmp_path)
    image = tmp_path / "spots.tif"

    def touched():
        image.write_bytes(image.read_bytes())
        os.utime(image, (1, 1))

    assert learn(run, in_the_middle(run, touched))


# the training ---------------------------------------------------------------------------------


def test_a_loss_that_is_not_finite_goes_back_with_half_the_learning_rate(tmp_path, monkeypatch):
    run, rates, step = make_run(tmp_path, save_every_s=0), [], Trainer.step
    left = [5]

    def sick(self, *given, **named):
        rates.append(self.learning_rate)
        left[0] -= 1
        if left[0] == 0:
            for weight in self.prior.parameters():
                weight.data.fill_(torch.nan)
        return step(self, *given, **named)

    monkeypatch.setattr(Trainer, "step", sick)
    assert learn(run)
    assert notices(run) == [
        "Training became unstable at step 5; went back to step 4 with half the learning rate."
    ]
    assert rates[5] == pytest.approx(rates[4] / 2)
    assert all(torch.isfinite(w).all() for w in torch.nn.ModuleList([_prior(run)]).parameters())


def _prior(run):
    from emdiff_app.priors import read_prior

    return read_prior(run.prior)[0]


def test_training_that_is_unstable_for_good_ends_in_words(tmp_path, monkeypatch):
    run = make_run(tmp_path, save_every_s=0)
    monkeypatch.setattr(
        Denoising,
        "loss",
        lambda self, prior, batch, generator: prior.denoise(batch.any, 1.0).sum() * torch.nan,
    )
    assert not learn(run)
    assert "however small its steps were" in told(run)[-1].text
    assert "kept" in told(run)[-1].text


@pytest.fixture
def little_memory(monkeypatch):
    """Training more than `most` crops at once takes too much memory."""
    most, loss = [99], Denoising.loss

    def hungry(self, prior, batch, generator):
        if len(batch) > most[0]:
            raise RuntimeError("CUDA out of memory. Tried to allocate 20.00 GiB")
        return loss(self, prior, batch, generator)

    monkeypatch.setattr(Denoising, "loss", hungry)
    return most


def test_memory_that_runs_out_makes_the_batch_smaller_and_is_told(tmp_path, little_memory):
    run = make_run(tmp_path, batch=4)

    def shrink(event):
        if event.kind == "progress" and event.phase == "m-step":
            little_memory[0] = 2

    assert learn(run, shrink)
    assert len(notices(run)) == 1
    assert "2 crops at once (was 4)" in notices(run)[0]


def test_memory_that_does_not_suffice_for_one_crop_ends_in_words(tmp_path, little_memory):
    run = make_run(tmp_path)

    def shrink(event):
        if event.kind == "progress" and event.phase == "m-step":
            little_memory[0] = 0

    assert not learn(run, shrink)
    assert "one crop at a time" in told(run)[-1].text
    little_memory[0] = 99
    assert learn(run)


def test_restoring_takes_fewer_crops_at_once_when_memory_runs_out(tmp_path, monkeypatch):
    from emdiff_app.diffusion import LearnedPrior

    usual, short = make_run(tmp_path, "usual"), make_run(tmp_path, "short")
    learn(usual)
    denoise = LearnedPrior.denoise

    def hungry(self, x_t, sigma):
        if len(x_t) > 9 and not self.training:
            raise RuntimeError("CUDA out of memory. Tried to allocate 20.00 GiB")
        return denoise(self, x_t, sigma)

    monkeypatch.setattr(LearnedPrior, "denoise", hungry)
    assert learn(short), told(short)[-1]
    # Sums over fewer crops at once are rounded otherwise; nothing else differs.
    one, other = (list(_prior(run).parameters()) for run in (usual, short))
    torch.testing.assert_close(one, other, atol=1e-3, rtol=1e-2)


@pytest.mark.parametrize(
    ("operators", "noise", "changes"),
    [
        ([{"kind": "mask", "missing": 0.3}], {"kind": "gaussian", "sigma": 5.0}, {}),
        (
            [],
            {"kind": "poisson-gaussian", "offset": 0, "gain": 0.2, "read_noise": 3},
            {"noise_per_image": "yes"},
        ),
    ],
)
def test_judging_takes_fewer_crops_at_once_when_memory_runs_out(
    tmp_path, monkeypatch, operators, noise, changes
):
    """Each crop keeps its own mask, noise and random numbers, so the score is the same."""
    from emdiff_app.diffusion import LearnedPrior

    model = ImagingModel.model_validate({"operator": operators, "noise": noise})
    usual, short = (
        make_run(tmp_path, name, model=model, held_out=12, crops=8, **changes) for name in ("usual", "short")
    )
    learn(usual)
    answer = LearnedPrior._answer

    def hungry(self, x_t, sigma):
        if len(x_t) > 9 and not self.training:
            raise RuntimeError("CUDA out of memory. Tried to allocate 20.00 GiB")
        return answer(self, x_t, sigma)

    monkeypatch.setattr(LearnedPrior, "_answer", hungry)
    assert learn(short), told(short)[-1]
    one, other = ([e.held_out for e in told(run, "scored")] for run in (usual, short))
    assert other[0] == pytest.approx(one[0], rel=1e-4)


def test_a_checkpoint_of_another_version_is_said_to_be_one(tmp_path):
    run = make_run(tmp_path)
    save_checkpoint(run.checkpoints, 3, None, {"state": {"telepathy": 1}, "weights": torch.ones(2)})
    assert not learn(run)
    assert "made by another version" in told(run)[-1].text
    assert len(list(run.checkpoints.iterdir())) == 1


# the company ----------------------------------------------------------------------------------


def test_a_second_worker_refuses_and_disturbs_nothing(tmp_path):
    run = make_run(tmp_path)
    answers = []

    def meanwhile(event):
        if event.kind == "scored":
            answers.extend(heard(run))

    assert learn(run, meanwhile)
    assert [e.kind for e in answers] == ["failed", "failed"]
    assert "is at work on" in answers[0].text
    assert not told(run, "failed")


def test_a_lock_dies_with_its_holder(tmp_path):
    code = (
        "import sys, time, pathlib; from emdiff_app.learning.runs.lock import Lock\n"
        "with Lock(pathlib.Path(sys.argv[1])): print('mine', flush=True); time.sleep(60)"
    )
    path = tmp_path / "lock"
    holder = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE)
    try:
        assert holder.stdout.readline() == b"mine\n"
        with pytest.raises(RunError, match=f"process {holder.pid}"), Lock(path):
            pass
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()
    with Lock(path):
        pass


def test_a_worker_on_another_computer_is_believed_while_its_heart_beats(tmp_path):
    path = tmp_path / "lock"
    path.write_text(json.dumps({"host": "somewhere-else", "pid": 4, "job": "a"}))
    with pytest.raises(RunError, match="process 4 on somewhere-else"), Lock(path):
        pass
    with Lock(path, job="a"):  # of the same job: it was started again elsewhere
        pass
    path.write_text(json.dumps({"host": "somewhere-else", "pid": 4, "job": "none"}))
    with pytest.raises(RunError, match="process 4 on somewhere-else"), Lock(path, job="none"):
        pass  # torchrun calls all jobs so that were given no name
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    path.write_text(json.dumps({"host": platform.node(), "pid": gone.pid, "job": "none"}))
    with Lock(path, job="none"):  # its leader has died on this computer and is started again
        pass
    path.write_text(json.dumps({"host": "somewhere-else", "pid": 4}))
    os.utime(path, (path.stat().st_mtime - 3600,) * 2)
    with Lock(path):
        assert json.loads(path.read_text())["pid"] == os.getpid()
    assert path.read_text() == ""


def test_a_lock_file_with_nonsense_in_it_is_no_obstacle(tmp_path):
    (tmp_path / "lock").write_bytes(b"\xff[[[")
    with Lock(tmp_path / "lock"):
        pass

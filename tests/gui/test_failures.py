"""What goes wrong, one by one: what the window says, what it offers, and that work can begin again afterwards."""

import json
import shutil
import zipfile

import fake_worker
import numpy as np
import pytest

from emdiff_app.errors import EMDiffError, PriorError
from emdiff_app.gui.jobs import LEARN_BUTTONS, RESTORE_BUTTONS, JobState, learning_job
from emdiff_app.gui.model_form import Blur, ModelForm, Noise
from emdiff_app.gui.restoration import Restored
from emdiff_app.learning import RunFolder
from emdiff_app.resources import resource_path

S = JobState
GOLDEN = resource_path("golden/v1-emdiff-unet-1-plane.emprior")


@pytest.fixture
def learn(session, host):
    """Start learning with a fake worker of some mode."""
    host.add()
    session.form = ModelForm(Noise(0, 1, 1))
    session.changes = {"batch": 16}

    def start(mode):
        session.learning_job._command = fake_worker.command(mode)
        session.learn()

    return start


@pytest.fixture
def ends_well(session, learn, until):
    """Whatever has happened: a new run can be started and comes to its end."""
    yield
    buttons = LEARN_BUTTONS[session.learning.state]
    assert buttons["start"].enabled, session.learning.state
    learn("finish")
    until(lambda: session.learning.state is S.DONE)


def offered(session):
    return [offer.text for offer in session.message.offers]


@pytest.mark.parametrize(
    ("mode", "words", "offers"),
    [
        (
            "complain",
            "ran out of memory",
            ["Continue with batch 8 (was 16)", "Use CPU (much slower)", "Resume"],
        ),
        ("lost", "The GPU was lost", ["Resume"]),
        ("vanish", "was ended by the system (SIGKILL", ["Resume"]),
        ("crash", "ended unexpectedly (exit code 1)", []),
    ],
)
def test_a_worker_that_fails(session, learn, until, ends_well, mode, words, offers):
    learn(mode)
    until(lambda: session.learning.state is S.FAILED)
    assert words in session.message.text
    assert "Traceback" not in session.message.text
    assert offered(session) == offers
    assert session.message.level == "error"


def test_after_running_out_of_memory_it_goes_on_with_less(session, learn, until):
    learn("complain")
    until(lambda: session.learning.state is S.FAILED)
    session.learning_job._command = fake_worker.command("finish")
    offer = session.message.offers[0]
    getattr(session, offer.verb)(*offer.given)
    until(lambda: session.learning.state is S.DONE)
    assert RunFolder.open(session.learning.run).recipe.batch == 8


def test_the_same_failure_twice_is_said_twice(session, learn, until):
    learn("complain")
    until(lambda: session.learning.state is S.FAILED)
    session.resume()
    assert session.message is None
    until(lambda: session.message is not None)
    assert "ran out of memory" in session.message.text


def test_a_notice_is_said_and_the_run_goes_on(session, learn, until, ends_well):
    learn("warn")
    until(lambda: session.learning.state is S.DONE)
    assert session.message.text == fake_worker.UNSTABLE
    assert session.message.level == "warning"


def test_what_no_amount_of_such_data_can_bring_back_has_its_remedy(session, host, tmp_path):
    from dataclasses import replace

    text = (
        "A fixed blur removes detail that no amount of such data can bring back. Clean or sharper images can."
    )
    session._learning_news(replace(session.learning, notice=text))
    assert offered(session) == ["Add clean images..."]
    host.answers = [[tmp_path / "sharp.tif"]]
    session.add_clean()
    assert session.start.fields() == {"clean": (str(tmp_path / "sharp.tif"),)}


def test_broken_lines_between_the_events_do_no_harm(session, learn, until, ends_well):
    learn("garbage")
    until(lambda: session.learning.state is S.DONE)
    assert len(session.learning.scores) == 2


def test_a_worker_that_does_not_leave_is_sent_away(session, learn, until, monkeypatch):
    monkeypatch.setattr(learning_job, "LEAVE_S", 0.2)
    learn("linger")
    until(lambda: session.learning.state is S.DONE)
    assert session.learning_job._process.poll() is not None


def test_a_deaf_worker_is_ended_by_pressing_twice(session, learn, until, ends_well):
    learn("deaf")
    until(lambda: session.learning.saved_at is not None)
    session.stop_learning()
    until(lambda: session.learning.state is S.STOPPING)
    assert LEARN_BUTTONS[S.STOPPING]["stop"].text == "Stop now"
    session.stop_learning()
    until(lambda: session.learning.state is S.STOPPED)
    assert session.prior is not None


def test_a_run_folder_that_is_deleted_ends_the_run(session, learn, until, ends_well):
    learn("slow")
    until(lambda: session.learning.saved_at is not None)
    run = session.learning.run
    run.rename(run.with_name("moved away"))
    until(lambda: session.learning.state is S.FAILED)
    session.message = None
    session.resume()
    assert "is not a run folder" in session.message.text


def test_a_disk_that_takes_no_run_folder(session, learn, until, tmp_path):
    (tmp_path / "full").write_bytes(b"")
    folder, session.runs_folder = session.runs_folder, tmp_path / "full"
    learn("finish")
    until(lambda: session.learning.state is S.FAILED)
    assert "choose another" in session.message.text.lower()
    session.runs_folder = folder
    learn("finish")
    until(lambda: session.learning.state is S.DONE)


def test_a_program_that_cannot_be_started(session, learn, until, ends_well, tmp_path):
    learn("finish")
    until(lambda: session.learning.state is S.DONE)
    session.learning_job._command = lambda run: [str(tmp_path / "no such program")]
    session.learn()
    until(lambda: session.learning.state is S.FAILED)
    assert "no such program" in session.message.text


def test_without_a_ticked_image_it_says_so(session, host, until):
    session.learn()
    until(lambda: session.learning.state is S.FAILED)
    assert "No image is ticked" in session.message.text


def test_a_run_of_which_the_recipe_is_broken(session, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "recipe.json").write_text("{")
    session.resume_run(tmp_path / "run")
    session.resume_with({"batch": 1})
    assert session.learning.state in (S.IDLE, S.PREPARING, S.FAILED)


# priors and images ---------------------------------------------------------------------------


def changed_card(path, **changes):
    """The golden prior with another card."""
    with zipfile.ZipFile(GOLDEN) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "prior.json":
                data = json.dumps(json.loads(data) | changes).encode()
            new.writestr(name, data)
    return path


def test_a_prior_of_a_newer_version_is_refused_by_name(session, until, tmp_path):
    session.import_prior(changed_card(tmp_path / "newer.emprior", schema_version=99))
    until(lambda: session.message is not None)
    assert "99" in session.message.text
    assert session.prior is None


def test_a_prior_whose_weights_were_changed_is_refused_when_it_is_used(session, host, until, tmp_path):
    host.add()
    card = json.loads(zipfile.ZipFile(GOLDEN).read("prior.json"))
    sums = dict.fromkeys(card["sha256"], "0" * 64)
    session.prior = changed_card(tmp_path / "odd.emprior", sha256=sums)
    session.form = ModelForm(Noise(0, 1, 1))
    session.restore()
    until(lambda: session.restoring.state is S.FAILED, 200)
    assert "odd.emprior" in session.message.text
    assert RESTORE_BUTTONS[S.FAILED]["start"].enabled


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), "memory"),
        (MemoryError(), "ran out of memory"),
        (EMDiffError("The prior has learned images of 2 channel(s)."), "channel"),
        (PriorError("prior.emprior was removed."), "removed"),
        (OSError(28, "No space left on device"), "No space left"),
        (ZeroDivisionError("oh"), "should not have"),
    ],
)
def test_restoring_that_fails_says_why_and_can_begin_again(
    session, host, until, monkeypatch, tmp_path, error, words
):
    import emdiff_app.restoring as room

    host.add()
    session.prior = tmp_path / "prior.emprior"

    def broken(*args, **rest):
        raise error

    monkeypatch.setattr(room, "restore", broken, raising=False)
    for _ in range(2):
        session.restore()
        until(lambda: session.message is not None)
        assert session.restoring.state is S.FAILED
        assert words in session.message.text
        assert session.message.level == "error"
        assert "Traceback" not in session.message.text
        session.message = None


def test_a_restoration_that_does_not_match_the_data_offers_to_measure_the_noise_again(session):
    words = (
        "The restored image, recorded again, does not match your data (chi2 = 3.10): probably the noise is "
    )
    session._end_restored(Restored(words + "under-estimated. Estimate it again."))
    assert offered(session) == ["Estimate the noise again"]


def test_a_blur_in_um_without_a_pixel_size_is_said_before_hours_of_work(session, host, until):
    host.add(pixel_size={})
    session.form = ModelForm(Noise(0, 1, 1), Blur("microscope"))
    session.look_at_psf()
    until(lambda: session.message is not None)
    assert "pixel size" in session.message.text
    assert "--pixel-size" not in session.message.text


def test_an_image_without_enough_pixels_cannot_be_measured(session, host, until):
    host.add()
    host.refs[0] = type(host.refs[0])("key 0", "tiny", _tiny())
    session.look_at_images()
    session.estimate()
    until(lambda: session.message is not None)
    assert "too few pixels" in session.message.text
    assert "--" not in session.message.text


def test_a_folder_full_of_nothing_is_no_crash(session, until, tmp_path):
    (tmp_path / "empty").mkdir()
    session.open_files([tmp_path / "empty"])
    until(lambda: session.message is not None)
    assert "holds no images" in session.message.text
    session.message = None
    session.open_files([tmp_path / "gone.tif"])
    until(lambda: session.message is not None)
    assert "gone.tif" in session.message.text
    shutil.rmtree(tmp_path / "empty")


def _tiny():
    from emdiff_app.images import stack_from_array

    return stack_from_array(np.zeros((8, 8), np.uint16), "YX")


WINDOW = """
import sys, time
sys.path[:0] = sys.argv[3:]
import fake_worker
from pathlib import Path
from conftest import FakeHost
from emdiff_app.gui.model_form import ModelForm, Noise
from emdiff_app.gui.session import Session
host = FakeHost()
session = Session(host, runs_folder=Path(sys.argv[1]))
host.add()
session.form = ModelForm(Noise(0, 1, 1))
session.learning_job._command = fake_worker.command("slow")
session.learn()
while session.learning.saved_at is None:
    session.poll(); time.sleep(0.01)
print(session.learning_job._process.pid, flush=True)
time.sleep(600)
"""


def test_a_window_that_is_killed_leaves_a_run_that_goes_on_and_can_be_shown(session, host, until, tmp_path):
    import os
    import subprocess
    import sys
    from pathlib import Path

    import psutil

    runs = tmp_path / "killed"
    places = [str(Path(__file__).parent), str(Path(fake_worker.__file__).parent)]
    command = [sys.executable, "-c", WINDOW, str(runs), "-", *places]
    window = subprocess.Popen(
        command, stdout=subprocess.PIPE, env={**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    )
    worker = psutil.Process(int(window.stdout.readline()))
    window.kill()
    window.wait()
    window.stdout.close()
    assert worker.is_running()
    session.runs_folder = runs
    session.look_for_unfinished()
    until(lambda: session.message is not None)
    assert offered(session) == ["Show"]
    (offer,) = session.message.offers
    session.open_run(*offer.given)
    until(lambda: session.learning.state is S.RUNNING)
    session.stop_learning()
    until(lambda: session.learning.state is S.STOPPED)

"""Learning from the command line: start, look on, interrupt, go on."""

import errno
import io
import json
import os
import platform
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from emdiff_app import learning
from emdiff_app.cli import _watching, main, watch
from emdiff_app.errors import RunError
from emdiff_app.images import save_stack, stack_from_array
from emdiff_app.learning import RunFolder, Story, events
from emdiff_app.learning.runs import lock
from emdiff_app.learning.runs.lock import Lock
from emdiff_app.priors import read_card

SHORT = {"size": "tiny", "rounds": 1, "crops": 8, "crop": 16, "held_out": 2, "batch": 2}
SHORT |= {"denoising_steps": 3, "first_steps": 3, "steps": 3, "sampler_steps": 2, "gaussian_rounds": 1}
SHORT |= {"hidden_steps": 3, "neighbour_steps": 3, "precision": "float32"}


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A noisy stack, its model, and presets that take a second."""
    monkeypatch.setitem(learning.PRESETS, "quick", SHORT)
    rng = np.random.default_rng(0)
    pixels = (rng.random((2, 64, 64)) > 0.95) * 200.0 + 100 + 5 * rng.standard_normal((2, 64, 64))
    save_stack(stack_from_array(pixels.astype(np.float32), "ZYX"), tmp_path / "cells.tif")
    (tmp_path / "model.json").write_text('{"noise": {"kind": "gaussian", "sigma": 5}}')
    return tmp_path


def learn_words(files, *more):
    paths = [str(files / name) for name in ("cells.tif", "model.json", "run")]
    stack, model, out = paths
    return ["learn", stack, "--model", model, "--out", out, "--preset", "quick", "--device", "cpu", *more]


def test_from_a_stack_to_a_prior_that_carries_its_picture(files, capsys):
    assert main(learn_words(files, "--json")) == 0
    answer = capsys.readouterr()
    result = json.loads(answer.out)
    assert result["outcome"] == "finished"
    assert result["round"] == result["rounds"]
    assert result["remaining_s"] is None
    assert "on cpu" in answer.err
    card = read_card(files / "run" / "prior.emprior")
    assert "preview.png" in card.sha256


def test_channels_are_not_mixed_but_asked_for_before_anything_is_made(files, capsys):
    pixels = np.random.default_rng(0).poisson(40, (2, 64, 64)).astype(np.uint16)
    two = stack_from_array(pixels, "CYX", channels=["DAPI", "GFP"])
    save_stack(two, files / "cells.tif", overwrite=True)
    assert main(learn_words(files)) == 2
    said = capsys.readouterr().err
    assert "2 channels (DAPI, GFP)" in said
    assert "nothing was started" in said
    assert "--channel" in said
    assert not (files / "run").exists()
    for channel in ("1", "GFP"):
        assert main(learn_words(files, "--channel", channel, "--only-prepare")) == 0
        (stack,) = learning.open_recorded(RunFolder.open(files / "run").recipe)
        assert stack.channels == ("GFP",)
        shutil.rmtree(files / "run")


def test_a_run_is_looked_at_from_anywhere(files, capsys):
    assert main(learn_words(files)) == 0
    before = {f: f.stat().st_mtime_ns for f in (files / "run").rglob("*")}
    capsys.readouterr()
    assert main(["watch", str(files / "run"), "--once", "--json", "--previews", str(files / "pictures")]) == 0
    assert json.loads(capsys.readouterr().out)["outcome"] == "finished"
    for name in ("round-0000.png", "round-0001.png"):
        with Image.open(files / "pictures" / name) as picture:
            assert picture.size[0] >= 96
    assert {f: f.stat().st_mtime_ns for f in (files / "run").rglob("*")} == before  # it only reads
    assert main(["watch", str(files / "run")]) == 0
    assert "finished" in capsys.readouterr().err


def begun(files):
    """A run that has started and on which nobody works."""
    assert main(learn_words(files, "--only-prepare")) == 0
    run = RunFolder.open(files / "run")
    run.writer().write(events.Started(rounds=2, device="cpu", images=1, crops=8, parameters=9))
    return run


def seen_for_three_looks(monkeypatch, run, first, *said):
    """A worker is at it from the `first` look on; before the second of these it has said something."""
    looks = []

    def worked_on(_):
        looks.append(None)
        if len(looks) == first + 1:
            for event in said:
                run.writer().write(event)
        return first <= len(looks) < first + 3

    monkeypatch.setattr(watch.time, "sleep", lambda _: None)
    monkeypatch.setattr(RunFolder, "is_worked_on", property(worked_on))


def test_watching_ends_where_nobody_works_any_more(files, capsys, monkeypatch):
    monkeypatch.setattr(watch, "PATIENCE", 0.1)
    run = begun(files)
    capsys.readouterr()
    assert main(["watch", str(run.path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["worked_on"] is False
    assert main(["watch", str(run.path)]) == 0
    said = capsys.readouterr().err
    assert said.count("Nobody is working on it") == 1
    assert f"emdiff resume {run.path}" in said


def test_a_worker_that_is_just_starting_is_waited_for(files, capsys, monkeypatch):
    run = begun(files)
    seen_for_three_looks(monkeypatch, run, 3, events.Finished(round=2, prior="prior.emprior"))
    capsys.readouterr()
    assert main(["watch", str(run.path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["outcome"] == "finished"


def test_previews_named_outside_the_run_are_not_looked_at(files):
    assert main(learn_words(files, "--only-prepare")) == 0
    run = RunFolder.open(files / "run")
    np.savez(files / "secret.npz", **dict.fromkeys(("recorded", "restored", "spread"), np.ones((1, 8, 8))))
    run.writer().write(events.Preview(round=1, file="../secret.npz"))
    run.writer().write(events.Preview(round=2, file=str(files / "secret.npz")))
    assert main(["watch", str(run.path), "--once", "--previews", str(files / "pictures")]) == 0
    assert not any((files / "pictures").iterdir())


def test_ctrl_c_saves_and_says_how_to_go_on(files, capsys):
    assert main(learn_words(files, "--only-prepare")) == 0
    run = RunFolder.open(files / "run")
    recipe = run.path / "recipe.json"
    recipe.write_text(re.sub('"neighbour_steps": 3', '"neighbour_steps": 100000', recipe.read_text()))
    process = subprocess.Popen(
        [sys.executable, "-m", "emdiff_app.cli", "resume", str(run.path)],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    follower, reached = run.follower(), False
    ends = time.monotonic() + 200
    while not reached and time.monotonic() < ends:
        reached = any(e.kind == "progress" and e.round == 1 and e.loss for e in follower.read())
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0
    assert f"Go on with: emdiff resume {run.path}" in said
    assert "Traceback" not in said
    recipe.write_text(re.sub('"neighbour_steps": 100000', '"neighbour_steps": 3', recipe.read_text()))
    assert main(["resume", str(run.path)]) == 0
    assert "going on" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("wish", "field", "count"),
    [
        ("clean:{}/sharp-*.tif", "clean", 2),
        ("similar:{}/sharp-*.tif", "similar", 2),
        ("prior:{}/old.emprior", "prior", None),
    ],
)
def test_what_to_start_from_is_in_the_recipe(files, wish, field, count):
    for name in ("sharp-1.tif", "sharp-2.tif", "old.emprior"):
        (files / name).write_bytes(b"")
    assert main(learn_words(files, "--only-prepare", "--start", wish.format(files))) == 0
    given = getattr(RunFolder.open(files / "run").recipe, field)
    assert len(given) == count if count else given.endswith("old.emprior")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--start", "clean:nothing-*.tif"], "matches"),
        (["--start", "prior:nowhere.emprior"], "no prior"),
        (["--start", "sideways"], "none of"),
        (["--preset", "heroic"], "no preset"),
        (["--rounds", "0"], "rounds"),
    ],
)
def test_wrong_wishes_are_refused_in_a_sentence_and_leave_nothing(files, capsys, words, said):
    assert main(learn_words(files, *words)) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "othing was started" in error
    assert not (files / "run").exists()


def test_a_disk_that_is_full_when_a_run_is_made_leaves_nothing(files, capsys, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr("emdiff_app.images.atomic._flush", refuse)
        assert main(learn_words(files, "--only-prepare")) == 2
        assert "disk is full" in capsys.readouterr().err
    assert not (files / "run").exists()
    assert main(learn_words(files, "--only-prepare")) == 0


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="names are text elsewhere")
def test_a_name_that_is_no_text_is_refused_and_leaves_nothing(files, capsys):
    odd = Path(os.fsdecode(os.fsencode(files) + b"/bad\xff.tif"))
    shutil.copy(files / "cells.tif", odd)
    assert main([str(odd) if word.endswith("cells.tif") else word for word in learn_words(files)]) == 2
    assert "is not a name in UTF-8" in capsys.readouterr().err
    assert not (files / "run").exists()


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_an_image_that_is_given_twice_is_used_once_whatever_it_is_called(files, capsys):
    (files / "link.tif").symlink_to(files / "cells.tif")
    os.link(files / "cells.tif", files / "hard.tif")
    cells = files / "cells.tif"
    more = [cells, files / "." / "cells.tif", files / "link.tif", files / "hard.tif", files / "cell*.tif"]
    words = learn_words(files, "--only-prepare")
    assert main([*words[:2], *map(str, more), *words[2:]]) == 0
    assert RunFolder.open(files / "run").recipe.stacks == (str(cells),)
    said = capsys.readouterr().err
    assert said.count("is used once") == len(more)
    assert "link.tif is used once" in said


def test_images_of_which_some_are_given_twice_are_refused(files, capsys):
    shutil.copy(files / "cells.tif", files / "more.tif")
    words = learn_words(files)
    assert main([*words[:2], str(files / "*.tif"), *words[2:]]) == 2
    assert "Some images of *.tif are also those of cells.tif" in capsys.readouterr().err
    assert not (files / "run").exists()


@pytest.mark.parametrize(
    ("words", "said"), [(["--crop", "128"], "(--crop)"), (["--device", "cuda"], "emdiff doctor")]
)
def test_where_nothing_could_be_started_no_folder_is_in_the_way(files, capsys, monkeypatch, words, said):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    inside = files / "new" / "run"
    assert main([*learn_words(files), "--out", str(inside), *words]) == 2
    assert said in capsys.readouterr().err
    assert not inside.parent.exists()
    inside.mkdir(parents=True)
    assert main([*learn_words(files), "--out", str(inside), *words]) == 2
    assert list(inside.iterdir()) == []


def test_a_run_that_has_begun_is_kept_when_it_fails(files, monkeypatch):
    def work(worker):
        worker.tell(events.Progress(round=0, phase="start", step=1, steps=2))
        raise RunError("It broke. Resume it.")

    monkeypatch.setattr("emdiff_app.learning.learner.Worker.work", work)
    assert main(learn_words(files)) == 2
    assert (files / "run" / "recipe.json").exists()


def test_an_old_run_is_not_overwritten_but_offered(files, capsys):
    assert main(learn_words(files, "--only-prepare")) == 0
    capsys.readouterr()
    assert main(learn_words(files)) == 2
    assert f"emdiff resume {files / 'run'}" in capsys.readouterr().err


@pytest.mark.parametrize("minutes", ["-5", "0", "nan"])
def test_a_time_limit_that_is_none_is_refused_when_going_on(files, capsys, minutes):
    assert main(learn_words(files, "--only-prepare")) == 0
    assert main(["resume", str(files / "run"), "--time-limit", minutes]) == 2
    assert "--time-limit" in capsys.readouterr().err
    assert not (files / "run" / "events.jsonl").exists()


def test_a_file_in_the_place_of_the_run_is_called_a_file(files, capsys):
    assert main([*learn_words(files), "--out", str(files / "model.json")]) == 2
    assert "model.json is a file" in capsys.readouterr().err


def test_a_disk_that_is_full_after_a_torn_line_is_said_with_what_to_do(files, capsys, monkeypatch):
    def refuse(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    assert main(learn_words(files, "--only-prepare")) == 0
    monkeypatch.setattr("emdiff_app.learning.runs.events._end_torn_line", refuse)
    assert main(["resume", str(files / "run")]) == 2
    said = capsys.readouterr().err
    assert "(No space left on device); what was saved is kept" in said
    assert "Free some space" in said


def test_a_worker_on_a_run_that_has_one_says_so_and_leaves(files, capsys):
    assert main(learn_words(files, "--only-prepare")) == 0
    run = RunFolder.open(files / "run")
    with Lock(run.path / "lock"):
        assert main(["worker", str(run.path)]) == 2
        assert "is at work on" in capsys.readouterr().err
        assert main(["watch", str(run.path), "--once", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["worked_on"] is True
    assert main(["watch", str(run.path), "--once", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["worked_on"] is False


def test_a_second_worker_that_is_refused_leaves_the_first_one_paused(files, capsys):
    assert main(learn_words(files, "--only-prepare")) == 0
    run = RunFolder.open(files / "run")
    run.ask("pause")
    with Lock(run.path / "lock"):
        assert main(["resume", str(run.path)]) == 2
        assert "is at work on" in capsys.readouterr().err
    assert run.asked("pause")


@pytest.mark.parametrize("request_from_before", ["pause", "stop"])
def test_going_on_forgets_what_a_worker_before_was_asked(files, request_from_before):
    assert main(learn_words(files, "--only-prepare")) == 0
    run = RunFolder.open(files / "run")
    run.ask(request_from_before)
    assert main(["resume", str(run.path)]) == 0
    assert run.follower().read()[-1].kind == "finished"


@pytest.mark.skipif(os.name == "nt", reason="signals are not sent to oneself there")
def test_ctrl_c_before_a_run_has_begun_is_not_forgotten(files, capsys, monkeypatch):
    assert main(learn_words(files, "--only-prepare")) == 0
    run, taken = RunFolder.open(files / "run"), Lock.__enter__
    run.ask("stop")

    def slow_disk(lock):
        time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)
        return taken(lock)

    monkeypatch.setattr(Lock, "__enter__", slow_disk)
    assert main(["resume", str(run.path)]) == 0
    assert f"Go on with: emdiff resume {run.path}" in capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="folders cannot be made read-only there")
def test_a_run_on_a_read_only_disk_is_refused_in_one_sentence(files, capsys, monkeypatch):
    assert main(learn_words(files, "--only-prepare")) == 0
    run = RunFolder.open(files / "run")
    run.ask("pause")
    opened, unlinked = os.open, os.unlink

    def refuse(path, writes):
        if writes and str(path).startswith(str(run.path)):
            raise OSError(errno.EROFS, "Read-only file system", str(path))

    def os_open(path, flags, *rest, **named):
        refuse(path, flags & (os.O_WRONLY | os.O_RDWR))
        return opened(path, flags, *rest, **named)

    def os_unlink(path, **named):
        refuse(path, True)
        return unlinked(path, **named)

    monkeypatch.setattr(os, "open", os_open)  # whoever runs the tests may be root, whom no permission stops
    monkeypatch.setattr(os, "unlink", os_unlink)
    assert main(["resume", str(run.path)]) == 2
    assert "cannot be written (Read-only file system)" in capsys.readouterr().err
    assert run.asked("pause")


def held_by(run, host, pid, seconds_ago=0.0):
    """The lock of a run as another process has left it."""
    file = run.path / "lock"
    file.write_text(json.dumps({"host": host, "pid": pid, "job": ""}))
    os.utime(file, (time.time() - seconds_ago,) * 2)
    return file


def worked_on(run, capsys):
    """What `watch --once` says of it."""
    capsys.readouterr()
    assert main(["watch", str(run.path), "--once", "--json"]) == 0
    return json.loads(capsys.readouterr().out)["worked_on"]


def test_a_worker_of_this_computer_that_was_killed_is_missed_at_once(files, capsys):
    run = begun(files)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as worker:
        held_by(run, platform.node(), worker.pid)
        assert worked_on(run, capsys)
        worker.kill()
        time.sleep(0.3)  # it is not waited for yet, as where a shell has started it
        assert not worked_on(run, capsys)
    held_by(run, platform.node(), os.getpid(), 86400)  # its number was given to another process since
    assert not worked_on(run, capsys)


@pytest.mark.parametrize("ahead", [200, -5000])
def test_a_worker_elsewhere_is_believed_by_its_heartbeat_not_by_its_clock(files, capsys, monkeypatch, ahead):
    monkeypatch.setattr(lock, "BEAT_S", 1.0)
    monkeypatch.setattr(lock, "LISTEN_S", 0.05)
    run = begun(files)
    file, over = held_by(run, "somewhere-else", 4, ahead), threading.Event()
    assert not worked_on(run, capsys)

    def beat():
        count = 0
        while not over.wait(0.3):
            count += 1
            os.utime(file, (time.time() - ahead + count,) * 2)

    heart = threading.Thread(target=beat)
    heart.start()
    try:
        assert worked_on(run, capsys)
    finally:
        over.set()
        heart.join()


def test_a_worker_elsewhere_whose_heart_stands_still_is_given_up(files, monkeypatch):
    run = begun(files)
    held_by(run, "somewhere-else", 4)
    assert run.is_worked_on
    assert not RunFolder(run.path.parent / "nowhere").is_worked_on
    monkeypatch.setattr(lock, "STALE_S", 0.05)
    time.sleep(0.06)
    assert not run.is_worked_on


def test_an_old_end_is_not_taken_for_the_end_of_a_run_that_is_taken_up_again(files, capsys, monkeypatch):
    run, looks = begun(files), []
    run.writer().write(events.Stopped(round=1))
    holder = Lock(run.path / "lock")

    def sleep(_):
        looks.append(None)
        if len(looks) == 3:
            run.writer().write(events.Started(rounds=2, device="cpu", images=1, crops=8, parameters=9))
            run.writer().write(events.Finished(round=2, prior="prior.emprior"))
            holder.__exit__(None, None, None)

    monkeypatch.setattr(watch.time, "sleep", sleep)
    holder.__enter__()
    capsys.readouterr()
    assert main(["watch", str(run.path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["outcome"] == "finished"
    assert len(looks) == 3


@pytest.fixture
def shown(files):
    """What the live view shows of a story, while somebody is at work or not."""
    assert main(learn_words(files, "--only-prepare")) == 0
    run = RunFolder.open(files / "run")

    def show(story, at_work=True):
        with Lock(run.path / "lock") if at_work else nullcontext():
            console = Console(file=io.StringIO(), width=110)
            console.print(_watching.rendered(run, story))
        return " ".join(console.file.getvalue().split())

    return show


def test_the_live_view_tells_where_the_run_is_and_how_well_it_goes(shown):
    story = Story()
    assert "Getting ready" in shown(story)
    started = {
        "rounds": 12,
        "device": "cuda",
        "device_name": "RTX 4070",
        "images": 1,
        "crops": 8,
        "parameters": 9,
    }
    story.take(events.Started(**started, processes=2))
    story.take(events.Scored(round=2, held_out=-1.5, chi2=1.02, best=True))
    progress = {"round": 3, "phase": "m-step", "step": 840, "steps": 2000}
    story.take(
        events.Progress(**progress, loss=0.25, remaining_s=(2400.0, 3000.0), memory_bytes=2_500_000_000)
    )
    story.take(events.Notice(text="The disk is full."))
    view = shown(story)
    for words in ("Round 3/12, learning 840/2000", "40-50 min", "RTX 4070", "2 processes", "2.5 GB"):
        assert words in view
    for words in ("-1.5000", "kept", "0.2500", "The disk is full."):
        assert words in view
    story.take(events.Paused())
    assert "Paused: round 3/12" in shown(story)
    story.take(events.Failed(text="It broke. Resume it."))
    assert "It broke. Resume it." in shown(story)
    assert "about to go on with it" in shown(story)
    assert "about to go on with it" not in shown(story, at_work=False)


def test_a_run_that_was_stopped_with_a_full_disk_does_not_say_that_all_is_kept(shown):
    story = Story()
    story.take(events.Stopped(round=3))
    assert "what was learned is kept." in shown(story, at_work=False)
    story.take(events.Stopped(round=3, unsaved="the last save, 40 min ago, is safe."))
    assert "in round 3; the last save, 40 min ago, is safe." in shown(story, at_work=False)


def test_a_run_that_nobody_works_on_is_said_to_be_so(shown):
    story = Story()
    assert "has not begun yet" in shown(story, at_work=False)
    story.take(events.Started(rounds=12, device="cpu", images=1, crops=8, parameters=9))
    story.take(events.Progress(round=3, phase="m-step", step=840, steps=2000))
    view = shown(story, at_work=False)
    assert "Nobody is working on it" in view
    assert "emdiff resume" in view


def test_what_is_wrong_with_a_file_is_said_before_it_is_learned_from(files, capsys):
    frames = [
        Image.fromarray(np.random.default_rng(n).integers(0, 255, (64, 64), np.uint8)) for n in range(3)
    ]
    frames[0].save(files / "film.gif", save_all=True, append_images=frames[1:])
    words = learn_words(files, "--only-prepare")
    words[1] = str(files / "film.gif")
    assert main(words) == 0
    assert "film.gif: The file holds 3 frames; only the first was opened" in capsys.readouterr().err


def test_a_run_that_is_done_says_so_when_it_is_resumed(files, capsys):
    assert main(learn_words(files)) == 0
    assert "done already" not in capsys.readouterr().err
    assert main(["resume", str(files / "run")]) == 0
    assert "All rounds were done already, so nothing was learned now" in capsys.readouterr().err
    assert main(["resume", str(files / "run"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["outcome"], found["round"]) == ("finished", 1)
    assert found["best"]["round"] in (0, 1)


def test_a_command_that_is_offered_can_be_copied_whatever_is_in_its_path(files, capsys):
    run = files / "my läuf, one's"
    words = learn_words(files, "--only-prepare")
    words[words.index("--out") + 1] = str(run)
    assert main(words) == 0
    line = capsys.readouterr().err.strip().rpartition("Start it with: ")[2]
    assert shlex.split(line) == ["emdiff", "resume", str(run)]


def test_noise_that_was_measured_here_advises_no_option_that_is_not_there(files, capsys):
    pixels = np.random.default_rng(0).poisson(np.linspace(5, 200, 64), (4, 64, 64)).astype(np.uint16) + 100
    save_stack(stack_from_array(pixels, "ZYX"), files / "camera.tif")
    out = str(files / "run")
    assert (
        main(["learn", str(files / "camera.tif"), "--out", out, "--preset", "quick", "--only-prepare"]) == 0
    )
    said = capsys.readouterr().err
    assert "emdiff estimate --offset N" in said
    assert "Give --offset" not in said


def test_watching_a_stopped_run_waits_for_a_worker_that_is_about_to_start(files, capsys, monkeypatch):
    run = begun(files)
    run.writer().write(events.Stopped(round=1, prior=None))
    started = events.Started(rounds=2, device="cpu", images=1, crops=8, parameters=9)
    seen_for_three_looks(monkeypatch, run, 4, started, events.Finished(round=2, prior="prior.emprior"))
    capsys.readouterr()
    assert main(["watch", str(run.path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["outcome"] == "finished"


def test_watching_a_run_that_could_not_begin_ends(files, capsys, monkeypatch):
    assert main(learn_words(files, "--only-prepare")) == 0
    run = RunFolder.open(files / "run")
    run.writer().write(events.Failed(text="The disk is full."))
    monkeypatch.setattr(watch, "PATIENCE", 0.1)
    assert main(["watch", str(run.path)]) == 0
    assert "The disk is full." in capsys.readouterr().err


def test_a_time_that_was_too_short_is_not_taken_for_a_run_that_is_done(files, capsys):
    assert main(learn_words(files, "--rounds", "3", "--time-limit", "0.0001")) == 0
    capsys.readouterr()
    assert main(["resume", str(files / "run"), "--time-limit", "0.0001"]) == 0
    assert "done already" not in capsys.readouterr().err

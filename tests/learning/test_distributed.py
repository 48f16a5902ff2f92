"""Two processes on one run make the prior that one would make, and a process that dies is replaced."""

import os
import signal
import socket
import subprocess
import sys
import time

import psutil
import pytest
import torch
from forked import forking
from tiny_runs import BLURRED, GAUSSIAN, make_run, told, write_spots

from emdiff_app.learning import distributed, events, learn
from emdiff_app.physics import ImagingModel
from emdiff_app.priors import read_prior

pytestmark = pytest.mark.skipif(
    not torch.distributed.is_available() or not torch.distributed.is_gloo_available(),
    reason="this torch has no gloo",
)


def member(rank, size, port, path):
    """One process of a team, as `torchrun` would start it."""
    os.environ |= {
        "RANK": str(rank),
        "WORLD_SIZE": str(size),
        "LOCAL_RANK": str(rank),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }
    torch.set_num_threads(1)
    from emdiff_app.learning.distributed import main

    sys.exit(main([str(path)]))


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def start_team(run, size=2):
    context = forking("emdiff_app.learning.learner", "torch._dynamo", "test_kill")
    port = free_port()
    team = [context.Process(target=member, args=(rank, size, port, run.path)) for rank in range(size)]
    for process in team:
        process.start()
    return team


def weights(run):
    return list(read_prior(run.prior)[0].parameters())


def scores(run):
    return [e.held_out for e in told(run, "scored")]


CAMERA = ImagingModel.model_validate(
    {"noise": {"kind": "poisson-gaussian", "offset": 90, "gain": 1.0, "read_noise": 2}}
)


ALIKE = {
    "white": {"model": GAUSSIAN},
    "camera": {"model": CAMERA},
    "blur": {"model": BLURRED, "rounds": 2, "denoised_rounds": 1},
    "gaussian": {
        "model": GAUSSIAN,
        "start": "gaussian",
        "anchor": "none",
        "scratch_rounds": 1,
        "scratch_steps": 8,
    },
}


@pytest.mark.parametrize("kind", ALIKE)
def test_two_processes_learn_what_one_learns(tmp_path, kind):
    settings = {"crops": 80, "batch": 5, "save_every_s": 0, **ALIKE[kind]}
    one, two = make_run(tmp_path, "one", **settings), make_run(tmp_path, "two", **settings)
    torch.set_num_threads(1)
    assert learn(one)
    team = start_team(two)
    for process in team:
        process.join(200)
    assert [process.exitcode for process in team] == [0, 0]
    assert told(two, "started")[0].processes == 2
    assert told(two)[-1].kind == "finished"
    assert not told(two, "failed")
    torch.testing.assert_close(weights(one), weights(two), atol=2e-4, rtol=1e-3)
    assert scores(one) == pytest.approx(scores(two), abs=1e-3)


def test_a_team_stops_together_saves_and_one_process_can_go_on(tmp_path):
    whole = make_run(tmp_path, "whole")
    run = make_run(tmp_path, steps=100000, save_every_s=0.2)
    torch.set_num_threads(1)
    team = start_team(run)
    wait_for(lambda: [e for e in told(run, "progress") if e.round == 1], team)
    run.ask("stop")
    for process in team:
        process.join(60)
    assert [process.exitcode for process in team] == [0, 0]
    assert told(run)[-1].kind == "stopped"
    recipe = run.path / "recipe.json"
    recipe.write_text(recipe.read_text().replace("100000", "8"))
    assert learn(run)
    assert told(run)[-1].kind == "finished"
    assert learn(whole)


@pytest.mark.skipif(os.name == "nt", reason="no signals there")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_team_that_is_interrupted_stops_together_and_saves(tmp_path, number):
    """`torchrun` passes on what it hears, to each process, and perhaps a second time."""
    run = make_run(tmp_path, steps=100000, save_every_s=1e9)
    team = start_team(run)
    wait_for(lambda: [e for e in told(run, "progress") if e.round == 1], team)
    for process in [*team, *team]:
        os.kill(process.pid, number)
    for process in team:
        process.join(60)
    assert [process.exitcode for process in team] == [0, 0]
    assert [e.kind for e in told(run)[-2:]] == ["saved", "stopped"]


def test_a_team_that_was_stopped_says_how_to_go_on(tmp_path, capsys):
    run = make_run(tmp_path)
    distributed._say(run, events.Stopped(round=1))
    assert f"emdiff resume {run.path}" in capsys.readouterr().err


def wait_for(happened, team, seconds=120):
    ends = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < ends
        assert all(process.is_alive() for process in team)
        time.sleep(0.05)


def test_what_only_the_leader_can_see_is_the_only_thing_told(tmp_path):
    """The others then find themselves alone, which nobody needs to know."""
    run = make_run(tmp_path)
    assert learn(run)
    write_spots(tmp_path / "spots.tif", seed=1)
    team = start_team(run)
    for process in team:
        process.join(120)
    assert {process.exitcode for process in team} == {1}
    assert "is not the image any more" in told(run)[-1].text
    assert len(told(run, "failed")) == 1


def test_more_processes_than_crops_in_a_batch_are_refused(tmp_path):
    run = make_run(tmp_path, batch=1)
    team = start_team(run)
    for process in team:
        process.join(120)
    assert {process.exitcode for process in team} == {1}
    assert "cannot share a batch of 1" in told(run)[-1].text


@pytest.mark.slow
def test_a_process_that_dies_is_started_again_and_the_result_is_the_same(tmp_path):
    settings = {"crops": 80, "batch": 4, "save_every_s": 0, "steps": 60}
    one, two = make_run(tmp_path, "one", **settings), make_run(tmp_path, "two", **settings)
    torch.set_num_threads(1)
    assert learn(one)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command += ["--max-restarts", "2", "-m", "emdiff_app.learning.distributed", str(two.path)]
    with (tmp_path / "log").open("wb") as log:
        runner = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "OMP_NUM_THREADS": "1"})
    try:
        killed = kill_one_member(runner, two)
        assert runner.wait(240) == 0, (tmp_path / "log").read_text()
    finally:
        for child in psutil.Process().children(recursive=True):
            if child.pid == runner.pid:
                child.kill()
        runner.wait()
    assert killed
    assert len(told(two, "started")) >= 2  # a machine that is busy may need another start
    assert not told(two, "failed")
    torch.testing.assert_close(weights(one), weights(two), atol=2e-4, rtol=1e-3)


def kill_one_member(runner, run):
    """SIGKILL for a process that is not the leader, in the middle of a round."""
    ends = time.monotonic() + 200
    while time.monotonic() < ends and runner.poll() is None:
        if any(e.round == 1 and e.phase == "m-step" for e in told(run, "progress")):
            members = psutil.Process(runner.pid).children()
            for process in members:
                if process.environ().get("RANK") == "1":
                    os.kill(process.pid, signal.SIGKILL)
                    return True
        time.sleep(0.02)
    return False

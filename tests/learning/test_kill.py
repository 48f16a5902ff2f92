"""A power cut at any moment: the run goes on, and ends as if nothing had happened."""

import multiprocessing
import random
import time

import pytest
import torch
from tiny_runs import make_run, same_weights, told

from emdiff_app.learning import RunFolder, learn


def work(path):
    """A worker process, without the seconds that it takes to start one."""
    torch.set_num_threads(1)
    learn(RunFolder.open(path))


@pytest.fixture
def start():
    """Starts workers by forking a process that has imported everything and computed nothing."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["emdiff_app.learning.learner", "torch._dynamo", "test_kill"])

    def started(path):
        process = context.Process(target=work, args=(path,))
        process.start()
        return process

    return started


def events_so_far(run):
    try:
        return (run.path / "events.jsonl").stat().st_size
    except OSError:
        return 0


def kill_at_random_moments(start, run, times, seed):
    """SIGKILL `times` workers, each a moment after it has begun to talk; the number that were alive then."""
    chance = random.Random(seed)
    killed = 0
    for _ in range(times):
        before, process = events_so_far(run), start(run.path)
        while events_so_far(run) == before and process.is_alive():
            time.sleep(0.002)
        time.sleep(chance.expovariate(1 / 0.15))
        killed += process.is_alive()
        process.kill()
        process.join()
        if told(run) and told(run)[-1].kind == "finished":
            break
    return killed


def compare(start, tmp_path, times, **changes):
    torch.set_num_threads(1)
    whole, broken = make_run(tmp_path, "whole", **changes), make_run(tmp_path, "broken", **changes)
    assert learn(whole)
    killed = kill_at_random_moments(start, broken, times, seed=1)
    process = start(broken.path)
    process.join(120)
    assert told(broken)[-1].kind == "finished", told(broken)[-1]
    assert not told(broken, "failed")
    assert same_weights(whole, broken)
    scores = {e.round: e.held_out for e in told(broken, "scored")}
    assert scores == {e.round: e.held_out for e in told(whole, "scored")}
    return killed


def test_a_run_killed_again_and_again_ends_like_one_that_was_not(start, tmp_path):
    assert compare(start, tmp_path, 12, save_every_s=0.05) >= 5


@pytest.mark.slow
def test_a_run_survives_a_hundred_kills(start, tmp_path):
    """Long enough that it is still at work when the hundredth comes."""
    killed = compare(start, tmp_path, 100, save_every_s=0.05, rounds=4, first_steps=150, steps=150, crops=64)
    assert killed == 100

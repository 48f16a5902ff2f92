"""A power cut at any moment: the run goes on, and ends as if nothing had happened."""

import random
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from forked import forking
from tiny_runs import BLURRED, make_run, same_weights, told, write_spots

from emdiff_app.learning import RunFolder, learn

KINDS = {
    "white": {},
    "blur": {"model": BLURRED, "rounds": 2, "denoised_rounds": 1},
}
"""Together they pass through every stage: pixels alone, denoising, a Gaussian's samples, and those of the prior."""
EARLY = 0.1
"""The share of the workers that are killed before they can have said anything."""


def work(path):
    """A worker process, without the seconds that it takes to start one."""
    torch.set_num_threads(1)
    learn(RunFolder.open(path))


@pytest.fixture
def start():
    """Starts workers by forking a process that has imported everything and computed nothing."""
    context = forking("emdiff_app.learning.learner", "torch._dynamo", "test_kill")

    def started(path):
        process = context.Process(target=work, args=(path,))
        process.start()
        return process

    return started


def is_over(run):
    return bool(told(run)) and told(run)[-1].kind == "finished"


def talks(run):
    """How much it has said."""
    try:
        return (run.path / "events.jsonl").stat().st_size
    except OSError:
        return 0


def kill_until_it_is_over(start, run, most, mean_life_s, chance):
    """SIGKILL one worker after the other, each at a random moment of its work; how many died of it."""
    killed = 0
    while killed < most and not is_over(run):
        before, process = talks(run), start(run.path)
        if chance.random() < EARLY:
            time.sleep(chance.uniform(0.0, 0.2))
        else:
            while talks(run) == before and process.is_alive():
                time.sleep(0.002)
            time.sleep(chance.expovariate(1 / mean_life_s))
        killed += process.is_alive()
        process.kill()
        process.join()
    if not is_over(run):
        process = start(run.path)
        process.join(100)
    return killed


def whole(start, tmp_path, kind):
    """The same run without interruption, and how long it took."""
    run = make_run(tmp_path, f"whole-{kind}", save_every_s=0.02, **KINDS[kind])
    process = start(run.path)
    process.join(100)
    assert is_over(run), told(run)[-1]
    return run, told(run)[-1].time - told(run)[0].time


def compare(start, tmp_path, kind, usual, took, most, chance):
    number = len(list(tmp_path.glob(f"broken-{kind}-*")))
    run = make_run(tmp_path, f"broken-{kind}-{number}", save_every_s=0.02, **KINDS[kind])
    killed = kill_until_it_is_over(start, run, most, took / 5, chance)
    assert is_over(run), told(run)[-1]
    assert not told(run, "failed")
    assert same_weights(usual, run)
    assert {e.round: e.held_out for e in told(run, "scored")} == {
        e.round: e.held_out for e in told(usual, "scored")
    }
    return killed


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_hundred_kills(start, tmp_path):
    """In two rows at once: each worker computes on one core."""
    write_spots(tmp_path / "spots.tif")

    def row(kind):
        usual, took = whole(start, tmp_path, kind)
        chance, killed = random.Random(kind), 0
        while killed < 50:
            killed += compare(start, tmp_path, kind, usual, took, 50 - killed, chance)
        return killed

    with ThreadPoolExecutor(2) as rows:
        assert sum(rows.map(row, KINDS)) >= 100

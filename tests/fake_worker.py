"""A worker that learns nothing but talks like one: `python fake_worker.py MODE RUN`.

Written from the contract (one JSON object a line), not with the program's own classes, so that the
window is tested against the contract. Modes: `finish`, `slow` (until told to stop), `late` (the same,
but silent at first), `deaf` (not even then), `vanish` (killed by the system after its first save),
`complain` (says why it failed), `lost` (its GPU is gone), `warn` (one notice, then on), `garbage` (broken
lines between the good ones), `linger` (does not leave after its last word), `crash` (a traceback).
"""

import json
import os
import platform
import shutil
import signal
import sys
import time
from pathlib import Path

import numpy as np

ROUNDS, STEPS = 2, 4
UNSTABLE = "Training became unstable at step 512; went back to step 400 with half the learning rate."
GOLDEN = Path(__file__).parents[1] / "resources" / "golden" / "v1-emdiff-unet-1-plane.emprior"


class Worker:
    def __init__(self, mode: str, run: Path) -> None:
        self.mode, self.run = mode, run
        self.previews = run / "previews"

    def say(self, kind: str, **fields) -> None:
        with (self.run / "events.jsonl").open("a") as file:
            file.write(json.dumps({"kind": kind, "time": time.time(), **fields}) + "\n")

    def asked(self, what: str) -> bool:
        return (self.run / "control" / what).exists()

    def work(self) -> int:
        """With the lock held, which a crash sets free."""
        with (self.run / "lock").open("w") as lock:
            hold(lock)
            lock.write(json.dumps({"host": platform.node(), "pid": os.getpid(), "job": ""}))
            lock.flush()
            try:
                return self.learn()
            finally:
                lock.truncate(0)

    def learn(self) -> int:
        if self.mode == "late":
            time.sleep(1.0)
        device = "cuda" if self.mode in ("complain", "lost") else "cpu"
        self.say("started", rounds=ROUNDS, device=device, images=1, crops=8, parameters=10)
        if self.mode == "crash":
            raise RuntimeError("a mistake in the worker")
        number = 0
        while number < ROUNDS or self.mode in ("slow", "late", "deaf"):
            number += 1
            for step in range(1, STEPS + 1):
                time.sleep(0.02)
                if self.asked("pause"):
                    self.say("paused")
                    while self.asked("pause") and not self.asked("stop"):
                        time.sleep(0.01)
                    self.say("resumed")
                if self.asked("stop") and self.mode != "deaf":
                    self.save(number)
                    self.say("stopped", round=number, prior="prior.emprior")
                    return 0
                self.say(
                    "progress",
                    round=number,
                    phase="m-step",
                    step=step,
                    steps=STEPS,
                    loss=1 / step,
                    remaining_s=[60.0, 80.0],
                )
            self.judge(number)
            self.save(number)
            if self.mode == "vanish":
                os.kill(os.getpid(), signal.SIGKILL)
            if self.mode == "complain":
                self.say("failed", text="The GPU ran out of memory (8.0 GB). Nothing is lost.", details="why")
                return 1
            if self.mode == "lost":
                self.say("failed", text="The GPU was lost. What was saved is kept.", details="CUDA error")
                return 1
            if self.mode == "warn" and number == 1:
                self.say("notice", text=UNSTABLE)
            if self.mode == "garbage":
                with (self.run / "events.jsonl").open("ab") as file:
                    file.write(b'{"kind": "progress", "round": \xff\n[]\n{"kind": "saved"}\n\n')
        self.say("finished", round=number, prior="prior.emprior")
        if self.mode == "linger":
            time.sleep(600)
        return 0

    def judge(self, number: int) -> None:
        bell = np.exp(-(np.linspace(-4.875, 4.875, 40) ** 2) / 2) / np.sqrt(2 * np.pi)
        self.say("scored", round=number, held_out=-1 / number, chi2=1.0, best=True, residuals=bell.tolist())
        self.say("a kind that this window does not know", more=[1, 2])
        self.previews.mkdir(exist_ok=True)
        crops = np.random.default_rng(number).random((3, 4, 16, 16), dtype=np.float32)
        name = f"round-{number:03d}.npz"
        np.savez(self.previews / name, **dict(zip(("recorded", "restored", "spread"), crops, strict=True)))
        self.say("preview", round=number, file=f"previews/{name}")

    def save(self, number: int) -> None:
        shutil.copyfile(GOLDEN, self.run / "prior.emprior")
        self.say("saved", round=number, file="prior.emprior")


def hold(lock) -> None:
    """The system's own lock, beyond what is written."""
    if sys.platform == "win32":
        import msvcrt

        lock.seek(1 << 20)
        msvcrt.locking(lock.fileno(), msvcrt.LK_NBLCK, 1)
        lock.seek(0)
    else:
        import fcntl

        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def command(mode: str):
    """What starts such a worker, as the window wants it."""
    return lambda run: [sys.executable, str(Path(__file__)), mode, str(run)]


if __name__ == "__main__":
    sys.exit(Worker(sys.argv[1], Path(sys.argv[2])).work())

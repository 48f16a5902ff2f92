"""Noise2Void by CAREamics, in an environment that has it and nothing of this program.

`python noise2void_script.py TRAIN.npy TEST.npy OUT.npy MINUTES THREADS`: images are `(N, Y, X)` float32.
"""

import datetime
import importlib
import importlib.util
import sys
import tempfile
import time
from typing import Any

import numpy as np
import torch


def main(train: str, test: str, out: str, minutes: str, threads: str) -> None:
    torch.set_num_threads(int(threads))
    careamics, config = _careamics()
    timer_of = importlib.import_module("lightning.pytorch.callbacks").Timer
    settings = config.create_n2v_config(
        experiment_name="w2s",
        data_type="array",
        axes="SYX",
        patch_size=[64, 64],
        batch_size=16,
        num_epochs=100_000,
        num_steps=50,
    )
    # By default the rate falls tenfold whenever the loss of eight patches has not fallen for 500 steps, which that
    # loss, being of few pixels, soon does not: after 2000 steps nothing would be learned any more.
    scheduler = settings.algorithm_config.lr_scheduler
    constant = {"name": "StepLR", "parameters": {"step_size": 1_000_000_000}}
    settings.algorithm_config.lr_scheduler = type(scheduler)(**constant)
    images, unseen = np.load(train), np.load(test)
    timer = timer_of(duration=datetime.timedelta(minutes=float(minutes)))
    with tempfile.TemporaryDirectory() as folder:
        trainer = careamics.CAREamist(settings, work_dir=folder, callbacks=[timer], enable_progress_bar=False)
        began, worked = time.monotonic(), time.process_time()
        trainer.train(train_data=images)
        seconds, worked = time.monotonic() - began, time.process_time() - worked
        steps = trainer.trainer.global_step
        made, _ = trainer.predict(unseen, axes="SYX", data_type="array", tile_size=(256, 256), batch_size=1)
    np.save(out, np.stack([np.squeeze(plane) for plane in _planes(made)]).astype(np.float32))
    print(
        f"{seconds / 60:.1f} min on {threads} thread(s), which got {worked / 60:.1f} core-minutes; {steps} steps, "
        f"CAREamics {careamics.__version__}"
    )


def _planes(made: Any) -> list[Any]:
    """One list of planes, whether they came as one array or as many."""
    stacked = [np.asarray(part) for part in made]
    if len(stacked) == 1:
        whole = np.squeeze(stacked[0])
        return list(whole) if whole.ndim == 3 else [whole]
    return stacked


def _careamics() -> Any:
    """The package and its configurations, also beside a torchvision that was built for another torch."""
    try:
        importlib.import_module("torchvision")
    except Exception:
        make: Any = torch.library.Library
        library = make("torchvision", "DEF")  # named while it is imported, and not needed here
        library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _keep.append(library)
        for name in [n for n in sys.modules if n.split(".")[0] == "torchvision"]:
            del sys.modules[name]
    return importlib.import_module("careamics"), importlib.import_module("careamics.config")


_keep: list[Any] = []


if __name__ == "__main__":
    main(*sys.argv[1:6])

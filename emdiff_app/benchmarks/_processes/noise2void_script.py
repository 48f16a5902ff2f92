"""Noise2Void by CAREamics, in an environment that has it and nothing of this program.

`python noise2void_script.py TRAIN.npy TEST.npy OUT.npy MINUTES,... THREADS`: images are `(N, Y, X)` float32, and for
each of the times OUT has those of TEST as they are denoised after so many minutes.
"""

import importlib
import importlib.util
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch


def main(train: str, test: str, out: str, minutes: str, threads: str) -> None:
    torch.set_num_threads(int(threads))
    careamics, config = _careamics()
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
    with tempfile.TemporaryDirectory() as folder:
        looks = _looks_of(sorted(float(time) for time in minutes.split(",")), Path(folder))
        trainer = careamics.CAREamist(settings, work_dir=folder, callbacks=[looks], enable_progress_bar=False)
        trainer.train(train_data=images)
        after = []
        for file, _ in looks.taken:  # without its name, the library would take the last of its own
            made, _ = trainer.predict(
                unseen, axes="SYX", data_type="array", tile_size=(256, 256), batch_size=1, checkpoint=file
            )
            after.append(np.stack([np.squeeze(plane) for plane in _planes(made)]).astype(np.float32))
    np.save(out, np.stack(after))
    for _, (seconds, worked, steps) in looks.taken:
        print(
            f"{seconds / 60:.1f} min on {threads} thread(s), which got {worked / 60:.1f} core-minutes; {steps} steps, "
            f"CAREamics {careamics.__version__}"
        )


def _looks_of(minutes: list[float], folder: Path) -> Any:
    """A callback that saves a checkpoint after so many minutes each, and ends the training with the last."""

    class Looks(importlib.import_module("lightning.pytorch.callbacks").Callback):  # type: ignore[misc]
        def __init__(self) -> None:
            self.left = list(minutes)
            self.taken: list[tuple[Path, tuple[float, float, int]]] = []

        def on_train_start(self, trainer: Any, module: Any) -> None:
            self.began, self.worked = time.monotonic(), time.process_time()

        def on_train_batch_end(self, trainer: Any, module: Any, *_: Any) -> None:
            seconds = time.monotonic() - self.began
            if not self.left or seconds < 60 * self.left[0]:
                return
            file = folder / f"{self.left.pop(0):g}-minutes.ckpt"
            self.taken.append((file, (seconds, time.process_time() - self.worked, trainer.global_step)))
            trainer.save_checkpoint(file)
            trainer.should_stop = not self.left

    return Looks()


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

"""How long CAREamics' tiled prediction takes, in an environment that has it and nothing of this program.

`python careamics_script.py IMAGES.npy WEIGHTS THREADS`: images `(N, Y, X)` float32; of its U-Nets of depth 2 the
one with nearly as many weights is taken. Prints one JSON object. Its statistics come from one step of training.
"""

import importlib
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parent))
_careamics: Any = importlib.import_module("noise2void_script")._careamics

CHANNELS = (8, 12, 16, 20, 24, 28, 32, 36, 40, 48, 64)


def main(file: str, weights: str, threads: str) -> None:
    torch.set_num_threads(int(threads))
    careamics, config = _careamics()
    images = np.load(file)
    with tempfile.TemporaryDirectory() as folder:
        made = [_trainer(careamics, config, channels, folder) for channels in CHANNELS]
        trainer = min(made, key=lambda t: abs(_weights(t) - int(weights)))
        trainer.train(train_data=images[:, :256, :256])
        began = time.perf_counter()
        trainer.predict(images, axes="SYX", data_type="array", tile_size=(256, 256), batch_size=1)
        seconds = time.perf_counter() - began
    print(json.dumps({"seconds": seconds, "peak": _peak(), "weights": _weights(trainer)}))


def _trainer(careamics: Any, config: Any, channels: int, folder: str) -> Any:
    settings = config.create_n2v_config(
        experiment_name="bench",
        data_type="array",
        axes="SYX",
        patch_size=[64, 64],
        batch_size=1,
        num_epochs=1,
        num_steps=1,
        n_val_patches=1,
    )
    settings.algorithm_config.model.num_channels_init = channels
    return careamics.CAREamist(settings, work_dir=folder, enable_progress_bar=False)


def _weights(trainer: Any) -> int:
    return sum(weight.numel() for weight in trainer.model.parameters())


def _peak() -> int:
    """The most memory that this process ever held; getrusage would count the one that started it too."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    main(*sys.argv[1:4])

"""The images that an imaging model names (PSFs, masks) move into the run folder, so that a run stands alone."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np

from emdiff_app.physics import ImagingModel
from emdiff_app.physics.files import find, read_image

__all__ = ["gathered"]

FOLDER = "model"


def gathered(model: ImagingModel, run: Path) -> ImagingModel:
    """Copy what `model` names into `run` and return the model that names the copies."""
    described = model.model_dump(mode="json")
    names: dict[str, str] = {}

    def copied(path: str) -> str:
        if path not in names:
            (run / FOLDER).mkdir(exist_ok=True)
            if model.place.enclosed is not None:
                name = f"{len(names)}.npy"
                np.save(run / FOLDER / name, read_image(path, model.place, "model")[0], allow_pickle=False)
            else:
                source = find(path, model.place, "model")
                name = f"{len(names)}-{source.name}"
                shutil.copyfile(source, run / FOLDER / name)
            names[path] = f"{FOLDER}/{name}"
        return names[path]

    def walked(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                k: copied(v) if k == "path" and isinstance(v, str) else walked(v) for k, v in value.items()
            }
        return [walked(item) for item in value] if isinstance(value, list) else value

    changed = walked(described)
    return ImagingModel.model_validate(changed).located(run, confined=True) if names else model

"""The images that an imaging model names (a measured PSF, a mask) travel inside the prior.

A path means nothing on another computer, and a stranger's path is not to be followed. So on writing, each
image is taken in and its path becomes a name inside the file; on reading, a name that is not there is refused.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emdiff_app.errors import PriorError
from emdiff_app.images.units import to_um
from emdiff_app.physics import BlurSpec, ImagePsf, ImagingModel, MaskSpec
from emdiff_app.physics.files import read_image

from .tensors import Layout

__all__ = ["check_pictures", "picture_names", "taken_in"]

Images = dict[str, NDArray[Any]]
MOST_AXES = 3


def taken_in(model: ImagingModel) -> tuple[ImagingModel, Images]:
    """The model with its images inside, and these images."""
    images: Images = {}
    operators: list[Any] = []
    for number, spec in enumerate(model.operator):
        where = f"operator[{number}]"
        match spec:
            case BlurSpec(psf=ImagePsf() as psf):
                name = f"psf-{number}"
                pixels, stated = read_image(psf.path, model.place, f"{where}.psf")
                images[name] = np.ascontiguousarray(pixels, np.float32)
                axes = "ZYX"[-pixels.ndim :]
                sizes = tuple(to_um(stated[a].value, stated[a].unit) for a in axes if a in stated)
                known = tuple(size for size in sizes if size is not None)
                own = psf.pixel_size_um or (known if len(known) == len(axes) else None)
                psf = psf.model_copy(update={"path": name, "pixel_size_um": own})
                operators.append(spec.model_copy(update={"psf": psf}))
            case MaskSpec(pattern="image", path=str(path)):
                name = f"mask-{number}"
                pixels, _ = read_image(path, model.place, where)
                images[name] = np.ascontiguousarray(pixels != 0, np.uint8)
                operators.append(spec.model_copy(update={"path": name}))
            case _:
                operators.append(spec)
    if not images:
        return model, {}
    return model.model_copy(update={"operator": tuple(operators)}).enclosing(images), images


def picture_names(model: ImagingModel) -> set[str]:
    """What the images are called that the model names."""
    blurs = {s.psf.path for s in model.operator if isinstance(s, BlurSpec) and isinstance(s.psf, ImagePsf)}
    masks = {str(s.path) for s in model.operator if isinstance(s, MaskSpec) and s.pattern == "image"}
    return blurs | masks


def check_pictures(names: set[str], layouts: Mapping[str, Layout], path: Path) -> None:
    """Exactly the images that the model names, each a plain picture or volume."""
    if names != layouts.keys():
        odd = min(names ^ layouts.keys())
        raise PriorError(
            f"{path} names the image {odd[:60]!r} and does not hold it, or the other way round; nothing else was "
            "read. Ask for the prior again."
        )
    for name, layout in layouts.items():
        if not 1 <= len(layout.shape) <= MOST_AXES or 0 in layout.shape:
            raise PriorError(f"{path}: the image {name!r} has an impossible size; ask for the prior again.")

"""PNG, for photos: one plane of 8 or 16 bits, gray or colour."""

from pathlib import Path

import numpy as np

from emdiff_app.errors import StackError

from .save import Saving

__all__ = ["write_png"]


def write_png(saving: Saving, file: Path) -> None:
    """One plane, losslessly. PNG has no place for a pixel size in um: OME-TIFF is for microscopy."""
    import imagecodecs

    stack = saving.stack
    if saving.count != 1 or saving.dtype not in (np.uint8, np.uint16):
        otherwise = ", or --dtype uint16" if saving.count == 1 else ""
        raise StackError(
            f"{stack.name or 'The image'}: a PNG holds one plane of 8 or 16 bits and this is {saving.count} "
            f"of {saving.dtype}; nothing was written. Choose .ome.tif{otherwise}."
        )
    for _, plane in saving.planes():
        file.write_bytes(imagecodecs.png_encode(np.ascontiguousarray(plane)))

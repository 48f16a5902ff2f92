"""The bare numpy array: pixels and nothing else."""

from pathlib import Path

import numpy as np

from .save import Saving

__all__ = ["write_npy"]


def write_npy(saving: Saving, file: Path) -> None:
    """The pixels alone, in the order of the stack's axes; everything else about them is lost."""
    stack = saving.stack
    # Written front to back rather than through a memory map, so that a full disk is an error and no crash.
    with file.open("wb") as handle:
        header = {"descr": saving.dtype.str, "fortran_order": False, "shape": stack.shape}
        np.lib.format.write_array_header_2_0(handle, header)
        for _, plane in saving.planes():
            handle.write(np.ascontiguousarray(plane).data)

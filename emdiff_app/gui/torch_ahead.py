"""PyTorch for a thread of the window, loaded so that the window stays alive meanwhile.

Importing PyTorch holds Python's lock while the system reads hundreds of megabytes of libraries, and a window
cannot answer until that is done. Loading these libraries first through a foreign call, which lets go of the lock,
leaves little for the import itself.
"""

import contextlib
import ctypes
import importlib.util
import os
import sys
import threading
from pathlib import Path

__all__ = ["load_torch"]

_once = threading.Lock()
LIBRARIES = ("c10", "torch_cpu", "torch", "torch_python")


def load_torch() -> None:
    """Import PyTorch; returns at once where that has been done."""
    if "torch" in sys.modules:
        return
    with _once:
        with contextlib.suppress(OSError, AttributeError):  # the import works without, only less smoothly
            _load_libraries()
        import torch  # noqa: F401


def _load_libraries() -> None:
    found = importlib.util.find_spec("torch")
    if found is None or found.origin is None or os.name != "posix":
        return
    folder = Path(found.origin).with_name("lib")
    ending = "dylib" if sys.platform == "darwin" else "so"
    load = ctypes.CDLL(None).dlopen  # a call of a foreign function: it runs without Python's lock
    load.restype, load.argtypes = ctypes.c_void_p, [ctypes.c_char_p, ctypes.c_int]
    for name in LIBRARIES:
        library = folder / f"lib{name}.{ending}"
        if library.exists():
            load(os.fsencode(library), os.RTLD_LAZY | os.RTLD_GLOBAL)

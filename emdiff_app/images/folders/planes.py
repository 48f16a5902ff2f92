"""The planes of many files, each opened when it is asked for."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emdiff_app.errors import StackError

from ..stack import Stack

__all__ = ["FolderReader", "check_alike"]

_CHECKED_AT_ONCE = 256
_KEPT_OPEN = 8


def check_alike(first: Stack, files: Sequence[Path], open_one: Callable[[Path], Stack]) -> None:
    """Refuse files of another size or dtype than the first, by name.

    Of a very long series a part, evenly spread, is opened now; every other one is checked when it is
    read.
    """
    spread = np.linspace(0, len(files) - 1, min(len(files), _CHECKED_AT_ONCE)).round().astype(int)
    for number in spread:
        with open_one(files[number]) as stack:
            _compare(first, stack, files[number])


def _compare(first: Stack, stack: Stack, file: Path) -> None:
    if (stack.axes, stack.shape, stack.dtype) != (first.axes, first.shape, first.dtype):
        raise StackError(
            f"{file.name} ({_size(stack)}) does not fit {first.name} ({_size(first)}), the first of its series; "
            "take it out of the folder, or choose the files with a pattern."
        )


def _size(stack: Stack) -> str:
    return " ".join([*(f"{axis}{n}" for axis, n in stack.sizes.items()), stack.dtype.name])


class FolderReader:
    """Planes of a stack whose outer axes are files, and perhaps axes inside of each file."""

    def __init__(
        self,
        files: Sequence[Path],
        first: Stack,
        outer: str,
        letters: str,
        levels: Sequence[int],
        open_one: Callable[[Path], Stack],
    ) -> None:
        self._files, self._first, self._open_one = files, first, open_one
        self._outer, self._levels = outer, levels
        stack_axes = [a for a in "TCZ" if a in letters]
        self._file_at = [stack_axes.index(a) if a in stack_axes else None for a in outer]
        # The file's own outer axes under the letters that the stack gives them.
        inner = letters[len(outer) :][: len(first.outer_axes)]
        self._inner_at = [stack_axes.index(a) for a in inner]
        self._open: OrderedDict[Path, Stack] = OrderedDict()
        self._lock = Lock()

    def read(self, index: tuple[int, ...]) -> NDArray[Any]:
        stack, inner = self._stack(index)
        return stack.plane(inner)

    def read_region(self, index: tuple[int, ...], rows: slice, columns: slice) -> NDArray[Any]:
        stack, inner = self._stack(index)
        return stack.region(inner, rows, columns)

    def close(self) -> None:
        with self._lock:
            while self._open:
                self._open.popitem()[1].close()
        self._first.close()

    def _stack(self, index: tuple[int, ...]) -> tuple[Stack, tuple[int, ...]]:
        places = [0 if at is None else index[at] for at in self._file_at]
        number = int(np.ravel_multi_index(places, self._levels)) if places else 0
        return self._opened(self._files[number]), tuple(index[at] for at in self._inner_at)

    def _opened(self, file: Path) -> Stack:
        with self._lock:
            stack = self._open.get(file)
            if stack is None:
                stack = self._open_one(file)
                _compare(self._first, stack, file)
                self._open[file] = stack
                if len(self._open) > _KEPT_OPEN:
                    self._open.popitem(last=False)
            self._open.move_to_end(file)
            return stack

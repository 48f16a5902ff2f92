"""Which axis of a file is which axis of the stack, and what to say where the file does not tell."""

from collections.abc import Sequence
from dataclasses import dataclass

from emdiff_app.errors import StackError

from .stack import AXES

__all__ = ["AxisMap", "map_axes"]

COLOUR_LENGTHS = (2, 3, 4)
"""An unnamed axis this short may be colours, channels or depth; longer ones are hardly colours."""

NAMES = {
    "A": "angle", "E": "wavelength", "H": "lifetime", "I": "page", "J": "column", "K": "row", "L": "exposure",
    "M": "mosaic", "P": "phase", "Q": "page", "R": "position", "V": "view",
}  # fmt: skip


@dataclass(frozen=True)
class AxisMap:
    """One letter of the stack for each axis of the file; an axis of length one that is left out is `-`."""

    letters: str
    shape: tuple[int, ...]
    warnings: tuple[str, ...] = ()

    @property
    def axes(self) -> str:
        """The axes of the stack, in its order."""
        return "".join(sorted(self.letters.replace("-", ""), key=AXES.index))

    @property
    def stack_shape(self) -> tuple[int, ...]:
        return tuple(self.shape[self.letters.index(letter)] for letter in self.axes)


def map_axes(
    found: str, shape: Sequence[int], override: str | None = None, *, name: str = "The image"
) -> AxisMap:
    """Map the axes that a file states to those of a stack.

    `found` has a letter for each axis of `shape`, in the order of the file; letters outside `TCZYXS` are
    axes that a stack does not have. Axes of length one are left out unless they are Y or X. With
    `override` the user says it all: one letter for each axis, with or without those of length one.
    """
    shape = tuple(int(n) for n in shape)
    if override is not None:
        return _overridden(found, shape, override.upper(), name)
    letters = ["-" if n == 1 and a not in "YX" else a for a, n in zip(found, shape, strict=True)]
    if "E" in letters and "C" not in letters:
        letters[letters.index("E")] = "C"  # wavelengths are channels
    unknown = [i for i, letter in enumerate(letters) if letter not in AXES + "-"]
    repeated = sorted({a for a in letters if a != "-" and letters.count(a) > 1})
    if len(unknown) > 1 or repeated or "Y" not in letters or "X" not in letters:
        raise StackError(
            f"{name}: I can't tell which axis is which in the shape {_times(shape)} (the file says "
            f"{''.join(found)}); say it with --axes, one letter of {AXES} for each axis."
        )
    warnings: tuple[str, ...] = ()
    if unknown:
        at = unknown[0]
        letters[at], warnings = _guess(found[at], shape[at], letters, name)
    return AxisMap("".join(letters), shape, warnings)


def _guess(letter: str, length: int, letters: list[str], name: str) -> tuple[str, tuple[str, ...]]:
    """The one axis of unknown meaning: depth, unless it may just as well be channels."""
    free = [a for a in "ZTC" if a not in letters]
    others = "".join(a for a in letters if a in AXES)
    examples = [f"--axes {_sorted(a + others)}" for a in free]
    example = " or ".join(examples)
    what = NAMES.get(letter, "unnamed")
    if not free:
        raise StackError(
            f"{name}: it has a further axis of length {length} ({what}) beside {others}, which a stack cannot "
            "hold; nothing was changed. Save one of them at a time and open that."
        )
    if letter in NAMES and NAMES[letter] != "page":
        raise StackError(
            f"{name}: its axis of length {length} is {what}, which a stack does not have; to read it as another axis "
            f"say {example}."
        )
    if length in COLOUR_LENGTHS and not {"C", "S"} & set(letters):
        raise StackError(
            f"{name}: I can't tell whether the axis of length {length} is depth, time or channels; "
            f"say it with {example}."
        )
    otherwise = f", or choose {' or '.join(examples[1:])}" if examples[1:] else ""
    warning = (
        f"The file does not say what its axis of length {length} is ({what}); it is taken as {free[0]}. "
        f"Confirm that with {examples[0]}{otherwise}."
    )
    return free[0], (warning,)


def _overridden(found: str, shape: tuple[int, ...], override: str, name: str) -> AxisMap:
    long = [i for i, (a, n) in enumerate(zip(found, shape, strict=True)) if n > 1 or a in "YX"]
    if len(override) == len(shape):
        places = list(range(len(shape)))
    elif len(override) == len(long):
        places = long
    else:
        said = _times([shape[i] for i in long])
        raise StackError(
            f"{name}: --axes {override} names {len(override)} axes, but the file has {len(long)} ({said}); "
            "give one letter for each."
        )
    if len(set(override)) < len(override) or not {"Y", "X"} <= set(override) <= set(AXES):
        raise StackError(
            f"{name}: --axes {override} does not work; use each letter of {AXES} at most once, with Y and X."
        )
    letters = ["-"] * len(shape)
    for place, letter in zip(places, override, strict=True):
        letters[place] = letter
    return AxisMap("".join(letters), shape)


def _sorted(letters: str) -> str:
    return "".join(sorted(letters, key=AXES.index))


def _times(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape)) or "()"

"""What the names of files say about the planes in them: `cell_w2_z003_t0010.tif` is channel 2, depth 3, time 10."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["PlaneName", "natural_key", "parse_name"]

_WORDS = {
    **dict.fromkeys(("timepoint", "time", "frame", "t"), "T"),
    **dict.fromkeys(("wavelength", "channel", "ch", "w", "c"), "C"),
    **dict.fromkeys(("zstep", "slice", "plane", "depth", "z"), "Z"),
}
_RANK = {word: rank for rank, word in enumerate(sorted(_WORDS, key=lambda w: (len(w), w != "c")))}
_TOKEN = re.compile(
    r"(?:(?<=[^A-Za-z0-9])|(?<=[0-9])|^)"
    # MetaMorph writes the name of the channel after its number: `_w1CFP_`.
    r"(?:(?P<w>w)(?P<wn>[0-9]+)(?:[A-Za-z][A-Za-z0-9 -]*)?(?=[_./]|$)"
    # Longer words first, so that `ch1` is not read as `c` and something.
    rf"|(?P<a>{'|'.join(sorted(_WORDS, key=len, reverse=True))})[_=-]?(?P<an>[0-9]+)"
    r"(?=[^A-Za-z0-9]|[A-Za-z]+[_-]?[0-9]|$))",
    re.IGNORECASE,
)
# Instruments add a random identifier to every name; it tells nothing and would swallow the number before it.
_IDENTIFIER = re.compile(r"[0-9A-F]{8}(?:-[0-9A-F]{4}){3}-[0-9A-F]{12}", re.IGNORECASE)


@dataclass(frozen=True)
class PlaneName:
    """A file's place on each axis, and the rest of its name, which tells one image from another.

    `words` has the axis as the file spells it (`w2`), for the names of channels.
    """

    places: dict[str, int]
    words: dict[str, str]
    rest: str


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Sorts `z2` before `z10`, and numbers before letters."""
    parts = re.split(r"([0-9]+)", name.casefold())
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part]


def parse_name(parts: Sequence[str]) -> PlaneName:
    """Read the folder names and the name of one file (without its ending), outermost first."""
    places: dict[str, int] = {}
    words: dict[str, str] = {}
    text = _IDENTIFIER.sub("", "/".join(parts))
    taken: dict[str, re.Match[str]] = {}
    for match in _TOKEN.finditer(text):
        axis = _WORDS[_word(match)]
        # Where a name has two words for one axis, `c` is the weaker: in `C05_s1_w2` it is a well and in
        # `r01c03-ch2` a column.
        if axis not in taken or _RANK[_word(match)] > _RANK[_word(taken[axis])]:
            taken[axis] = match
    for axis, match in taken.items():
        places[axis], words[axis] = int(match["wn"] or match["an"]), match[0]
    for match in sorted(taken.values(), key=lambda m: -m.start()):
        text = text[: match.start()] + "*" + text[match.end() :]
    return PlaneName(places, words, text)


def _word(match: re.Match[str]) -> str:
    return (match["w"] or match["a"]).lower()

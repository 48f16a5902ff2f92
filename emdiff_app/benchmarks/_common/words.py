"""The words after a benchmark's name: which parts, how many images, how many minutes, and where the data are."""

from collections.abc import Sequence

from emdiff_app.errors import EMDiffError

__all__ = ["Words"]


class Words:
    """Each call takes the words that it understands; what is left must be the data folder."""

    def __init__(self, words: Sequence[str]) -> None:
        self.left = list(words)

    def among(self, known: tuple[str, ...]) -> tuple[str, ...]:
        """Those that name a part, in the order of the parts."""
        named = tuple(word for word in known if word in self.left)
        self.left = [word for word in self.left if word not in known]
        return named

    def numbers(self, suffix: str = "") -> tuple[int, ...]:
        """Whole numbers such as `20`, or with a suffix such as `60%`."""
        found = [
            word for word in self.left if word.endswith(suffix) and word.removesuffix(suffix).isdecimal()
        ]
        self.left = [word for word in self.left if word not in found]
        return tuple(int(word.removesuffix(suffix)) for word in found)

    def amounts(self, unit: str) -> tuple[float, ...]:
        """Numbers with a unit, such as `15min`."""
        found = [word for word in self.left if word.endswith(unit) and _is_number(word.removesuffix(unit))]
        self.left = [word for word in self.left if word not in found]
        return tuple(float(word.removesuffix(unit)) for word in found)

    def amount(self, unit: str, default: float) -> float:
        """The last of them, or the default."""
        return (default, *self.amounts(unit))[-1]

    def rest(self) -> str | None:
        """The data folder, where one was named."""
        if len(self.left) > 1:
            raise EMDiffError(
                f"{self.left[0]!r} is no part of this benchmark; nothing was measured. Its words are in the first "
                "lines of its file, and the last word may be the data folder."
            )
        return self.left[0] if self.left else None


def _is_number(text: str) -> bool:
    try:
        return 0 < float(text) < 1e6
    except ValueError:
        return False

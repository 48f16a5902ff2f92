"""Whether a run will fit on its disk, asked before it begins."""

import shutil
from pathlib import Path

from emdiff_app.errors import RunError

__all__ = ["check_space", "space_needed"]

CHECKPOINTS = 5
"""Three, the best one, and the one that is being written."""
ROUNDS = 4
"""So many rounds of samples may lie there at once."""
OTHER = 32 << 20
"""Events, previews, the prior."""


def space_needed(parameters: int, pixels: int, *, fresh: bool = False) -> int:
    """Bytes, for a network of so many weights and so many pixels in all crops of a round; `fresh` weights in the end
    need those of the best round and those that drew for them as well."""
    checkpoint = 4 * (6 if fresh else 4) * parameters  # weights, their average, two moments of the optimiser
    return CHECKPOINTS * checkpoint + ROUNDS * 4 * pixels + OTHER


def check_space(folder: Path, needed: int) -> None:
    """Refuse in words; what the folder holds already counts."""
    there = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())
    free = shutil.disk_usage(folder).free
    if free + there < needed:
        raise RunError(
            f"The disk of {folder} has {free / 1e6:.0f} MB left, and this run needs about "
            f"{(needed - there) / 1e6:.0f} MB; nothing was lost. Free some space or choose another folder."
        )

"""Finished planes on disk: what a restoration that is killed, cancelled or out of disk goes on from.

A folder beside the results: `restoring.json` says what is being restored, `planes.jsonl` which planes are finished
and how they fit, `plane-000012.npz` holds them. A plane counts when its line is whole.
"""

import json
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emdiff_app.errors import StackError
from emdiff_app.images.atomic import replacing, write_bytes
from emdiff_app.physics.checking import Agreement

__all__ = ["DamagedPlane", "KeptPlanes", "KeptReader"]

MANIFEST, FINISHED = "restoring.json", "planes.jsonl"


class DamagedPlane(StackError):  # noqa: N818 - it is about the plane
    """A finished plane could not be read; it counts as finished no more."""


class KeptPlanes:
    """The finished planes of one restoration, which `identity` tells from any other."""

    def __init__(self, folder: Path, identity: Mapping[str, Any]) -> None:
        self.folder = folder
        self._begin(json.loads(json.dumps(dict(identity), default=str)))
        self._load()

    def __len__(self) -> int:
        return len(self._done)

    def __contains__(self, index: tuple[int, ...]) -> bool:
        return index in self._done

    def keep(
        self,
        indices: tuple[tuple[int, ...], ...],
        planes: Mapping[str, NDArray[np.float32]],
        fits: list[Agreement],
        unstable: bool,
        missing: int = 0,
    ) -> None:
        """Put the planes of one unit on the disk; from then on they are finished."""
        for number, index in enumerate(indices):
            with replacing(self._file(index), overwrite=True) as temporary, temporary.open("wb") as handle:
                np.savez(handle, **{name: values[number] for name, values in planes.items()})
        line = {
            "planes": indices,
            "fits": [asdict(fit) for fit in fits],
            "unstable": unstable,
            "missing": missing,
        }
        with (self.folder / FINISHED).open("a", encoding="utf-8") as handle:
            handle.write(f"\n{json.dumps(line)}\n")  # the line before may be torn
        self._take(line)

    def read(self, name: str, index: tuple[int, ...]) -> NDArray[np.float32]:
        """One finished plane; where it is damaged, it and what was made along with it are forgotten."""
        try:
            with np.load(self._file(index), allow_pickle=False) as held:
                plane: NDArray[np.float32] = held[name]
                return plane
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            with suppress(OSError):
                self._file(index).unlink()
            self._load()
            raise DamagedPlane(
                f"{self._file(index)}, a finished plane, cannot be read ({error}); it was removed, and the same "
                "command restores it again."
            ) from error

    def remove(self) -> None:
        """The results are written: nothing here is needed any more."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _begin(self, identity: dict[str, Any]) -> None:
        """Say what is being restored, or find that it is said already."""
        try:
            self.folder.mkdir(exist_ok=True)
        except OSError as error:
            raise StackError(
                f"{self.folder.parent} cannot be written ({error.strerror or error}); nothing was restored. Choose "
                "another folder, or check its permissions."
            ) from error
        if self._read() == identity:
            return
        if any(not path.name.startswith(".") for path in self.folder.iterdir()):
            raise StackError(
                f"{self.folder} is where finished planes are kept until all are there, and it holds something else; "
                "nothing was changed. Rename or delete it."
            )
        write_bytes(self.folder / MANIFEST, json.dumps(identity, indent=1).encode())

    def _read(self) -> Any:
        try:
            return json.loads((self.folder / MANIFEST).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def _load(self) -> None:
        """Take what is said of planes that are there; of planes that were restored again, the last word counts."""
        self.fits: list[Agreement] = []
        self.unstable = self.missing = 0
        self._done: set[tuple[int, ...]] = set()
        for line in {str(line["planes"]): line for line in self._lines()}.values():
            self._take(line)

    def _lines(self) -> Iterator[dict[str, Any]]:
        try:
            text = (self.folder / FINISHED).read_text(encoding="utf-8")
        except OSError:
            return
        for line in text.split("\n"):
            try:
                found = json.loads(line)
            except ValueError:  # empty, or the last one of a process that was killed
                continue
            if all(_is_whole(self._file(tuple(index))) for index in found["planes"]):
                yield found

    def _take(self, line: Mapping[str, Any]) -> None:
        self._done |= {tuple(index) for index in line["planes"]}
        self.fits += [
            Agreement(fit["pixels"], fit["chi2"], tuple(fit["autocorrelation"])) for fit in line["fits"]
        ]
        self.unstable += bool(line["unstable"])
        self.missing += int(line.get("missing", 0))

    def _file(self, index: tuple[int, ...]) -> Path:
        return self.folder / f"plane-{'-'.join(f'{i:05d}' for i in index) or '0'}.npz"


def _is_whole(path: Path) -> bool:
    """Whether a file is there to its end, which holds the list of what is in it."""
    return path.is_file() and zipfile.is_zipfile(path)


@dataclass(frozen=True)
class KeptReader:
    """The planes of one result, as a stack reads them."""

    kept: KeptPlanes
    name: str

    def read(self, index: tuple[int, ...]) -> NDArray[Any]:
        return self.kept.read(self.name, index)

    def read_region(self, index: tuple[int, ...], rows: slice, columns: slice) -> NDArray[Any]:
        return self.read(index)[rows, columns]

    def close(self) -> None:
        """Nothing stays open."""

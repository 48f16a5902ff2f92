"""The planes of an OME-TIFF, in its own pages and in those of other files, which are opened when needed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

from emdiff_app.errors import StackError

from .ifds import Chain, walk
from .log import collected_messages
from .pages import Page, page_of

__all__ = ["OmePages", "OmePart", "rows_like"]


@dataclass(frozen=True)
class OmePages:
    """Planes in the order of the description, each in a file that is opened when first needed."""

    name: str
    slots: Sequence[tuple[str, int] | None]
    own: Sequence[Page | None]
    others: dict[str, "OmePart"]

    def __len__(self) -> int:
        return len(self.slots)

    def page(self, number: int) -> Page:
        slot = self.slots[number]
        if slot is None:
            raise _missing(self.name, number, len(self.slots), "it was never written")
        file, directory = slot
        rows = self.own if not file else self.others[file].pages(number, len(self.slots))
        page = rows[directory] if directory < len(rows) else None
        if page is None:
            raise _missing(self.name, number, len(self.slots), f"it is not in {file or self.name!r}")
        return page

    def here(self) -> Sequence[int]:
        return [number for number, slot in enumerate(self.slots) if slot is None or not slot[0]]


@dataclass
class OmePart:
    """Another file of the same stack."""

    path: Path
    keyframe: Any
    found: list[Page | None] | None = None
    lock: Lock = field(default_factory=Lock)

    def pages(self, number: int, count: int) -> Sequence[Page | None]:
        with self.lock:
            if self.found is None:
                if not self.path.is_file():
                    raise _missing(self.path.name, number, count, "that file is missing")
                self.found = self._read()
            return self.found

    def _read(self) -> list[Page | None]:
        import tifffile

        try:
            with collected_messages(), tifffile.TiffFile(self.path, _multifile=False) as file:
                first = file.pages.first
                if first.hash != self.keyframe.hash:
                    raise StackError(
                        f"{self.path.name}: its pages differ in size or kind from the rest of the stack; nothing was "
                        "changed. Check that the files belong together."
                    )
                return rows_like(file, walk(self.path), self.path, first)
        except (StackError, OSError):
            raise
        except Exception as error:
            raise StackError(
                f"{self.path.name}: it is damaged; copy it again, it is part of the stack."
            ) from error


def _missing(name: str, number: int, count: int, why: str) -> StackError:
    return StackError(
        f"{name}: plane {number + 1} of {count} is missing ({why}); nothing was changed. Copy all files of the stack "
        "into one folder, or leave that plane out."
    )


def rows_like(file: Any, chain: Chain, path: Path, keyframe: Any) -> list[Page | None]:
    """The pages of the file that can be decoded like `keyframe`."""
    expected = chain.signatures.get(keyframe.offset)
    file.pages.useframes = True
    file.pages._keyframe = keyframe
    rows: list[Page | None] = []
    for number, signature in enumerate(chain.signatures.values()):
        if signature == expected:
            rows.append(page_of(file.pages[number], path))
        else:
            page = file.pages.get(number, aspage=True)
            rows.append(page_of(page, path) if page.hash == keyframe.hash else None)
    return rows

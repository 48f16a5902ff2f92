"""Whether the files of a folder are one OME-TIFF that was spread over several files."""

from collections.abc import Sequence
from pathlib import Path

from .log import collected_messages
from .ome_series import inside
from .ome_xml import parse_ome

__all__ = ["COMPANION", "LARGEST_COMPANION", "ome_set"]

COMPANION = ".companion.ome"
LARGEST_COMPANION = 64 << 20


def ome_set(files: Sequence[Path]) -> Path | None:
    """The file to open, where its OME-XML names all of `files` as parts of one set; None where none does."""
    folder = files[0].parent
    if files[0].suffix.lower() not in (".tif", ".tiff"):
        return None
    for start in [*sorted(folder.glob(f"*{COMPANION}")), files[0]]:
        whole, parts = _described(start, folder)
        if whole is not None and len(parts) > 1 and parts >= {file.resolve() for file in files}:
            return whole
    return None


def _described(start: Path, folder: Path, *, follow: bool = True) -> tuple[Path | None, set[Path]]:
    """The file with the description, `start` or the one it points to, and the TIFFs which that names."""
    try:
        xml = parse_ome(_text(start))
    except ValueError:
        return None, set()
    if xml.master:
        master = inside(folder, xml.master)
        there = follow and master is not None and master.is_file()
        return _described(master, folder, follow=False) if there and master else (None, set())
    named = {block.file for image in xml.images for block in image.blocks if block.file}
    parts = {part.resolve() for name in named if (part := inside(folder, name)) is not None}
    return start, parts if start.name.endswith(COMPANION) else parts | {start.resolve()}


def _text(file: Path) -> str:
    """The OME-XML of a TIFF or a companion file; ValueError where there is none."""
    if file.name.endswith(COMPANION):
        if file.stat().st_size > LARGEST_COMPANION:
            raise ValueError("it is too large")
        return file.read_text(encoding="utf-8", errors="replace")
    import tifffile

    try:
        with collected_messages(), tifffile.TiffFile(file, _multifile=False) as tiff:
            return tiff.ome_metadata or ""
    except Exception as error:  # whatever is wrong with it is said when it is opened
        raise ValueError("it cannot be read") from error

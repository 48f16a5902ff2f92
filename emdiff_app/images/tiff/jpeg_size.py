"""The size that JPEG data declares for itself, read before anything is decoded."""

import struct

__all__ = ["declared_size"]

_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xDA)}


def declared_size(data: bytes) -> tuple[int, int] | None:
    """Rows and columns from the frame header, or None where there is none."""
    at = 0
    while at + 9 <= len(data):
        if data[at] != 0xFF:
            at += 1
            continue
        marker = data[at + 1]
        if marker in _FRAMES:
            rows, columns = struct.unpack_from(">HH", data, at + 5)
            return rows, columns
        if marker in _WITHOUT_LENGTH or marker in (0x00, 0xFF):
            at += 1 if marker == 0xFF else 2
        elif marker == 0xDA:
            return None
        else:
            at += 2 + struct.unpack_from(">H", data, at + 2)[0]
    return None

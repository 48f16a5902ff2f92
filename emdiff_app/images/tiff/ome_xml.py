"""OME-XML: what an OME-TIFF says about its images, read with limits and without trusting it."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.etree import ElementTree

from ..stack import PixelSize
from ..units import to_seconds, to_um

__all__ = ["MOST_PLANES", "OmeBlock", "OmeImage", "OmeXml", "parse_ome"]

MOST_PLANES = 2_000_000
_MOST_BYTES = 64 << 20


@dataclass(frozen=True)
class OmeBlock:
    """A run of planes and where they are: `count` directories of one file, starting at `ifd`."""

    first: tuple[tuple[str, int], ...]
    ifd: int
    count: int | None
    file: str | None
    uuid: str | None


@dataclass(frozen=True)
class OmeImage:
    name: str
    order: str
    """The axes as planes are numbered, fastest last: `TCZYX`."""
    sizes: dict[str, int]
    pixel_type: str
    samples: int
    blocks: tuple[OmeBlock, ...]
    channels: tuple[str, ...] = ()
    pixel_size: dict[str, PixelSize] = field(default_factory=dict)
    significant_bits: int | None = None
    warnings: tuple[str, ...] = ()

    @property
    def outer(self) -> dict[str, int]:
        """The axes that number the planes, in the order of the file; RGB samples are inside a plane."""
        return {a: self.sizes[a] // (self.samples if a == "C" else 1) for a in self.order[:-2]}

    @property
    def planes(self) -> int:
        return math.prod(self.outer.values())


@dataclass(frozen=True)
class OmeXml:
    images: tuple[OmeImage, ...]
    uuid: str | None
    master: str | None
    """The file that holds the description, where this one only points to it."""


def parse_ome(text: str) -> OmeXml:
    """Read OME-XML; raises ValueError with a reason where it cannot be used."""
    if len(text) > _MOST_BYTES:
        raise ValueError("it is too long")
    if "<!ENTITY" in text:
        raise ValueError("it defines entities")
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise ValueError(f"it is not well-formed ({error})") from error
    master = next((e.get("MetadataFile") for e in root if _tag(e) == "BinaryOnly"), None)
    images = tuple(_image(e) for e in root if _tag(e) == "Image" and any(_tag(c) == "Pixels" for c in e))
    return OmeXml(images, root.get("UUID"), master)


def _image(element: ElementTree.Element) -> OmeImage:
    pixels = next(e for e in element if _tag(e) == "Pixels")
    order = pixels.get("DimensionOrder", "XYCZT")[::-1]
    if sorted(order) != sorted("TCZYX") or order[-2:] != "YX":
        raise ValueError(f"its dimension order {order[::-1]!r} does not exist")
    sizes = {axis: int(pixels.get(f"Size{axis}", "1")) for axis in order}
    if min(sizes.values()) < 1 or math.prod(sizes[a] for a in "TCZ") > MOST_PLANES:
        raise ValueError(f"its sizes {sizes} are impossible")
    channels = [e for e in pixels if _tag(e) == "Channel"]
    samples = {int(c.get("SamplesPerPixel", "1")) for c in channels} or {1}
    if len(samples) > 1 or not 1 <= min(samples) <= 64 or sizes["C"] % min(samples):
        raise ValueError("its channels differ in samples per pixel")
    names = [c.get("Name") or "" for c in channels]
    pixel_size, warnings = _pixel_size(pixels)
    bits = pixels.get("SignificantBits")
    return OmeImage(
        name=element.get("Name") or "",
        order=order,
        sizes=sizes,
        pixel_type=pixels.get("Type") or pixels.get("PixelType") or "",
        samples=min(samples),
        blocks=tuple(_blocks(pixels, order)),
        channels=tuple(n or f"channel {i}" for i, n in enumerate(names)) if any(names) else (),
        pixel_size=pixel_size,
        significant_bits=int(bits) if bits and bits.isdigit() and 0 < int(bits) <= 64 else None,
        warnings=tuple(warnings),
    )


def _blocks(pixels: ElementTree.Element, order: str) -> Iterator[OmeBlock]:
    for data in pixels:
        if _tag(data) != "TiffData":
            continue
        uuid = next((e for e in data if _tag(e) == "UUID"), None)
        count = data.get("PlaneCount") or data.get("NumPlanes") or ("1" if "IFD" in data.attrib else None)
        first = tuple((axis, int(data.get(f"First{axis}", "0"))) for axis in order[:-2])
        ifd = int(data.get("IFD", "0"))
        number = None if count is None else int(count)
        if ifd < 0 or ifd > MOST_PLANES or (number is not None and not 0 <= number <= MOST_PLANES):
            raise ValueError("it lists impossible planes")
        yield OmeBlock(
            first=first,
            ifd=ifd,
            count=number or None,
            file=None if uuid is None else uuid.get("FileName"),
            uuid=None if uuid is None else (uuid.text or "").strip() or None,
        )


def _pixel_size(pixels: ElementTree.Element) -> tuple[dict[str, PixelSize], list[str]]:
    found, warnings = {}, []
    for axis in "ZYX":
        text = pixels.get(f"PhysicalSize{axis}")
        if text is not None:
            unit = pixels.get(f"PhysicalSize{axis}Unit") or "µm"
            size = to_um(_number(text), unit)
            if size is None:
                warnings.append(
                    f"The pixel size along {axis} ({text} {unit}) is of no use and was left "
                    "out; give it with --pixel-size."
                )
            else:
                found[axis] = PixelSize(size)
    text = pixels.get("TimeIncrement")
    step = None if text is None else to_seconds(_number(text), pixels.get("TimeIncrementUnit") or "s")
    if step is not None or (step := _plane_times(pixels)) is not None:
        found["T"] = PixelSize(step, "s")
    return found, warnings


def _plane_times(pixels: ElementTree.Element) -> float | None:
    """The mean step between the recorded times of the first plane of each time point."""
    times = {}
    for plane in pixels:
        if _tag(plane) == "Plane" and plane.get("TheZ", "0") == plane.get("TheC", "0") == "0":
            at, second = _number(plane.get("DeltaT", "")), to_seconds(1.0, plane.get("DeltaTUnit") or "s")
            if (
                second is not None
                and math.isfinite(at)
                and re.fullmatch(r"[0-9]{1,9}", plane.get("TheT", ""))
            ):
                times[int(plane.get("TheT", "0"))] = at * second
    if len(times) < 2 or min(times) == max(times):
        return None
    step = (times[max(times)] - times[min(times)]) / (max(times) - min(times))
    return step if step > 0 else None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _tag(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""

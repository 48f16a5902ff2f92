"""Where an image came from, as pairs of words that every format can carry."""

import json
import re
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

__all__ = ["NAMESPACE", "from_info", "from_ome_xml", "from_pairs", "plain", "to_info", "to_pairs"]

NAMESPACE = "emdiff/provenance"
"""Marks our pairs among the annotations of an OME-XML or the attributes of a Zarr."""


_LINE = re.compile(r'("(?:[^"\\]|\\.)*"|.*?) = (.*)')


def to_pairs(provenance: Mapping[str, Any]) -> dict[str, str]:
    """Every value as text: words as they are, anything else as JSON, so that `from_pairs` gives it back."""
    return {key: _text(value) for key, value in provenance.items()}


def from_pairs(pairs: Mapping[str, str]) -> dict[str, Any]:
    """The values that `to_pairs` was given."""
    return {key: _value(text) for key, text in pairs.items()}


def plain(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """The same as JSON can hold it; what JSON has no word for (paths, dates) becomes text."""
    held: dict[str, Any] = json.loads(json.dumps(dict(provenance), default=str))
    return held


def to_info(provenance: Mapping[str, Any]) -> str:
    """Lines of an ImageJ `Info`, which Fiji shows under Image > Show Info."""
    pairs = to_pairs(provenance).items()
    lines = [f"{_one_line(key, ' = ')} = {_one_line(text, None)}" for key, text in pairs]
    return "\n".join([f"[{NAMESPACE}]", *lines, ""])


def from_info(info: str) -> dict[str, Any]:
    """What `to_info` was given, from an `Info` that others may have added to; empty where it says nothing."""
    _, _, ours = info.partition(f"[{NAMESPACE}]\n")
    matches = filter(None, map(_LINE.fullmatch, ours.split("\n")))
    return from_pairs({str(_value(m[1]) if m[1][:1] == '"' else m[1]): m[2] for m in matches})


def from_ome_xml(xml: str) -> dict[str, Any]:
    """The pairs of our annotation in an OME-XML; empty where there is none or the XML is damaged."""
    if NAMESPACE not in xml:
        return {}
    try:
        root = ElementTree.fromstring(xml)
    except ElementTree.ParseError:
        return {}
    maps = (m for m in root.iter() if m.tag.endswith("}MapAnnotation") and m.get("Namespace") == NAMESPACE)
    return from_pairs(
        {
            m.get("K", ""): m.text or ""
            for annotation in maps
            for m in annotation.iter()
            if m.tag.endswith("}M")
        }
    )


def _one_line(text: str, separator: str | None) -> str:
    """`text`, quoted where a line break or a separator in it would end it too early."""
    breaks = len(text.splitlines()) > 1 or (text[:1] == '"' and separator is not None)
    return json.dumps(text) if breaks or (separator is not None and separator in text) else text


def _text(value: Any) -> str:
    # A word that happens to read as JSON ("12", "true") is quoted, so that it stays a word.
    if isinstance(value, str) and _value(value) == value:
        return value
    return json.dumps(value, ensure_ascii=False, default=str)


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text

"""Where an image came from, as pairs of words that every format can carry."""

import json
from collections.abc import Mapping
from typing import Any

__all__ = ["NAMESPACE", "from_pairs", "plain", "to_pairs"]

NAMESPACE = "emdiff/provenance"
"""Marks our pairs among the annotations of an OME-XML or the attributes of a Zarr."""


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

"""What commands print: one JSON object on stdout for machines, or lines for people; progress on stderr."""

import json
import math
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

__all__ = ["emit", "say", "to_json", "warnings_said"]


def to_json(result: Mapping[str, Any]) -> str:
    """`result` as strict JSON: what JSON cannot say (nan, infinity) becomes null."""
    return json.dumps(_plain(result), ensure_ascii=False, allow_nan=False)


def emit(result: Mapping[str, Any]) -> None:
    """Print the one machine-readable object of a command."""
    print(to_json(result), flush=True)


def say(text: str) -> None:
    """Tell a person how far things are; stderr, so that stdout stays clean for pipes."""
    print(text, file=sys.stderr, flush=True)


@contextmanager
def warnings_said() -> Iterator[None]:
    """Warnings raised while a command runs are sentences on stderr, without the line of code they came from."""
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_, **__: say(f"emdiff: {message}")
        yield


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, str | bool | int):
        return value
    if hasattr(value, "tolist"):  # numpy and torch scalars and arrays
        return _plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value)

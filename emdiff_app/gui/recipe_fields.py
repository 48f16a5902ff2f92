"""The fields of a recipe as a form would show them: kind, limits, default and explanation, read from the recipe."""

import types
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from emdiff_app.learning import PRESETS, Preset, Recipe

__all__ = ["RecipeField", "recipe_fields"]

ELSEWHERE = {"version", "stacks", "channel", "axes", "pixel_size_um", "model", "device", "clean", "prior"}
"""What other steps of the window say."""
FIRST = ("size", "rounds", "steps", "batch", "crop", "crops", "time_limit_min", "seed")
"""What is changed most often stands above the rest."""
UNITS = {"_min": " min", "_s": " s", "_um": " um", "_gb": " GB"}


@dataclass(frozen=True)
class RecipeField:
    """`kind` is int, float, bool or str; `choices` are the only values, where there are any."""

    name: str
    kind: type
    default: Any
    words: str
    low: float | None = None
    high: float | None = None
    above_low: bool = False  # the lowest value itself is not allowed
    optional: bool = False
    choices: tuple[str, ...] = ()

    @property
    def unit(self) -> str:
        return next((unit for end, unit in UNITS.items() if self.name.endswith(end)), "")

    @property
    def title(self) -> str:
        """`Optimiser steps` for `optimiser_steps`; the unit stands beside the number."""
        end = next((end for end in UNITS if self.name.endswith(end)), "")
        return self.name.removesuffix(end).replace("_", " ").capitalize()


def recipe_fields(preset: Preset) -> tuple[RecipeField, ...]:
    """Every field that a user may want to change, with the value that the preset gives it."""
    fields = []
    rest = (name for name in Recipe.model_fields if name not in ELSEWHERE | set(FIRST))
    for name in (*FIRST, *rest):
        info = Recipe.model_fields[name]
        found = _described(name, info, PRESETS[preset].get(name, info.default))
        if found is not None:
            fields.append(found)
    return tuple(fields)


def _described(name: str, info: FieldInfo, default: Any) -> RecipeField | None:
    """The field, unless it is of a kind that one line cannot hold."""
    kind, optional, choices = _kind(info.annotation)
    if kind not in (int, float, bool, str):
        return None
    limits: dict[str, Any] = {}
    for rule in info.metadata:
        for word, limit in (("ge", "low"), ("gt", "low"), ("le", "high"), ("lt", "high")):
            if (value := getattr(rule, word, None)) is not None:
                limits[limit] = value
                limits["above_low"] = limits.get("above_low", False) or word == "gt"
    return RecipeField(
        name, kind, default, info.description or "", optional=optional, choices=choices, **limits
    )


def _kind(annotation: Any) -> tuple[type, bool, tuple[str, ...]]:
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return str, False, tuple(map(str, inner))
    if origin in (Union, types.UnionType):
        rest = [kind for kind in inner if kind is not type(None)]
        if len(rest) == 1:
            kind, _, choices = _kind(rest[0])
            return kind, len(rest) < len(inner), choices
        return object, False, ()
    return (annotation if isinstance(annotation, type) else object), False, ()

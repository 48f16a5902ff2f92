"""The methods by name, each with a sentence, what it needs of the imaging model, and its settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor

from emdiff_app.errors import EMDiffError

from .recorded import Recorded

__all__ = ["Learn", "Method", "Need", "Parameter", "Trouble", "method", "method_names", "register"]

Need = Literal["psf", "noise", "mask"]
Trouble = Literal["missing pixels", "low resolution"]
Restore = Callable[..., Tensor]
Progress = Callable[[float], None]
"""Told what share is done; it may raise to cancel."""
Learn = Callable[[Sequence[Recorded], Mapping[str, Any], Progress | None], dict[str, Any]]
"""What a method learns from all planes before the first: more of its settings."""


@dataclass(frozen=True)
class Parameter:
    """A setting; `tries` are the values among which the truth chooses in benchmarks."""

    default: Any
    sentence: str
    tries: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Method:
    """A restoration without a learned prior.

    `needs` is what it must be told. Of what else can be wrong with an image it `handles` these; all of them
    take noise, and those that need no PSF leave blur as it is.
    """

    name: str
    sentence: str
    needs: tuple[Need, ...]
    handles: tuple[Trouble, ...]
    parameters: Mapping[str, Parameter]
    restore: Restore
    learn: Learn | None = None

    def settings(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Every parameter with its value; those that do not exist are refused."""
        if unknown := set(given) - set(self.parameters):
            known = ", ".join(self.parameters) or "none"
            raise EMDiffError(
                f"{self.name} has no setting {min(unknown)!r} (it has: {known}); nothing was restored."
            )
        return {name: given.get(name, p.default) for name, p in self.parameters.items()}


_methods: dict[str, Method] = {}


def register(
    name: str,
    sentence: str,
    *,
    needs: tuple[Need, ...] = (),
    handles: tuple[Trouble, ...] = (),
    learn: Learn | None = None,
    **parameters: Parameter,
) -> Callable[[Restore], Restore]:
    """Put a method `(recorded, **parameters) -> images on the recorded field` into the registry."""

    def enter(restore: Restore) -> Restore:
        _methods[name] = Method(name, sentence, needs, handles, parameters, restore, learn)
        return restore

    return enter


def method_names() -> list[str]:
    """The methods that exist."""
    return sorted(_methods)


def method(name: str) -> Method:
    if name not in _methods:
        raise EMDiffError(
            f"There is no method called {name!r}; there are {', '.join(method_names())}. Nothing was restored."
        )
    return _methods[name]

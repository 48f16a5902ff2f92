"""Linear operators: what they promise, the one that does nothing, and chains of them."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from scipy.fft import next_fast_len
from torch import Tensor

from .spectrum import chain_is_circular, chain_spectrum

__all__ = ["Composition", "Identity", "LinearOperator", "Shape"]

Shape = tuple[int, ...]


class LinearOperator(ABC):
    """`y = A x` on the last axes of tensors (B, C, *spatial), from `domain` to `field`.

    `adjoint` is exact: `<A x, y> = <x, A^T y>`. The rest is what solvers can make use of:

    - `sharp`: a recorded pixel is that pixel of the image, or shows nothing.
    - `disjoint`: no pixel of the domain is seen by two recorded pixels, so `A diag(r) A^T` is diagonal;
      `squared(r)` is that diagonal.
    - `outer(y) = A A^T y`, where there is a shorter way than both in turn.
    - `outer_spectrum`: the eigenvalues of `A A^T` over the rfft frequencies of the field where it is a circular
      convolution, else None.
    - `spectrum_on(grid)`: what they would be if `grid` recorded pixels were all there is, and periodic; masks are
      left out. None where nothing is convolved. On the `roomy` grid no light wraps around into the field.
    - `observed`: which recorded pixels carry information; None means all.
    """

    domain: Shape
    field: Shape
    sharp: bool = False
    disjoint: bool = False

    @abstractmethod
    def apply(self, x: Tensor) -> Tensor: ...

    @abstractmethod
    def adjoint(self, y: Tensor) -> Tensor: ...

    @abstractmethod
    def squared(self, r: Tensor) -> Tensor:
        """`(A * A) r`: the diagonal of `A diag(r) A^T`, the variance of `A x` where x has the variance r."""

    @abstractmethod
    def initial(self, y: Tensor) -> Tensor:
        """A first image on the domain that shows y: cheap, plausible, not a solution."""

    @abstractmethod
    def window(self, window: tuple[slice, ...]) -> tuple[slice, ...]:
        """The part of the domain that lies under a part of the field."""

    def outer(self, y: Tensor) -> Tensor:
        return self.apply(self.adjoint(y))

    @property
    def outer_spectrum(self) -> Tensor | None:
        return None

    def spectrum_on(self, grid: Shape) -> Tensor | None:
        return None

    @property
    def roomy(self) -> Shape:
        """The domain in recorded pixels, rounded up to sizes that transform fast; the field where that is all."""
        under = self.window(tuple(slice(0, 1) for _ in self.field))
        needed = [-(-n // (w.stop - w.start)) for n, w in zip(self.domain, under, strict=True)]
        return tuple(
            n if n == m else int(next_fast_len(n, real=True)) for n, m in zip(needed, self.field, strict=True)
        )

    @property
    def observed(self) -> Tensor | None:
        return None


class Identity(LinearOperator):
    """`y = x`."""

    sharp = disjoint = True

    def __init__(self, field: Shape) -> None:
        self.domain = self.field = field

    def apply(self, x: Tensor) -> Tensor:
        return x

    def adjoint(self, y: Tensor) -> Tensor:
        return y

    def squared(self, r: Tensor) -> Tensor:
        return r

    def initial(self, y: Tensor) -> Tensor:
        return y

    def window(self, window: tuple[slice, ...]) -> tuple[slice, ...]:
        return window


class Composition(LinearOperator):
    """`A = A_n ... A_2 A_1`; the first of `parts` acts on the image first."""

    def __init__(self, parts: Sequence[LinearOperator]) -> None:
        for one, next_one in itertools.pairwise(parts):
            if one.field != next_one.domain:
                raise ValueError(
                    f"an operator onto {one.field} cannot be followed by one on {next_one.domain}"
                )
        self.parts = tuple(parts)
        self.domain, self.field = parts[0].domain, parts[-1].field
        self.sharp = all(part.sharp for part in parts)
        self.disjoint = all(part.disjoint for part in parts)

    def apply(self, x: Tensor) -> Tensor:
        for part in self.parts:
            x = part.apply(x)
        return x

    def adjoint(self, y: Tensor) -> Tensor:
        for part in reversed(self.parts):
            y = part.adjoint(y)
        return y

    def outer(self, y: Tensor) -> Tensor:
        """`A_n ... A_2 (A_1 A_1^T) A_2^T ... A_n^T y`: the innermost pair may have a shorter way."""
        first, *rest = self.parts
        for part in reversed(rest):
            y = part.adjoint(y)
        y = first.outer(y)
        for part in rest:
            y = part.apply(y)
        return y

    def squared(self, r: Tensor) -> Tensor:
        """Exact where all parts but the last are disjoint; the variance without its correlations otherwise."""
        for part in self.parts:
            r = part.squared(r)
        return r

    def initial(self, y: Tensor) -> Tensor:
        for part in reversed(self.parts):
            y = part.initial(y)
        return y

    def window(self, window: tuple[slice, ...]) -> tuple[slice, ...]:
        for part in reversed(self.parts):
            window = part.window(window)
        return window

    @property
    def outer_spectrum(self) -> Tensor | None:
        return self.spectrum_on(self.field) if chain_is_circular(self.parts) else None

    def spectrum_on(self, grid: Shape) -> Tensor | None:
        return chain_spectrum(self.parts, grid)

    @property
    def observed(self) -> Tensor | None:
        """Only masks at the end hide recorded pixels; an earlier one only changes what they show."""
        seen: Tensor | None = None
        for part in reversed(self.parts):
            if part.observed is None:
                if isinstance(part, Identity):
                    continue
                break
            seen = part.observed if seen is None else torch.logical_and(seen, part.observed)
        return seen

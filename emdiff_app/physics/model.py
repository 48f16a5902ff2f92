"""The imaging model as it stands in a file: how a clean image became the recorded one, `y = A x + n`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError

from emdiff_app.errors import PhysicsError

from .files import Enclosed, Place, checksum
from .noise import NoiseSpec
from .noise.binding import NOISE_ARRAYS
from .operators.specs import BlurSpec, MaskSpec, OperatorSpec
from .psf.specs import ImagePsf

if TYPE_CHECKING:  # reading a model must not wait for torch
    import torch
    from numpy.typing import NDArray
    from torch import Tensor

    from emdiff_app.images import IntensityScale, PixelSize

    from .imaging import Imaging

__all__ = ["ImagingModel"]

LARGEST_MODEL = 4 * 2**20
"""A model file is at most this many bytes; a real one has some hundred, one with a drawn path thousands."""


class ImagingModel(BaseModel):
    """`y = A x + n`: the operators, first to last, then the noise; the same after a round trip through JSON.

    `bind` makes it concrete for images of one size. `apply`, `adjoint`, `simulate`, `solve` and `residual`
    bind to whatever they are given, for models whose lengths are in pixels.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    operator: tuple[OperatorSpec, ...] = Field(default=(), max_length=16)
    noise: NoiseSpec

    _place: Place = PrivateAttr(default=Place())

    # files -------------------------------------------------------------------------------------

    @classmethod
    def read(cls, path: str | Path) -> ImagingModel:
        """The model in a JSON file; paths in it start at the file's folder."""
        path = Path(path)
        try:
            if path.stat().st_size > LARGEST_MODEL:
                raise PhysicsError(
                    f"{path.name} is larger than {LARGEST_MODEL >> 20} MB and cannot be an imaging model."
                )
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise PhysicsError(
                f"The imaging model {path} cannot be read ({error}); nothing was changed. Check the path."
            ) from error
        return cls.parse(text, name=path.name).located(path.parent)

    @classmethod
    def parse(cls, text: str | bytes | Mapping[str, Any], *, name: str = "The imaging model") -> ImagingModel:
        """The model in a JSON text or dictionary; a wrong one is refused by the path of its wrong field."""
        try:
            return cls.model_validate(text) if isinstance(text, Mapping) else cls.model_validate_json(text)
        except ValidationError as error:
            raise PhysicsError(
                f"{name}: {wrong_fields(error)}. Nothing was changed; correct it and try again."
            ) from None

    def write(self, path: str | Path) -> None:
        """Write the model as JSON."""
        Path(path).write_text(self.to_json() + "\n", encoding="utf-8")

    def to_json(self) -> str:
        """What `read` reads: only what was said, without the defaults that were not."""
        return json.dumps(self.model_dump(mode="json", exclude_none=True), indent=2)

    def located(self, folder: Path | None, *, confined: bool = False) -> ImagingModel:
        """The same model with its relative paths starting at `folder`; `confined` ones must stay inside it."""
        model = self.model_copy()
        model._place = Place(folder, confined)
        return model

    def enclosing(self, images: Mapping[str, NDArray[Any]]) -> ImagingModel:
        """The same model with these arrays in the place of its files, by path; it reads no files any more."""
        model = self.model_copy()
        model._place = Place(confined=True, enclosed=Enclosed(images))
        return model

    @property
    def place(self) -> Place:
        """Where its files are."""
        return self._place

    def file_sums(self) -> dict[str, str]:
        """A checksum of each file that it names: the same words over another file are another model."""
        paths = {o.psf.path for o in self.operator if isinstance(o, BlurSpec) and isinstance(o.psf, ImagePsf)}
        masks = [o for o in self.operator if isinstance(o, MaskSpec) and o.pattern == "image"]
        paths |= {mask.path for mask in masks if mask.path is not None}
        return {path: checksum(path, self._place) for path in sorted(paths)}

    # images ------------------------------------------------------------------------------------

    def bind(
        self,
        field: tuple[int, ...],
        *,
        pixel_size: Mapping[str, PixelSize] | None = None,
        scale: IntensityScale | None = None,
        device: torch.device | str = "cpu",
        dtype: torch.dtype | None = None,
        arrays: Mapping[str, Tensor] | None = None,
    ) -> Imaging:
        """The model for recorded images of the size `field` (YX or ZYX).

        `pixel_size` is that of the recorded images. With `scale`, images and noise are in the prior's
        units. `arrays` holds what differs from image to image: `mask`, `psf`, and `offset`, `gain`,
        `read_noise` or `sigma` of the noise, as (B, 1 or C, *spatial); `operator[1]` names one of several
        operators of a kind.
        """
        import torch

        from .imaging import Imaging
        from .noise.binding import with_arrays
        from .operators.building import Surroundings, bind_operator

        arrays = arrays or {}
        self._know(arrays)
        here = Surroundings(pixel_size or {}, self._place, arrays, device, dtype or torch.float32)
        operator = bind_operator(self.operator, tuple(int(n) for n in field), here)
        noise = with_arrays(self.noise.parameters(), arrays, device=device, dtype=here.dtype)
        return Imaging(operator, noise if scale is None else noise.scaled(scale))

    def apply(self, x: Tensor) -> Tensor:
        """`A x` for an image on the domain."""
        return self._for_domain(x).apply(x)

    def adjoint(self, y: Tensor) -> Tensor:
        """`A^T y` for a recorded image."""
        return self._for_field(y).adjoint(y)

    def simulate(self, x: Tensor, seed: int) -> Tensor:
        """A recorded image of x."""
        return self._for_domain(x).simulate(x, seed)

    def noise_variance(self, x: Tensor) -> Tensor:
        """The variance of what is recorded of x."""
        return self._for_domain(x).noise_variance(x)

    def solve(self, y: Tensor, x0: Tensor, rho: float | Tensor, **options: Any) -> Tensor:
        """The image between y and x0; see `Imaging.solve`."""
        return self._for_field(y).solve(y, x0, rho, **options)

    def residual(self, y: Tensor, x: Tensor) -> Tensor:
        """The whitened residual."""
        return self._for_field(y).residual(y, x)

    def _for_field(self, y: Tensor) -> Imaging:
        return _bound(self, self._place, tuple(y.shape[2:]), y.device, y.dtype)

    def _for_domain(self, x: Tensor) -> Imaging:
        from .operators.building import Surroundings, extent

        domain = tuple(x.shape[2:])
        factors, margins = extent(self.operator, len(domain), Surroundings(place=self._place))
        over = [(n - m) % f for n, m, f in zip(domain, margins, factors, strict=True)]
        field = tuple((n - m) // f for n, m, f in zip(domain, margins, factors, strict=True))
        if any(over) or min(field) < 1:
            raise PhysicsError(
                f"An image of {' x '.join(map(str, domain))} pixels does not fit this imaging model, which takes "
                f"{' x '.join(f'{f} n + {m}' for f, m in zip(factors, margins, strict=True))}; crop or pad it."
            )
        return _bound(self, self._place, field, x.device, x.dtype)

    def _know(self, arrays: Mapping[str, Any]) -> None:
        kinds = {o.kind for o in self.operator}
        known = set(NOISE_ARRAYS)
        known |= {"mask"} & kinds | ({"psf"} if kinds & {"blur", "motion-blur"} else set())
        known |= {f"operator[{i}]" for i in range(len(self.operator))}
        if unknown := set(arrays) - known:
            raise PhysicsError(
                f"This imaging model has no per-image array {min(unknown)!r}; it has {', '.join(sorted(known))}."
            )


@lru_cache(maxsize=8)
def _bound(
    model: ImagingModel, place: Place, field: tuple[int, ...], device: torch.device, dtype: torch.dtype
) -> Imaging:
    return model.bind(field, device=device, dtype=dtype)


def wrong_fields(error: ValidationError, whole: str = "the file") -> str:
    """What pydantic found, as `operator[0].psf.fwhm_um: must be positive; ...`."""
    found: dict[str, str] = {}
    for each in error.errors():  # a field of several readings fails in each of them; the first says it best
        found.setdefault(_path(each["loc"]) or whole, _words(each))
    return "; ".join(f"{path}: {words}" for path, words in list(found.items())[:3])


def _path(loc: tuple[int | str, ...]) -> str:
    """The way to a field; pydantic adds the chosen `kind` after each union, which is left out here."""
    path = ""
    for i, part in enumerate(loc):
        if isinstance(part, int):
            path += f"[{part}]"
        elif (
            i and (loc[i - 1] in ("psf", "noise") or (i == 2 and loc[0] == "operator"))
        ) or not part.isidentifier():
            continue
        else:
            path += f".{part}" if path else part
    return path


BOUNDS = {"gt": "greater than", "ge": "at least", "lt": "less than", "le": "at most"}


def _words(error: Any) -> str:
    limits = error.get("ctx", {})
    match error["type"]:
        case "missing":
            return "is missing"
        case "extra_forbidden":
            return "there is no such field"
        case "greater_than" if limits["gt"] == 0:
            return "must be positive"
        case "greater_than" | "greater_than_equal" | "less_than" | "less_than_equal":
            ((sign, limit),) = limits.items()
            return f"must be {BOUNDS[sign]} {limit:g}"
        case "tuple_type":
            return "must be a list, in square brackets"
        case "model_type" | "model_attributes_type" | "dict_type":
            return "must be an object, in curly brackets"
        case "finite_number":
            return "must be a finite number"
        case "json_invalid":
            return f"this is not JSON ({limits['error']})"
        case "union_tag_invalid":
            return f"there is no kind {limits['tag']!r} among {limits['expected_tags']}"
        case "union_tag_not_found":
            return "say which 'kind' it is"
        case "value_error":
            return str(limits["error"])
    message = str(error["msg"])
    return message[0].lower() + message[1:]

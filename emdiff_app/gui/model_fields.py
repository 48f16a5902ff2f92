"""The parts of an imaging model that have fields: noise, blur, missing pixels; to JSON and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from emdiff_app.errors import PhysicsError

__all__ = ["Blur", "BlurKind", "Missing", "MissingKind", "Noise", "anchored"]

BlurKind = Literal["gaussian", "microscope", "image", "motion"]
MissingKind = Literal["layer", "file", "share"]
Unit = Literal["um", "px"]
UNITS: tuple[Unit, ...] = ("um", "px")


@dataclass(frozen=True)
class Noise:
    """Photon noise of a camera: offset, grey levels per photon, read noise in grey levels."""

    offset: float = 0.0
    gain: float = 1.0
    read_noise: float = 0.0

    def as_json(self) -> dict[str, Any]:
        if self.gain > 0:
            return {"kind": "poisson-gaussian", **vars(self)}
        return {"kind": "gaussian", "sigma": self.read_noise}

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Noise:
        if data["kind"] == "gaussian":
            return cls(0.0, 0.0, data["sigma"])
        return cls(data["offset"], data["gain"], data["read_noise"])


@dataclass(frozen=True)
class Blur:
    """`width` is the full width at half maximum of a Gaussian; `length` and `angle_deg` are of a motion."""

    kind: BlurKind = "gaussian"
    width: float = 0.25
    unit: Unit = "um"
    na: float = 1.4
    wavelength_nm: float = 520.0
    index: float = 1.515
    path: str = ""
    length: float = 10.0
    angle_deg: float = 0.0

    def as_json(self) -> dict[str, Any]:
        if self.kind == "motion":
            return {"kind": "motion-blur", f"length_{self.unit}": self.length, "angle_deg": self.angle_deg}
        return {"kind": "blur", "psf": self._psf()}

    def _psf(self) -> dict[str, Any]:
        if self.kind == "gaussian":
            return {"kind": "gaussian", f"fwhm_{self.unit}": self.width}
        if self.kind == "microscope":
            optics = {"na": self.na, "wavelength_nm": self.wavelength_nm, "index": self.index}
            return {"kind": "microscope", **optics}
        if not self.path:
            raise PhysicsError(
                "No PSF image is chosen, so nothing was started; choose its file, or another blur."
            )
        return {"kind": "image", "path": self.path}

    @classmethod
    def of(cls, step: Mapping[str, Any]) -> Blur | None:
        """The blur, if the fields say all of it."""
        psf: Mapping[str, Any] = step["psf"] if step["kind"] == "blur" else {}
        match step["kind"], psf.get("kind"):
            case "motion-blur", _:
                found = cls._with_unit("motion", "length", "length", step)
            case _, "gaussian":
                found = cls._with_unit("gaussian", "width", "fwhm", psf)
            case _, "microscope":
                found = cls(
                    "microscope",
                    na=psf["na"],
                    wavelength_nm=psf["wavelength_nm"],
                    index=psf.get("index", 1.0),
                )
            case _, "image":
                found = cls("image", path=psf["path"])
            case _:
                return None
        return found if found and _without_defaults(found.as_json()) == _without_defaults(step) else None

    @classmethod
    def _with_unit(cls, kind: BlurKind, field: str, name: str, said: Mapping[str, Any]) -> Blur | None:
        for unit in UNITS:
            if isinstance(said.get(f"{name}_{unit}"), float | int):
                numbers = {field: said[f"{name}_{unit}"], "angle_deg": said.get("angle_deg", 0.0)}
                return cls(kind, unit=unit, **numbers)
        return None


@dataclass(frozen=True)
class Missing:
    """Pixels that were not recorded: marked in a layer or a file, or a share drawn by chance."""

    kind: MissingKind = "layer"
    layer: str = ""  # the host's key
    path: str = ""
    marked_missing: bool = True  # what is marked is missing; otherwise, what is not marked
    percent: float = 50.0
    seed: int = 0

    def as_json(self) -> dict[str, Any]:
        if self.kind == "share":
            return {"kind": "mask", "pattern": "random", "missing": self.percent / 100, "seed": self.seed}
        if not self.path:
            raise PhysicsError(
                "Nothing says which pixels are missing, so nothing was started; choose a layer or a file that "
                "marks them, or untick Missing pixels."
            )
        return {"kind": "mask", "pattern": "image", "path": self.path, "invert": self.marked_missing}

    @classmethod
    def of(cls, step: Mapping[str, Any]) -> Missing | None:
        """The missing pixels, if the fields say all about them."""
        match step:
            case {"kind": "mask", "pattern": "image", "path": path}:
                found = cls("file", path=path, marked_missing=step.get("invert", False))
            case {"kind": "mask", "pattern": "random", "missing": share}:
                found = cls("share", percent=100 * share, seed=step.get("seed", 0))
            case _:
                return None
        return found if _without_defaults(found.as_json()) == _without_defaults(step) else None


def anchored(step: dict[str, Any], folder: Path | None) -> dict[str, Any]:
    """The same step with its relative paths starting at `folder`."""
    return {
        key: anchored(value, folder)
        if isinstance(value, dict)
        else str(folder / value)
        if folder and key == "path" and isinstance(value, str)
        else value
        for key, value in step.items()
    }


DEFAULTS = {
    "boundary": "crop",
    "defocus_um": 0.0,
    "modality": "widefield",
    "pinhole": 1.0,
    "angle_deg": 0.0,
    "seed": 0,
    "start": 0,
    "axis": "Y",
    "invert": False,
}
"""What a model file need not say."""


def _without_defaults(step: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: _without_defaults(value) if isinstance(value, Mapping) else value
        for key, value in step.items()
        if DEFAULTS.get(key, ...) != value
    }

"""The fields of "What went wrong" and the imaging model they stand for."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from emdiff_app.physics import ImagingModel, NoiseSpec

__all__ = ["Blur", "ModelForm", "Noise"]


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


@dataclass(frozen=True)
class Blur:
    kind: Literal["gaussian", "microscope"] = "gaussian"
    fwhm_um: float = 0.25
    na: float = 1.4
    wavelength_nm: float = 520.0
    index: float = 1.515

    def as_json(self) -> dict[str, Any]:
        if self.kind == "gaussian":
            psf: dict[str, Any] = {"kind": "gaussian", "fwhm_um": self.fwhm_um}
        else:
            psf = {
                "kind": "microscope",
                "na": self.na,
                "wavelength_nm": self.wavelength_nm,
                "index": self.index,
            }
        return {"kind": "blur", "psf": psf}


@dataclass(frozen=True)
class ModelForm:
    """`noise` is None until it is typed in or estimated. `other` keeps what the form has no fields for."""

    noise: Noise | None = None
    blur: Blur | None = None
    other: tuple[str, ...] = ()  # operators as JSON, applied after the blur

    def as_json(self) -> dict[str, Any]:
        operator = [self.blur.as_json()] if self.blur else []
        operator += [json.loads(step) for step in self.other]
        return {"operator": operator, "noise": (self.noise or Noise()).as_json()}

    def imaging_model(self) -> ImagingModel:
        """The model for the engine; a wrong field is refused in words."""
        return ImagingModel.parse(self.as_json(), name="What went wrong")

    @classmethod
    def of(cls, model: ImagingModel, folder: Path | None = None) -> ModelForm:
        """The form that stands for `model`; what has no field is kept as it is.

        Relative paths in it start at `folder`; they are made absolute, because the model moves into a run.
        """
        data = json.loads(model.to_json())
        form = cls(noise=_noise(data["noise"]))
        other: list[str] = []
        for step in (_anchored(step, folder) for step in data.get("operator", [])):
            blur = _blur(step)
            if blur and form.blur is None and not other:
                form = replace(form, blur=blur)
            elif step.get("kind") != "identity":
                other.append(json.dumps(step))
        return replace(form, other=tuple(other))

    def with_noise(self, noise: NoiseSpec) -> ModelForm:
        """The same form with the noise that was measured."""
        return replace(self, noise=_noise(noise.model_dump()))

    def other_words(self) -> str:
        """The kept operators by name, to show that they are there."""
        return ", ".join(json.loads(step)["kind"].replace("-", " ") for step in self.other)


def _anchored(step: dict[str, Any], folder: Path | None) -> dict[str, Any]:
    return {
        key: _anchored(value, folder)
        if isinstance(value, dict)
        else str(folder / value)
        if folder and key == "path" and isinstance(value, str)
        else value
        for key, value in step.items()
    }


def _noise(data: dict[str, Any]) -> Noise:
    if data["kind"] == "gaussian":
        return Noise(0.0, 0.0, data["sigma"])
    return Noise(data["offset"], data["gain"], data["read_noise"])


def _blur(step: dict[str, Any]) -> Blur | None:
    """The blur, if the fields of the form say all of it."""
    if step.get("kind") != "blur":
        return None
    psf = dict(step["psf"])
    known = Blur(**{k: v for k, v in psf.items() if k in Blur.__dataclass_fields__})
    given, said = _flat(step), _flat(known.as_json())
    defaults = {"boundary": "crop", "defocus_um": 0.0, "modality": "widefield", "pinhole": 1.0}
    same = all(said.get(key, defaults.get(key)) == value for key, value in given.items())
    return known if same and psf["kind"] in ("gaussian", "microscope") else None


def _flat(step: dict[str, Any]) -> dict[str, Any]:
    return {**{k: v for k, v in step.items() if k != "psf"}, **step["psf"], "kind": step["psf"]["kind"]}

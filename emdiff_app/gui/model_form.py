"""The fields of "What went wrong" and the imaging model they stand for."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from emdiff_app.images import Stack
from emdiff_app.physics import ImagingModel, NoiseSpec

from .model_fields import Blur, Missing, Noise, anchored

__all__ = ["Blur", "Missing", "ModelForm", "Noise"]

WORDS = {"mask": "missing pixels", "downsample": "low resolution", "motion-blur": "motion blur"}


@dataclass(frozen=True)
class ModelForm:
    """`noise` is None until it is typed in or estimated. `other` keeps what the form has no fields for."""

    noise: Noise | None = None
    blur: Blur | None = None
    factor: int = 1  # so many recorded pixels became one, along Y and X
    missing: Missing | None = None
    other: tuple[str, ...] = ()  # operators as JSON, applied after the rest

    def as_json(self) -> dict[str, Any]:
        operator = [self.blur.as_json()] if self.blur else []
        operator += [{"kind": "downsample", "factor": self.factor}] if self.factor > 1 else []
        operator += [self.missing.as_json()] if self.missing else []
        operator += [json.loads(step) for step in self.other]
        return {"operator": operator, "noise": (self.noise or Noise()).as_json()}

    def complete(self, stack: Stack) -> ModelForm:
        """With the noise of `stack` measured, where nobody has told it."""
        if self.noise:
            return self
        from emdiff_app.physics import estimate_noise  # brings scipy's statistics with it

        return self.with_noise(estimate_noise(stack).model)

    @property
    def says_nothing(self) -> bool:
        """Whether nobody has filled in anything, so that another model may stand in its place."""
        return self == ModelForm()

    def model_to_restore(self, stack: Stack) -> ImagingModel | None:
        """The model for `stack`; None where the form says nothing: the prior's own is then the best guess."""
        return None if self.says_nothing else self.complete(stack).imaging_model()

    def imaging_model(self) -> ImagingModel:
        """The model for the engine; a wrong field is refused in words."""
        return ImagingModel.parse(self.as_json(), name="What went wrong")

    @classmethod
    def of(cls, model: ImagingModel, folder: Path | None = None) -> ModelForm:
        """The form that stands for `model`; what has no field is kept as it is.

        Relative paths in it start at `folder`; they are made absolute, because the model moves into a run.
        """
        data = json.loads(model.to_json())
        form = cls(noise=Noise.of(data["noise"]))
        for step in (anchored(step, folder) for step in data.get("operator", [])):
            if step.get("kind") != "identity":
                form = form._taking(step)
        return form

    def _taking(self, step: dict[str, Any]) -> ModelForm:
        """One more operator: in its field, if all before it has come before it in the order of the fields."""
        free = not self.other and self.missing is None
        if free and self.factor == 1 and self.blur is None and (blur := Blur.of(step)):
            return replace(self, blur=blur)
        if free and self.factor == 1 and _plain_factor(step) > 1:
            return replace(self, factor=_plain_factor(step))
        if free and (missing := Missing.of(step)):
            return replace(self, missing=missing)
        return replace(self, other=(*self.other, json.dumps(step)))

    def with_noise(self, noise: NoiseSpec) -> ModelForm:
        """The same form with the noise that was measured."""
        return replace(self, noise=Noise.of(noise.model_dump()))

    def other_words(self) -> str:
        """The kept operators by name, to show that they are there."""
        kinds = [json.loads(step)["kind"] for step in self.other]
        return ", ".join(WORDS.get(kind, kind) for kind in kinds)


def _plain_factor(step: dict[str, Any]) -> int:
    """The factor of a downsampling of which the form can say everything, else 1."""
    plain = step.get("kind") == "downsample" and step.get("method", "area") == "area"
    factor = step.get("factor")
    return factor if plain and isinstance(factor, int) else 1

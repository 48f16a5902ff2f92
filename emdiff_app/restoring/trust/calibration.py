"""A calibration as it is kept: how often intervals held the truth, and by how much the spread is to be widened."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from emdiff_app.errors import EMDiffError
from emdiff_app.images import PixelSize
from emdiff_app.images.atomic import write_bytes
from emdiff_app.physics import ImagingModel

__all__ = ["NOMINAL", "UNKNOWN", "Calibration", "calibration_key", "keep_calibration", "kept_calibration"]

NOMINAL = (0.5, 0.8, 0.9)
CLOSE = 0.06
"""Coverage that differs from its nominal value by less has passed."""
TARP_CLOSE = 0.15
FACTORS = (0.5, 2.0)
"""A spread that is off by more is not mended by a factor."""
LARGEST = 1 << 16
UNKNOWN = (
    "The spread is uncalibrated: it has not been compared with true errors on simulated images yet (emdiff check "
    "--calibrate does)."
)


class Calibration(BaseModel):
    """Measured for one prior, imaging model, sampler and number of steps.

    `covered` by the intervals of 50, 80 and 90 % as they are, `corrected` by those whose width is multiplied by
    `factor`, on images that the factor was not found on. `tarp` is the share of patches whose rank is below 1 ... K.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    covered: tuple[float, ...] = Field(min_length=len(NOMINAL), max_length=len(NOMINAL))
    factor: float = Field(gt=0, allow_inf_nan=False)
    corrected: tuple[float, ...] = Field(min_length=len(NOMINAL), max_length=len(NOMINAL))
    tarp: tuple[float, ...] = Field(min_length=1, max_length=4096)
    chi2: float
    images: int = Field(ge=1)
    samples: int = Field(ge=2)
    sampler: str = Field(max_length=100)
    steps: int = Field(ge=1)

    @property
    def tarp_deviation(self) -> float:
        """The largest difference from the uniform law."""
        count = len(self.tarp)
        return max(abs(share - j / (count + 1)) for j, share in enumerate(self.tarp, 1))

    @property
    def passed(self) -> bool:
        """Whether the spread, times the factor, may be read as an error bar."""
        close = all(abs(c - p) <= CLOSE for c, p in zip(self.corrected, NOMINAL, strict=True))
        return close and self.tarp_deviation <= TARP_CLOSE and FACTORS[0] <= self.factor <= FACTORS[1]

    @property
    def label(self) -> str:
        """The word that goes with the spread."""
        return "calibrated" if self.passed else "uncalibrated"

    @property
    def sentence(self) -> str:
        """What was found, for a person."""
        found = ", ".join(
            f"{100 * p:.0f} % intervals hold the truth in {100 * c:.0f} %"
            for p, c in zip(NOMINAL, self.corrected, strict=True)
        )
        if self.passed:
            return f"The spread is calibrated (factor {self.factor:.2f}): on simulated images, {found}."
        return f"The spread is uncalibrated: on simulated images, {found} even when widened by {self.factor:.2f}."

    def write(self, path: Path) -> None:
        """Keep it as JSON."""
        write_bytes(path, (self.model_dump_json(indent=2) + "\n").encode())

    @classmethod
    def read(cls, path: Path) -> Calibration:
        """What `write` wrote."""
        try:
            if path.stat().st_size > LARGEST:
                raise EMDiffError(f"{path} is too large for a calibration; choose the right file.")
            return cls.model_validate_json(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, ValidationError) as error:
            raise EMDiffError(
                f"{path} cannot be read as a calibration ({type(error).__name__}); measure it again."
            ) from error


def calibration_key(
    prior_sha: str, model: ImagingModel, pixel_size: Mapping[str, PixelSize], sampler: str, steps: int
) -> str:
    """What a calibration holds for, as a name: another prior or another imaging model needs its own.

    The words of a model mean another blur where pixels have another size or a file that it names another content.
    """
    sizes = {axis: [size.value, size.unit] for axis, size in sorted(pixel_size.items()) if axis in "ZYX"}
    words = json.dumps([prior_sha, model.to_json(), model.file_sums(), sizes, sampler, steps])
    return hashlib.sha256(words.encode()).hexdigest()[:24]


def kept_calibration(key: str, folder: Path | None = None) -> Calibration | None:
    """The calibration that was kept under this key, if there is one that can be read."""
    path = _home(folder) / f"{key}.json"
    try:
        return Calibration.read(path) if path.is_file() else None
    except EMDiffError:
        return None  # a broken one is as good as none: it is measured again


def keep_calibration(key: str, calibration: Calibration, folder: Path | None = None) -> Path:
    """Keep it for later restorations of this user; returns where."""
    home = _home(folder)
    home.mkdir(parents=True, exist_ok=True)
    path = home / f"{key}.json"
    calibration.write(path)
    return path


def _home(folder: Path | None) -> Path:
    return folder or Path(platformdirs.user_data_dir("emdiff")) / "calibrations"

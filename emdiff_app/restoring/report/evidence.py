"""The figures of a check as rows of a table: what was found, what to expect, what it says."""

from __future__ import annotations

from dataclasses import dataclass

from emdiff_app.restoring.trust.records import Figures

__all__ = ["Row", "evidence_rows"]


@dataclass(frozen=True)
class Row:
    """All in words."""

    name: str
    found: str
    expected: str
    meaning: str


def evidence_rows(f: Figures) -> list[Row]:
    """Only what could be measured."""
    rows = [
        Row(
            "chi2 of the samples",
            f"{min(f.chi2):.2f} to {max(f.chi2):.2f}",
            "about 1",
            "size of what is left over, beside the noise",
        ),
        Row(
            "whiteness",
            ", ".join(f"{c:+.2f}" for c in f.whiteness),
            "about 0",
            "correlation of what is left over, 1 to 5 pixels apart",
        ),
        Row("misfit", _percent(f.misfit), "0 %", "small windows in which far too much is left over"),
        Row(
            "signal",
            f"{f.signal:.3g}",
            "well above 1",
            "variance of the recorded image beside that of the noise",
        ),
        Row("saturated", _percent(f.saturated), "0 %", "pixels piled up at the highest grey level"),
        Row("8 x 8 blocks", f"{f.blocks:.2f}", "about 1", "finest detail in blocks: far less after JPEG"),
    ]
    if f.chi2_dark is not None and f.chi2_bright is not None:
        found = f"{f.chi2_dark:.2f} and {f.chi2_bright:.2f}"
        rows.insert(
            1, Row("chi2, dark and bright", found, "about 1", "whether the noise grows with light as said")
        )
    if f.below_offset:
        rows.append(Row("below the offset", _percent(f.below_offset), "0 %", "darker than no light at all"))
    if f.predictions is not None:
        p = f.predictions
        rows.append(
            Row(
                "prediction of one half",
                f"{p.restored:.3f} (a Gaussian blur {p.blurred:.3f}, as recorded {p.recorded:.3f})",
                "the least",
                "error of predicting one half of the photons from the other; 1 is the noise alone",
            )
        )
    if f.spectrum is not None:
        s = f.spectrum
        rows.append(
            Row("noise in the spectrum", f"{s.noise:.2f}", "about 1", "variance, times what the model says")
        )
        rows.append(
            Row(
                "sharpness",
                f"{s.widening:+.2f} px^2",
                "about 0",
                "blur beyond the model's; below 0: sharper than it",
            )
        )
    if f.outside is not None:
        rows.append(
            Row("outside", _percent(f.outside), "about 0 %", "pixels outside the intensities of the prior")
        )
    if f.unfamiliar is not None:
        rows.append(
            Row("unfamiliar", _percent(f.unfamiliar), "few", "windows unlike all that the prior has seen")
        )
    if f.direction is not None:
        rows.append(
            Row("direction", f"{f.direction:+.2f}", "about 0", "detail along rows against along columns")
        )
    if f.doubtful is not None:
        rows.append(
            Row(
                "doubtful structures",
                _percent(f.doubtful),
                "few",
                "by area, in fewer than half of the samples",
            )
        )
    return rows


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"

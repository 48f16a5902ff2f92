"""From figures to a verdict: one rule for each way in which a restoration goes wrong.

A rule has two limits. Beyond the first the restoration is usable with care, beyond the second it is not to be used.
Each says in one sentence what was found, with its figure, and in another what to do.
"""

from __future__ import annotations

from collections.abc import Callable

from .records import Figures, Grade, Reason, Verdict

__all__ = ["RULES", "judge", "with_whole"]

Rule = Callable[[Figures], Reason | None]
UNCERTAIN = 3.0
"""A figure that scatters by chance counts where it is so many times as far off as its scatter."""
TOO_MUCH, TOO_LITTLE = (1.15, 1.5), (-0.85, -0.6)
"""The limits of chi2 above 1, and below it with the sign turned."""


def judge(figures: Figures) -> Verdict:
    """All reasons against a restoration, the gravest first; without any it is trustworthy."""
    return _verdict([reason for rule in RULES if (reason := rule(figures)) is not None])


def with_whole(verdict: Verdict, chi2: float) -> Verdict:
    """The verdict on crops, and what chi2 over the whole image adds where that of the crops was well."""
    if any(reason.name == "noise" for reason in verdict.reasons):
        return verdict
    grade = _above(chi2, *TOO_MUCH) or _above(-chi2, *TOO_LITTLE)
    reason = _reason(
        "whole image",
        grade,
        f"Over the whole image what the restoration leaves over is {'larger' if chi2 > 1 else 'smaller'} than the "
        f"noise (chi2 = {chi2:.2f}), though not in the parts that were looked at closely.",
        "Look at the residual, and for parts of the image that are unlike the rest.",
    )
    return verdict if reason is None else _verdict([*verdict.reasons, reason])


def _verdict(found: list[Reason]) -> Verdict:
    found = sorted(found, key=lambda reason: reason.grade is not Grade.STOP)
    return Verdict(grade=found[0].grade if found else Grade.TRUST, reasons=tuple(found))


def _above(value: float, care: float, stop: float) -> Grade | None:
    return Grade.STOP if value > stop else Grade.CARE if value > care else None


def _reason(name: str, grade: Grade | None, sentence: str, action: str) -> Reason | None:
    return None if grade is None else Reason(name=name, grade=grade, sentence=sentence, action=action)


def empty(f: Figures) -> Reason | None:
    return _reason(
        "empty",
        Grade.STOP if f.signal < 1.5 else Grade.CARE if f.signal < 2 else None,
        f"The recorded image hardly holds more than noise (its variance is {f.signal:.2f} times that of the noise), so "
        "what the restoration shows comes from the prior.",
        "Choose an image with something in it, or expose longer.",
    )


def saturated(f: Figures) -> Reason | None:
    return _reason(
        "saturated",
        _above(f.saturated, 1e-3, 0.02),
        f"{_percent(f.saturated)} of the pixels are saturated, and how bright they were is lost.",
        "Record with less light, or mark these pixels as missing.",
    )


def compressed(f: Figures) -> Reason | None:
    return _reason(
        "compressed",
        _above(-f.blocks, -0.75, -0.4),
        f"The image shows the 8 x 8 blocks of JPEG (their finest detail is {f.blocks:.2f} of what it should be): its "
        "noise is no longer that of a camera.",
        "Use the file that the camera wrote, or one that was compressed without loss.",
    )


def offset(f: Figures) -> Reason | None:
    return _reason(
        "offset",
        _above(f.below_offset, 1e-3, 0.05),
        f"{_percent(f.below_offset)} of the pixels are darker than no light at all: the offset in the imaging model "
        "is too high.",
        "Measure the offset with the shutter closed, or estimate the noise again.",
    )


def brightness(f: Figures) -> Reason | None:
    if f.darkest is None:
        return None
    return _reason(
        "brightness",
        _above(f.darkest, 0.7, 2.0),
        f"Even the darkest parts are brighter than the prior knows (by {f.darkest:.1f} standard deviations of its "
        "images): probably a camera offset was forgotten, or the grey levels have another scale.",
        "Give the camera's offset in the imaging model, or match the intensities to the image (--intensities image).",
    )


def outside(f: Figures) -> Reason | None:
    return _reason(
        "outside",
        _above(f.outside or 0.0, 0.02, 0.1),
        f"{_percent(f.outside or 0.0)} of the pixels lie outside the intensities that the prior has learned.",
        "Check the intensity scale and the channel, or learn a prior from images like these.",
    )


def noise(f: Figures) -> Reason | None:
    """Only what is below the noise promised is certain: more may be fine structure that the prior does not know."""
    chi2 = f.mean_chi2
    if chi2 < -TOO_LITTLE[0]:
        smoothed = f.whiteness[0] > 0.1
        return _reason(
            "noise",
            _above(-chi2, *TOO_LITTLE),
            f"What is left over is smaller than the noise of the imaging model (chi2 = {chi2:.2f}), "
            + (
                "and neighbouring pixels have it in common: the image was smoothed or denoised before."
                if smoothed
                else "which is probably over-estimated."
            ),
            "Use the image as the camera recorded it." if smoothed else "Estimate the noise again.",
        )
    if chi2 <= TOO_MUCH[0]:
        return None
    coloured = max(f.whiteness) > 0.1
    return _reason(
        "noise",
        _above(chi2, *TOO_MUCH),
        f"The restored image, recorded again, does not match your data (chi2 = {chi2:.2f}): "
        + (
            "structure is left over, so the blur of the model or the prior does not fit."
            if coloured
            else "the noise is probably under-estimated."
        ),
        "Check the PSF, and that the prior was learned on such images."
        if coloured
        else "Estimate the noise again.",
    )


def noise_by_light(f: Figures) -> Reason | None:
    if f.chi2_dark is None or f.chi2_bright is None or not 0.85 <= f.mean_chi2 <= 1.15:
        return None
    off = max(abs(f.chi2_dark - 1), abs(f.chi2_bright - 1))
    return _reason(
        "noise by light",
        _above(off, 0.5, 1.0),
        f"The noise depends on the light in another way than the imaging model says (chi2 is {f.chi2_dark:.2f} in the "
        f"dark and {f.chi2_bright:.2f} in bright parts).",
        "Check offset and gain of the camera, or estimate the noise again.",
    )


def noise_in_spectrum(f: Figures) -> Reason | None:
    if f.spectrum is None:
        return None
    v = f.spectrum.noise
    certain = abs(v - 1) > UNCERTAIN * f.spectrum.noise_scatter
    off = max(v, 1 / max(v, 1e-6)) if certain else 1.0
    return _reason(
        "noise in the spectrum",
        _above(off, 1.6, 4.0),
        f"The finest detail of the recorded image holds {v:.2f} times the noise that the imaging model says"
        + ("." if v > 1 else ": it is over-estimated, or the image was smoothed before."),
        "Estimate the noise again, on the image as the camera recorded it.",
    )


def sharpness(f: Figures) -> Reason | None:
    if f.spectrum is None:
        return None
    s = f.spectrum.widening
    off = abs(s) if abs(s) > UNCERTAIN * f.spectrum.widening_scatter else 0.0
    return _reason(
        "sharpness",
        _above(off, 1.5, 6.0),
        f"The image is {'blurrier' if s > 0 else 'sharper'} than the prior and the imaging model together promise (by "
        f"{abs(s):.1f} square pixels): the PSF of the model is probably too {'narrow' if s > 0 else 'wide'}.",
        "Measure the PSF with a bead, or check NA, wavelength and pixel size.",
    )


def structure_left(f: Figures) -> Reason | None:
    strongest = max(f.whiteness, key=abs)
    return _reason(
        "structure left over",
        _above(abs(strongest), 0.08, 0.25),
        f"What the restoration leaves over is not white (neighbours correlate by {strongest:+.2f}): "
        + ("something real was smoothed away." if strongest > 0 else "it follows a part of the noise."),
        "Look at the residual, and check the PSF and the noise of the imaging model.",
    )


def misfit(f: Figures) -> Reason | None:
    return _reason(
        "misfit",
        _above(f.misfit, 0.03, 0.2),
        f"In {_percent(f.misfit)} of the image the restoration does not explain what was recorded.",
        "Look at the residual: do not use these parts.",
    )


def unfamiliar(f: Figures) -> Reason | None:
    return _reason(
        "unfamiliar",
        _above(f.unfamiliar or 0.0, 0.15, 0.5),
        f"{_percent(f.unfamiliar or 0.0)} of the restored image is unlike what the prior has seen.",
        "Learn a prior from images like these, or trust only what the recorded image shows as well.",
    )


def direction(f: Figures) -> Reason | None:
    off = abs(f.direction or 0.0)
    return _reason(
        "direction",
        _above(off, 1.0, 2.0),
        "Rows and columns differ as no image of the prior does: the axes are probably in the wrong order.",
        "Check the order of the axes (--axes).",
    )


def prediction(f: Figures) -> Reason | None:
    p = f.predictions
    if p is None:
        return None
    gained = p.level - p.blurred
    worse = (p.restored - p.blurred) / max(gained, 0.05)
    return _reason(
        "prediction",
        _above(worse, 0.05, 0.2),
        f"A plain Gaussian blur of one half of the photons predicts the other half better ({p.blurred:.3f}) than the "
        f"restoration does ({p.restored:.3f}).",
        "Learn longer, or use a prior for such images.",
    )


def doubtful(f: Figures) -> Reason | None:
    return _reason(
        "doubtful",
        _above(f.doubtful or 0.0, 0.35, 0.8),
        f"{_percent(f.doubtful or 0.0)} of the structures appear in fewer than half of the samples.",
        "Trust the mean of many samples and its spread, and no structure of a single sample.",
    )


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.01 else f"{100 * share:.1f} %"


RULES: tuple[Rule, ...] = (
    empty,
    saturated,
    compressed,
    direction,
    offset,
    brightness,
    noise,
    noise_in_spectrum,
    sharpness,
    noise_by_light,
    structure_left,
    misfit,
    outside,
    unfamiliar,
    prediction,
    doubtful,
)

"""The verdict: which figures lead to which answer, in which words."""

import pytest

from emdiff_app.restoring.trust import Figures, Grade, judge, with_whole
from emdiff_app.restoring.trust.records import Blur, Predictions, Verdict

GOOD = {
    "pixels": 4096,
    "samples": 6,
    "chi2": (0.98, 1.03),
    "whiteness": (0.01, 0.0, -0.01, 0.0, 0.0),
    "chi2_dark": 0.95,
    "chi2_bright": 1.05,
    "signal": 40.0,
    "outside": 0.002,
    "darkest": 0.1,
    "unfamiliar": 0.05,
    "direction": 0.1,
    "spectrum": Blur(contrast=0.8, widening=0.3, noise=1.1, widening_scatter=0.3, noise_scatter=0.1),
    "predictions": Predictions(restored=1.03, recorded=2.0, blurred=1.1, level=3.0),
    "doubtful": 0.05,
}


def spectrum(**changes):
    return GOOD["spectrum"].model_copy(update=changes)


# What changes, the rule that should speak first, the grade, and a word of its sentence or advice.
FAULTS = [
    ({"signal": 1.1}, "empty", Grade.STOP, "hardly holds more than noise"),
    ({"saturated": 0.01}, "saturated", Grade.CARE, "1 % of the pixels are saturated"),
    ({"saturated": 0.1}, "saturated", Grade.STOP, "less light"),
    ({"blocks": 0.1}, "compressed", Grade.STOP, "JPEG"),
    ({"direction": 1.4}, "direction", Grade.CARE, "order of the axes"),
    ({"direction": -2.5}, "direction", Grade.STOP, "order of the axes"),
    ({"below_offset": 0.02}, "offset", Grade.CARE, "too high"),
    ({"darkest": 1.2}, "brightness", Grade.CARE, "offset was forgotten"),
    ({"chi2": (0.4, 0.4)}, "noise", Grade.STOP, "over-estimated"),
    ({"chi2": (0.5, 0.5), "whiteness": (0.5, 0.2, 0, 0, 0)}, "noise", Grade.STOP, "denoised before"),
    ({"chi2": (2.0, 2.2)}, "noise", Grade.STOP, "under-estimated"),
    ({"chi2": (1.3, 1.3)}, "noise", Grade.CARE, "chi2 = 1.30"),
    ({"chi2": (1.7, 1.7), "whiteness": (0.3, 0.1, 0, 0, 0)}, "noise", Grade.STOP, "PSF"),
    ({"spectrum": spectrum(noise=3.0)}, "noise in the spectrum", Grade.CARE, "3.00 times the noise"),
    ({"spectrum": spectrum(widening=2.5)}, "sharpness", Grade.CARE, "too narrow"),
    ({"spectrum": spectrum(widening=-2.5)}, "sharpness", Grade.CARE, "too wide"),
    ({"chi2_dark": 0.4}, "noise by light", Grade.CARE, "0.40 in the dark"),
    ({"whiteness": (0.1, 0, 0, 0, 0)}, "structure left over", Grade.CARE, "smoothed away"),
    ({"whiteness": (-0.1, 0, 0, 0, 0)}, "structure left over", Grade.CARE, "follows a part of the noise"),
    ({"misfit": 0.05}, "misfit", Grade.CARE, "In 5 % of the image"),
    ({"outside": 0.05}, "outside", Grade.CARE, "5 % of the pixels lie outside"),
    ({"unfamiliar": 0.6}, "unfamiliar", Grade.STOP, "60 % of the restored image is unlike"),
    (
        {"predictions": GOOD["predictions"].model_copy(update={"restored": 1.6})},
        "prediction",
        Grade.STOP,
        "Gaussian blur",
    ),
    ({"doubtful": 0.5}, "doubtful", Grade.CARE, "50 % of the structures"),
]


def test_good_figures_are_trustworthy():
    verdict = judge(Figures(**GOOD))
    assert verdict == Verdict(grade=Grade.TRUST)
    assert verdict.headline.startswith("Trustworthy: the restoration explains the data")


@pytest.mark.parametrize(("change", "name", "grade", "words"), FAULTS)
def test_each_fault_is_named_with_its_figure_and_what_to_do(change, name, grade, words):
    verdict = judge(Figures(**{**GOOD, **change}))
    first = verdict.reasons[0]
    assert (first.name, first.grade, verdict.grade) == (name, grade, grade)
    assert words in f"{first.sentence} {first.action}"
    assert first.sentence.endswith(".")
    assert first.action.endswith(".")


def test_the_gravest_reason_comes_first():
    verdict = judge(Figures(**{**GOOD, "saturated": 0.01, "unfamiliar": 0.9, "doubtful": 0.5}))
    assert [r.grade for r in verdict.reasons] == [Grade.STOP, Grade.CARE, Grade.CARE]
    assert verdict.headline.startswith("Do not use: 90 % of the restored image")


def test_what_scatters_by_chance_does_not_count():
    vague = spectrum(widening=2.5, widening_scatter=2.0, noise=3.0, noise_scatter=1.5)
    assert judge(Figures(**{**GOOD, "spectrum": vague})).grade is Grade.TRUST


def test_what_could_not_be_measured_says_nothing():
    known = {k: GOOD[k] for k in ("pixels", "samples", "chi2", "whiteness", "signal")}
    assert judge(Figures(**known)).grade is Grade.TRUST


def test_figures_and_verdict_survive_json():
    figures = Figures(**GOOD)
    assert Figures.model_validate_json(figures.model_dump_json()) == figures
    verdict = judge(Figures(**{**GOOD, "saturated": 0.01}))
    assert Verdict.model_validate_json(verdict.model_dump_json()) == verdict


@pytest.mark.parametrize(
    ("chi2", "grade", "word"),
    [
        (1.05, Grade.TRUST, ""),
        (1.3, Grade.CARE, "larger"),
        (1.8, Grade.STOP, "larger"),
        (0.5, Grade.STOP, "smaller"),
    ],
)
def test_the_whole_image_has_a_say(chi2, grade, word):
    found = with_whole(judge(Figures(**GOOD)), chi2)
    assert found.grade is grade
    assert word in "".join(reason.sentence for reason in found.reasons)


def test_what_the_crops_said_already_is_not_said_twice():
    found = judge(Figures(**{**GOOD, "chi2": (2.0, 2.2)}))
    assert with_whole(found, 2.1) == found

"""The fields of "What went wrong" say the same as the model file they came from."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emdiff_app.errors import EMDiffError
from emdiff_app.gui.model_form import Blur, Missing, ModelForm, Noise
from emdiff_app.physics import ImagingModel

positive = st.floats(0.01, 10)
noises = st.builds(Noise, st.floats(0, 500), positive, st.floats(0, 20)) | st.builds(
    Noise, st.just(0.0), st.just(0.0), positive
)
psfs = st.fixed_dictionaries({"kind": st.just("gaussian"), "fwhm_um": positive}) | st.fixed_dictionaries(
    {
        "kind": st.just("microscope"),
        "na": st.floats(0.1, 1.2),
        "wavelength_nm": st.floats(400, 700),
        "index": st.floats(1.3, 1.6),
    },
    optional={"defocus_um": st.floats(0.5, 2), "modality": st.just("confocal")},
)
steps = st.lists(
    st.fixed_dictionaries({"kind": st.just("blur"), "psf": psfs})
    | st.sampled_from(
        [
            {"kind": "downsample", "factor": 2},
            {"kind": "downsample", "factor": 2, "method": "point"},
            {"kind": "downsample", "factor": [1, 2]},
            {"kind": "motion-blur", "length_px": 5.0, "angle_deg": 30.0},
            {"kind": "motion-blur", "length_um": 0.5},
            {"kind": "motion-blur", "path": [[0, 0], [1, 2]]},
            {"kind": "blur", "psf": {"kind": "gaussian", "fwhm_px": 2.0}},
            {"kind": "blur", "psf": {"kind": "gaussian", "fwhm_px": [1.0, 2.0]}},
            {"kind": "blur", "psf": {"kind": "image", "path": "psf.tif"}},
            {"kind": "blur", "psf": {"kind": "image", "path": "psf.tif", "background": 3.0}},
            {"kind": "mask", "pattern": "lines", "step": 2},
            {"kind": "mask", "missing": 0.25, "seed": 7},
            {"kind": "mask", "pattern": "image", "path": "dead.tif", "invert": True},
        ]
    ),
    max_size=4,
)


@given(noises, steps)
def test_a_model_shown_in_the_form_comes_back_unchanged(noise, operator):
    model = ImagingModel.parse({"operator": operator, "noise": noise.as_json()})
    back = ModelForm.of(model).imaging_model()
    assert json.loads(back.to_json())["operator"] == json.loads(model.to_json())["operator"]
    assert back.noise == model.noise


def test_what_has_no_field_is_named():
    model = ImagingModel.parse(
        {
            "operator": [{"kind": "mask", "pattern": "lines", "step": 2}],
            "noise": {"kind": "gaussian", "sigma": 1},
        }
    )
    assert ModelForm.of(model).other_words() == "missing pixels"


def test_a_measured_noise_leaves_the_blur_alone():
    form = ModelForm(blur=Blur(width=0.3)).with_noise(ModelForm(Noise(7, 2, 1)).imaging_model().noise)
    assert (form.noise, form.blur) == (Noise(7, 2, 1), Blur(width=0.3))


def test_a_wrong_field_is_refused_in_words():
    with pytest.raises(EMDiffError, match="na"):
        ModelForm(Noise(), Blur("microscope", na=-1.0)).imaging_model()


@pytest.mark.parametrize(
    "form", [ModelForm(Noise(), Blur("image")), ModelForm(Noise(), missing=Missing("file"))]
)
def test_a_file_that_is_not_chosen_yet_is_asked_for(form):
    with pytest.raises(EMDiffError, match="choose"):
        form.imaging_model()


def test_files_that_a_model_names_are_found_from_anywhere(tmp_path):
    mask = {"kind": "mask", "pattern": "image", "path": "dead.tif"}
    psf = {"kind": "blur", "psf": {"kind": "image", "path": str(tmp_path / "elsewhere" / "psf.tif")}}
    model = ImagingModel.parse({"operator": [psf, mask], "noise": {"kind": "gaussian", "sigma": 1}})
    blur, missing = ModelForm.of(model, tmp_path).imaging_model().operator
    assert missing.path == str(tmp_path / "dead.tif")
    assert blur.psf.path == str(tmp_path / "elsewhere" / "psf.tif")

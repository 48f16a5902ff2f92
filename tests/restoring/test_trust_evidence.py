"""What `assess` finds, on images whose prior is known in closed form: good ones pass, planted faults are named."""

import imagecodecs
import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from emdiff_app.diffusion import GaussianPrior, LearnedPrior
from emdiff_app.physics import ImagingModel
from emdiff_app.physics.random import generator_of
from emdiff_app.restoring import Cancelled
from emdiff_app.restoring.trust import Grade, assess, draw
from emdiff_app.restoring.trust.familiar import Familiar, familiar_with
from emdiff_app.restoring.trust.recording import block_ratio, saturated_share
from emdiff_app.restoring.trust.spectra import radial_power

SIDE = 64
WHITE = {"kind": "gaussian", "sigma": 0.3}
CAMERA = {"kind": "poisson-gaussian", "offset": -4.0, "gain": 0.02, "read_noise": 0.05}
BLUR = {"kind": "blur", "psf": {"kind": "gaussian", "fwhm_px": 3, "shape": [9, 9]}, "boundary": "periodic"}
MODELS = {
    "noise": {"noise": WHITE},
    "camera": {"noise": CAMERA},
    "blur": {"operator": [BLUR], "noise": {"kind": "gaussian", "sigma": 0.05}},
    "missing": {"operator": [{"kind": "mask", "missing": 0.4, "seed": 1}], "noise": WHITE},
}


@pytest.fixture(scope="module")
def prior():
    """Soft clouds: a steep spectrum of variance one."""
    f = torch.fft.fftfreq(SIDE)
    spectrum = (f[:, None] ** 2 + f[None] ** 2 + 0.002) ** -2.0
    return GaussianPrior((spectrum / spectrum.mean())[None], torch.tensor([0.0]))


def bound(model):
    return ImagingModel.model_validate(model).bind((SIDE, SIDE))


def judged(prior, said, y, **options):
    imaging = bound(said)
    samples = draw(prior, imaging, y, 4, sampler="auto", steps=16, generator=generator_of(5))
    return assess(prior, imaging, y, samples, steps=16, **options)


def recorded(prior, model, seed=1, count=2):
    return bound(model).simulate(prior.draw(count, generator_of(seed)), seed + 1)


def names(found):
    return {reason.name for reason in found.verdict.reasons}


@pytest.mark.parametrize("name", MODELS)
def test_what_is_as_the_model_says_is_trustworthy(prior, name):
    found = judged(prior, MODELS[name], recorded(prior, MODELS[name]))
    assert found.verdict.grade is Grade.TRUST, found.verdict.reasons
    figures = found.figures
    assert 0.95 < figures.mean_chi2 < 1.05
    assert max(map(abs, figures.whiteness)) < 0.05
    assert figures.predictions.restored < figures.predictions.blurred < figures.predictions.recorded
    assert figures.unfamiliar < 0.1
    assert sum(found.histogram) * 0.25 == pytest.approx(1)
    assert found.spread.min() >= 0


def test_the_same_seed_finds_the_same(prior):
    y = recorded(prior, MODELS["noise"])
    one, other = (judged(prior, MODELS["noise"], y, seed=3).figures for _ in range(2))
    assert one == other


def jpeg(y):
    low, high = float(y.min()), float(y.max())
    grey = ((y.numpy() - low) / (high - low) * 255).astype(np.uint8)
    back = np.stack([imagecodecs.jpeg_decode(imagecodecs.jpeg_encode(p[0], level=80)) for p in grey])
    return torch.from_numpy(back.astype(np.float32)[:, None] / 255 * (high - low) + low)


def smoothed(y):
    return torch.from_numpy(gaussian_filter(y.numpy(), (0, 0, 1, 1)))


def swapped(y):
    """One row of each of many planes."""
    return y[:, 0, 10::30].movedim(1, 0)[:, None, :SIDE].contiguous()


CHANGES = {
    "saturated": (lambda y: y.clamp(max=float(torch.quantile(y, 0.9))), "saturated"),
    "compressed": (jpeg, "compressed"),
    "denoised before": (smoothed, "noise"),
    "brighter": (lambda y: y + 4, "brightness"),
    "darker": (lambda y: y - 6, "offset"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_was_done_to_the_file_is_named(prior, change):
    alter, name = CHANGES[change]
    found = judged(prior, MODELS["camera"], alter(recorded(prior, MODELS["camera"])), hold_out=False)
    assert name in names(found)


@pytest.mark.parametrize(("factor", "words"), [(2.0, "over-estimated"), (0.5, "under-estimated")])
def test_wrong_noise_is_named(prior, factor, words):
    said = {"noise": {"kind": "gaussian", "sigma": factor * WHITE["sigma"]}}
    found = judged(prior, said, recorded(prior, MODELS["noise"]), hold_out=False)
    assert found.verdict.grade is Grade.STOP
    assert any(words in reason.sentence for reason in found.verdict.reasons)


def test_an_empty_image_is_not_to_be_used(prior):
    y = bound(MODELS["noise"]).simulate(torch.zeros(2, 1, SIDE, SIDE), 1)
    found = judged(prior, MODELS["noise"], y, hold_out=False)
    assert found.verdict.grade is Grade.STOP
    assert found.verdict.reasons[0].name == "empty"
    constant = judged(prior, MODELS["noise"], torch.zeros(2, 1, SIDE, SIDE), hold_out=False)
    assert constant.verdict.grade is Grade.STOP


def test_rows_of_many_planes_are_told_from_an_image(prior):
    y = swapped(recorded(prior, MODELS["noise"], count=SIDE))
    found = judged(prior, MODELS["noise"], y, hold_out=False)
    assert "direction" in names(found)


@pytest.mark.parametrize(("factor", "sign"), [(1.3, -1), (0.7, 1)])
def test_a_psf_that_is_off_shows_where_the_prior_is_exact(prior, factor, sign):
    def model(fwhm):
        blur = {**BLUR, "psf": {"kind": "gaussian", "fwhm_px": fwhm, "shape": [17, 17]}}
        return {"operator": [blur], "noise": {"kind": "gaussian", "sigma": 0.005}}

    y = recorded(prior, model(5.0), count=4)
    found = judged(prior, model(5.0 * factor), y, hold_out=False)
    assert sign * found.figures.spectrum.widening > 0.5
    assert found.verdict.grade is not Grade.TRUST


def test_a_strange_structure_is_unfamiliar_where_it_is(prior):
    clean = prior.draw(2, generator_of(1))
    bars = 2.0 * (torch.arange(24) % 4 < 2)
    clean[..., 20:44, 20:44] = torch.maximum(bars[:, None], bars)
    found = judged(prior, MODELS["noise"], bound(MODELS["noise"]).simulate(clean, 2), hold_out=False)
    assert names(found) & {"unfamiliar", "misfit", "noise"}
    assert found.verdict.grade is not Grade.TRUST


def test_windows_of_very_large_dreams_are_thinned_before_they_are_compared(monkeypatch):
    """All of them with each other would be 2 GB here, and 16 GB for images that are eight times finer."""
    honest, sizes = torch.cdist, []

    def counted(a, b):
        found = honest(a, b)
        sizes.append(found.numel())
        return found

    monkeypatch.setattr(torch, "cdist", counted)
    white = torch.randn(6, 1, 512, 512, generator=generator_of(0))
    known = Familiar.of(white, 1.0)
    strange = torch.randn(1, 1, 512, 512, generator=generator_of(1))
    strange[..., :128, :128] *= 4
    found = known.unfamiliar(strange)[0]
    assert float(found[:12, :12].float().mean()) == 1
    assert float(found[20:, 20:].float().mean()) < 0.01
    assert max(sizes) <= 2**24


def test_pile_ups_are_told_from_few_values():
    counts = torch.poisson(torch.full((1, 1, 64, 64), 40.0), generator=generator_of(0))
    seen = torch.ones_like(counts, dtype=torch.bool)
    assert saturated_share(counts, seen) == 0
    assert saturated_share(counts.clamp(max=40), seen) > 0.4


@pytest.mark.parametrize("shift", [(0, 0), (3, 5)])
def test_blocks_are_found_wherever_the_crop_starts(prior, shift):
    y = recorded(prior, MODELS["camera"])
    seen = torch.ones_like(y, dtype=torch.bool)
    assert block_ratio(y, seen) > 0.8
    moved = jpeg(y)[..., shift[0] :, shift[1] :]
    assert block_ratio(moved, torch.ones_like(moved, dtype=torch.bool)) < 0.5


def test_white_noise_has_a_flat_spectrum_of_its_variance():
    power = radial_power(2 * torch.randn(40, 1, 48, 32, generator=generator_of(0)))
    np.testing.assert_allclose(power.mean(0), 4, rtol=0.12)


def test_dreaming_can_be_stopped_and_is_done_again_when_it_is_asked_for():
    learned, asked = LearnedPrior("tiny", 1, 0.4, 0.5), []

    def stop():
        asked.append(None)
        if len(asked) == 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        familiar_with(learned, (32, 32), stop)
    assert len(asked) == 3
    assert familiar_with(learned, (32, 32)).windows.isfinite().all()

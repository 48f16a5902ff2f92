"""Classical restorations: each does what it is known for, and says in words what it cannot do."""

import numpy as np
import pytest
import torch
from skimage.restoration import denoise_tv_chambolle
from skimage.restoration import richardson_lucy as published_richardson_lucy

from emdiff_app.baselines import (
    best_of,
    best_on_truth,
    method,
    method_names,
    restore_images,
    restore_with,
    spectrum_prior,
)
from emdiff_app.baselines.differences import divergence, gradient
from emdiff_app.errors import EMDiffError
from emdiff_app.images.score import psnr
from emdiff_app.physics import ImagingModel, psf_array

WHITE = {"kind": "gaussian", "sigma": 0.1}
PHOTONS = {"kind": "poisson-gaussian", "offset": 100, "gain": 2.0, "read_noise": 3.0}
BLUR = {"kind": "blur", "psf": {"kind": "gaussian", "fwhm_px": 3.0}}
HOLES = {"kind": "mask", "missing": 0.5, "seed": 3}
DENOISERS = ["bm3d", "gaussian-blur", "non-local-means", "tv", "wavelet", "wiener"]


def model(noise, *operators):
    return ImagingModel.model_validate({"operator": operators, "noise": noise})


def discs(side, top=1.0, bottom=0.0):
    """Bright discs of several sizes on a dark ground."""
    rows, columns = np.mgrid[:side, :side]
    image = np.zeros((side, side))
    for y, x, r in ((0.3, 0.3, 0.16), (0.7, 0.55, 0.2), (0.25, 0.75, 0.08), (0.6, 0.12, 0.06)):
        image += np.hypot(rows - y * side, columns - x * side) < r * side
    return (bottom + (top - bottom) * image).astype(np.float32)


def recorded(words, side=64, top=1.0, bottom=0.0, seed=0):
    """(recorded plane, truth on the same field)."""
    imaging = words.bind((side, side))
    wide = torch.from_numpy(discs(imaging.domain[0], top, bottom))[None, None]
    return imaging.simulate(wide, seed)[0, 0].numpy(), imaging.crop(wide)[0, 0].numpy()


@pytest.mark.parametrize("name", DENOISERS)
@pytest.mark.parametrize(("noise", "top", "bottom"), [(WHITE, 1.0, 0.0), (PHOTONS, 200.0, 120.0)])
def test_denoisers_bring_the_image_closer_to_the_truth(name, noise, top, bottom):
    if name == "bm3d":
        pytest.importorskip("bm3d")
    if name == "wavelet":
        pytest.importorskip("pywt")
    words = model(noise)
    y, x = recorded(words, top=top, bottom=bottom)
    made, settings = best_on_truth(name, y, x, words)
    assert made.shape == y.shape
    assert made.dtype == np.float32
    assert psnr(made, x) > psnr(y, x) + {"gaussian-blur": 0.5, "wiener": 1.5}.get(name, 3)
    again = restore_with(name, y, words, **settings)
    np.testing.assert_allclose(made, again, atol=1e-4 * (top - bottom))
    assert abs(float(made.mean()) - float(x.mean())) < 0.02 * (top - bottom)


@pytest.mark.parametrize("name", ["richardson-lucy", "richardson-lucy-tv", "tv", "wiener"])
@pytest.mark.parametrize(("noise", "top", "bottom"), [(WHITE, 3.0, 0.0), (PHOTONS, 900.0, 110.0)])
def test_methods_that_know_the_blur_undo_some_of_it(name, noise, top, bottom):
    words = model(noise, BLUR)
    y, x = recorded(words, top=top, bottom=bottom)
    made, chosen = best_on_truth(name, y, x, words)
    denoised, _ = best_on_truth("gaussian-blur", y, x, words)
    assert psnr(made, x) > psnr(denoised, x) + 0.8
    assert set(chosen) <= set(method(name).parameters)


@pytest.mark.parametrize("name", ["biharmonic", "gaussian-blur", "tv", "wiener"])
def test_missing_pixels_are_filled_whatever_they_hold(name):
    words = model({"kind": "gaussian", "sigma": 0.02}, HOLES)
    y, x = recorded(words)
    made = restore_with(name, y, words)
    assert psnr(made, x) > psnr(y, x) + 6
    seen = words.bind(y.shape).observed[0, 0].numpy()
    other = np.where(seen, y, 1e4).astype(np.float32)
    np.testing.assert_allclose(restore_with(name, other, words), made, atol=1e-5)


def test_richardson_lucy_is_scikit_images_in_the_plain_case():
    """A dark surround, no background: nothing for the two to differ in."""
    psf = psf_array(model(WHITE, BLUR).operator[0].psf, ndim=2)
    words = model({**PHOTONS, "offset": 0.0, "gain": 0.01, "read_noise": 0.0}, BLUR)
    x = np.zeros((1, 1, 64 + psf.shape[0] - 1, 64 + psf.shape[1] - 1), np.float32)
    x[..., 28:44, 26:40] = 4.0
    y = words.simulate(torch.from_numpy(x), 0)[0, 0].numpy()
    middle = (slice(20, 44), slice(20, 44))
    for count in (1, 5, 15):
        ours = restore_with("richardson-lucy", y, words, iterations=count)
        theirs = published_richardson_lucy(y.astype(float), psf, num_iter=count, clip=False)
        np.testing.assert_allclose(ours[middle], theirs[middle], rtol=2e-3, atol=2e-3)


def test_richardson_lucy_is_right_at_borders_and_above_a_camera_offset():
    """Evenly lit fields must stay so: light that fell beside the sensor is no darkness, the offset no light."""
    words = model(PHOTONS, BLUR)
    flat = np.full((48, 48), 400.0, np.float32)
    np.testing.assert_allclose(restore_with("richardson-lucy", flat, words, iterations=30), flat, rtol=1e-3)


@pytest.mark.parametrize("name", ["richardson-lucy", "richardson-lucy-tv"])
def test_richardson_lucy_leaves_a_black_plane_black(name):
    black = np.zeros((24, 24), np.float32)
    np.testing.assert_array_equal(restore_with(name, black, model(WHITE, BLUR)), black)


def test_richardson_lucy_gets_noisier_with_iterations_and_total_variation_holds_it_back():
    words = model(PHOTONS, BLUR)
    y, x = recorded(words, top=160.0, bottom=110.0)
    few, many = (restore_with("richardson-lucy", y, words, iterations=n) for n in (8, 200))
    held = restore_with("richardson-lucy-tv", y, words, iterations=200, weight=0.05)
    assert psnr(many, x) < psnr(few, x) - 2
    assert psnr(held, x) > psnr(many, x) + 2


def test_total_variation_is_scikit_images_where_both_apply():
    words = model(WHITE)
    y, _ = recorded(words)
    ours = restore_with("tv", y, words, weight=1.0, iterations=600)
    theirs = denoise_tv_chambolle(y, weight=0.1, eps=1e-9, max_num_iter=4000)
    assert np.abs(ours - theirs).max() < 0.02
    assert np.sqrt(np.mean((ours - theirs) ** 2)) < 2e-3


@pytest.mark.parametrize("noise", [WHITE, PHOTONS])
def test_total_variation_has_arrived_where_it_stops(noise):
    words = model(noise, BLUR)
    y, x = recorded(words, top=260.0 if noise is PHOTONS else 1.0, bottom=110.0 if noise is PHOTONS else 0.0)
    usual, long = (restore_with("tv", y, words, iterations=n) for n in (300, 3000))
    assert np.sqrt(np.mean((usual - long) ** 2)) < 0.01 * np.ptp(x)


def test_total_variation_in_photons_never_goes_below_the_dark_level():
    words = model(PHOTONS, BLUR)
    y, _ = recorded(words, top=140.0, bottom=100.0)
    assert restore_with("tv", y, words).min() >= 100.0 - 1e-3


def test_divergence_is_minus_the_adjoint_of_the_gradient():
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(2, 1, 7, 9, generator=rng, dtype=torch.float64)
    p = torch.randn(2, 2, 1, 7, 9, generator=rng, dtype=torch.float64)
    assert float((gradient(x) * p).sum()) == pytest.approx(-float((x * divergence(p)).sum()), abs=1e-12)


def test_the_wiener_filter_with_the_true_spectrum_is_the_best_linear_one():
    """Against the textbook formula on a periodic blur, where it is exact."""
    words = model(WHITE, {**BLUR, "boundary": "periodic"})
    rng = torch.Generator().manual_seed(1)
    frequency = torch.fft.fftfreq(32)
    spectrum = 1 / (0.01 + frequency[:, None] ** 2 + frequency**2)
    white = torch.randn(4, 1, 32, 32, generator=rng)
    x = torch.fft.ifft2(torch.fft.fft2(white) * spectrum.sqrt()).real
    imaging = words.bind((32, 32))
    y = imaging.simulate(x, 2)
    prior = spectrum_prior(x)
    point = torch.zeros(1, 1, 32, 32)
    point[..., 0, 0] = 1
    transfer = torch.fft.fft2(imaging.apply(point))
    gain = transfer.conj() * prior.spectrum / (transfer.abs() ** 2 * prior.spectrum + 0.1**2)
    mean = prior.mean.reshape(1, 1, 1, 1)
    wanted = torch.fft.ifft2(gain * torch.fft.fft2(y - mean)).real + mean
    made = restore_images("wiener", y, imaging, prior=prior)
    assert float((made - wanted).abs().max()) < 0.02 * float(x.std())


def test_a_spectrum_learned_from_the_image_itself_is_nearly_as_good_as_the_true_one():
    words = model(WHITE)
    y, x = recorded(words, side=128)
    known = restore_with("wiener", y, words, prior=spectrum_prior(torch.from_numpy(x)[None, None]))
    learned = restore_with("wiener", y, words)
    assert psnr(learned, x) > psnr(known, x) - 1.5


def test_the_truth_chooses_one_setting_for_all_or_one_for_each():
    words = model(WHITE)
    pairs = [recorded(words, seed=0), recorded(model({"kind": "gaussian", "sigma": 0.4}), seed=1)]
    y, x = (torch.from_numpy(np.stack(part))[:, None] for part in zip(*pairs, strict=True))
    best = best_of("gaussian-blur", y, x, words.bind((64, 64)))
    widths = [setting["sigma"] for setting in best.each_parameters]
    assert widths[0] < widths[1]
    error = [float((made - x).square().mean()) for made in (best.each, best.image)]
    assert error[0] < error[1]


def test_colour_planes_keep_their_shape():
    words = model(WHITE)
    y, x = recorded(words)
    colours = np.stack([y, 0.5 * y, np.zeros_like(y)], axis=-1)
    made = restore_with("tv", colours, words)
    assert made.shape == colours.shape
    assert psnr(made[..., 0], x) > psnr(y, x) + 3


def test_low_resolution_is_raised_by_the_methods_that_can():
    words = model({"kind": "gaussian", "sigma": 0.02}, {"kind": "downsample", "factor": 2})
    fine = discs(64)
    y = words.simulate(torch.from_numpy(fine)[None, None], 0)[0, 0].numpy()
    known = {"prior": spectrum_prior(torch.from_numpy(fine)[None, None])}
    for name, settings in (("wiener", known), ("tv", {})):
        made = restore_with(name, y, words, **settings)
        assert psnr(made, fine) > psnr(np.kron(y, np.ones((2, 2), np.float32)), fine) + 1


@pytest.mark.parametrize(
    ("name", "words", "said"),
    [
        ("richardson-lucy", model(WHITE), "has none"),
        ("biharmonic", model(WHITE), "none are missing"),
        ("non-local-means", model(WHITE, HOLES), "missing pixels"),
        ("gaussian-blur", model(WHITE, {"kind": "downsample", "factor": 2}), "resolution"),
        ("nonsense", model(WHITE), "tv"),
    ],
)
def test_what_a_method_cannot_do_is_said(name, words, said):
    with pytest.raises(EMDiffError, match=said):
        restore_with(name, np.ones((32, 32), np.float32), words)


def test_unknown_settings_are_refused_with_the_known_ones():
    with pytest.raises(EMDiffError, match="sigma"):
        restore_with("gaussian-blur", np.ones((32, 32), np.float32), model(WHITE), width=2.0)


def test_without_its_library_a_method_says_how_to_install_it(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "bm3d", None)
    with pytest.raises(EMDiffError, match=r"pip install"):
        restore_with("bm3d", np.ones((32, 32), np.float32), model(WHITE))


def test_every_method_is_described_for_a_user():
    for name in method_names():
        known = method(name)
        assert known.sentence.endswith((".", ")."))
        assert all(p.sentence.endswith(".") for p in known.parameters.values())
        assert set(known.needs) <= {"psf", "noise", "mask"}

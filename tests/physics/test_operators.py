"""Operators: exact adjoints, linearity, and what each does to an image."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import convolve

from emdiff_app.errors import PhysicsError
from emdiff_app.images import PixelSize
from emdiff_app.physics import GaussianNoise, ImagingModel

NOISE = GaussianNoise(sigma=0.1)


def imaging(*operators, field=(12, 11), **options):
    model = ImagingModel.parse({"operator": list(operators), "noise": NOISE.model_dump()})
    return model.bind(field, dtype=torch.float64, **options)


def random_images(shape, seed=0, batch=2):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, 1, *shape, dtype=torch.float64, generator=generator)


odd = st.sampled_from([1, 3, 5])


@st.composite
def chains(draw):
    """A field of two or three axes, a chain of one to three operators, and the arrays it needs."""
    ndim = draw(st.sampled_from([2, 3]))
    field = tuple(draw(st.integers(10, 13)) for _ in range(ndim))
    psf = torch.rand(1, 1, *[draw(odd) for _ in range(ndim)], dtype=torch.float64) + 0.01
    psf[(..., *[n // 2 for n in psf.shape[2:]])] += 3 * psf.sum()
    boundary = draw(st.sampled_from(["crop", "crop", "periodic"]))
    operators = {
        "identity": {"kind": "identity"},
        "blur": {"kind": "blur", "psf": {"kind": "gaussian", "sigma_px": 1}, "boundary": boundary},
        "motion": {"kind": "motion-blur", "length_px": 2.9, "angle_deg": draw(st.floats(0, 180))},
        "path": {"kind": "motion-blur", "path": [[0, 0], [1.5, 2], [0, 3]]},
        "random": {"kind": "mask", "missing": draw(st.floats(0, 0.9)), "seed": draw(st.integers(0, 99))},
        "lines": {"kind": "mask", "pattern": "lines", "step": 3, "start": 1, "axis": "X"},
        "area": {"kind": "downsample", "factor": draw(st.integers(1, 3))},
        "point": {"kind": "downsample", "factor": (2,) * ndim, "method": "point"},
    }
    names = draw(st.lists(st.sampled_from(sorted(operators)), min_size=1, max_size=3))
    psf = psf / psf.sum()
    arrays = {f"operator[{i}]": psf for i, name in enumerate(names) if name == "blur"}
    return field, [operators[n] for n in names], arrays


@settings(max_examples=50, deadline=None)
@given(chains(), st.integers(0, 1000))
def test_the_adjoint_is_exact(chain, seed):
    field, operators, arrays = chain
    bound = imaging(*operators, field=field, arrays=arrays)
    x, y = random_images(bound.domain, seed), random_images(field, seed + 1)
    forward, back = bound.apply(x), bound.adjoint(y)
    assert forward.shape == y.shape
    assert back.shape == x.shape
    scale = (forward.norm() * y.norm() + x.norm() * back.norm()).item()
    assert abs(((forward * y).sum() - (x * back).sum()).item()) <= 1e-10 * scale


@settings(max_examples=25, deadline=None)
@given(chains(), st.integers(0, 1000))
def test_it_is_linear_and_its_shortcuts_agree_with_it(chain, seed):
    field, operators, arrays = chain
    bound = imaging(*operators, field=field, arrays=arrays)
    a, b, y = random_images(bound.domain, seed), random_images(bound.domain, seed + 1), random_images(field)
    torch.testing.assert_close(bound.apply(2 * a - 3 * b), 2 * bound.apply(a) - 3 * bound.apply(b))
    torch.testing.assert_close(bound.operator.outer(y), bound.apply(bound.adjoint(y)))
    spectrum = bound.operator.outer_spectrum
    if spectrum is not None:
        axes = tuple(range(2, y.ndim))
        circular = torch.fft.irfftn(torch.fft.rfftn(y, dim=axes) * spectrum, s=field, dim=axes)
        torch.testing.assert_close(circular, bound.operator.outer(y))


@pytest.mark.parametrize(
    "operator",
    [
        {"kind": "identity"},
        {"kind": "mask", "missing": 0.5},
        {"kind": "downsample", "factor": 2},
        {"kind": "downsample", "factor": 2, "method": "point"},
        {"kind": "blur", "psf": {"kind": "box", "size_px": 3}},
    ],
)
def test_squared_gives_the_diagonal_of_the_outer_product(operator):
    bound = imaging(operator, field=(6, 7))
    r = torch.rand(1, 1, *bound.domain, dtype=torch.float64)
    units = torch.eye(42, dtype=torch.float64).reshape(42, 1, 6, 7)
    outer = bound.apply(r * bound.adjoint(units)).reshape(42, 42)
    torch.testing.assert_close(bound.operator.squared(r).flatten(), outer.diagonal())
    if bound.operator.disjoint:
        torch.testing.assert_close(outer, outer.diagonal().diag())


@pytest.mark.parametrize("shape", [(24, 31), (8, 13, 10)])
def test_blur_is_the_valid_part_of_a_convolution(shape):
    rng = np.random.default_rng(0)
    psf = rng.random((3, 5, 3)[-len(shape) :])
    psf[tuple(n // 2 for n in psf.shape)] += 9
    psf /= psf.sum()
    bound = imaging(
        {"kind": "blur", "psf": {"kind": "gaussian", "sigma_px": 1}},
        field=shape,
        arrays={"psf": torch.from_numpy(psf)[None, None]},
    )
    x = rng.random(bound.domain)
    expected = convolve(x, psf, mode="valid")
    np.testing.assert_allclose(bound.apply(torch.from_numpy(x)[None, None])[0, 0], expected, atol=1e-12)


def test_light_from_beyond_the_border_falls_onto_the_field_and_none_wraps_around():
    bound = imaging({"kind": "blur", "psf": {"kind": "box", "size_px": 5}}, field=(16, 16))
    x = torch.zeros(1, 1, *bound.domain, dtype=torch.float64)
    x[..., 10, 0] = 25.0  # outside the field, two pixels left of its first column
    y = bound.apply(x)[0, 0]
    assert y[8, 0].item() == pytest.approx(1)
    assert y[:, 1:].abs().max().item() < 1e-12


@pytest.mark.parametrize(
    ("angle", "lit"), [(0, {(0, -1), (0, 1)}), (90, {(-1, 0), (1, 0)}), (45, {(-1, 1), (1, -1)})]
)
def test_motion_runs_along_its_angle(angle, lit):
    bound = imaging({"kind": "motion-blur", "length_px": 3, "angle_deg": angle}, field=(11, 11))
    x = torch.zeros(1, 1, *bound.domain, dtype=torch.float64)
    middle = tuple(n // 2 for n in bound.domain)
    x[(0, 0, *middle)] = 1
    y = bound.apply(x)[0, 0]
    assert y.sum().item() == pytest.approx(1)
    for dy, dx in [(0, 0), *lit]:
        assert y[5 + dy, 5 + dx] > 0.15
    assert y[5 + 2, 5 + 2] < 0.01


def test_downsampling_by_area_averages_and_by_point_picks():
    x = torch.arange(16.0, dtype=torch.float64).reshape(1, 1, 4, 4)
    area = imaging({"kind": "downsample", "factor": 2}, field=(2, 2)).apply(x)
    point = imaging({"kind": "downsample", "factor": 2, "method": "point"}, field=(2, 2)).apply(x)
    assert area.flatten().tolist() == [2.5, 4.5, 10.5, 12.5]
    assert point.flatten().tolist() == [5.0, 7.0, 13.0, 15.0]


def test_volumes_are_downsampled_within_their_planes_unless_told_otherwise():
    assert imaging({"kind": "downsample", "factor": 2}, field=(5, 6, 7)).domain == (5, 12, 14)
    assert imaging({"kind": "downsample", "factor": [3, 1, 2]}, field=(5, 6, 7)).domain == (15, 6, 14)


def test_masks_hide_the_share_of_pixels_they_name():
    bound = imaging({"kind": "mask", "missing": 0.6, "seed": 3}, field=(200, 200))
    assert bound.observed.double().mean().item() == pytest.approx(0.4, abs=0.01)
    lines = imaging({"kind": "mask", "pattern": "lines", "step": 4, "start": 1, "axis": "Y"}, field=(8, 3))
    assert lines.observed[0, 0, :, 0].nonzero().flatten().tolist() == [1, 5]


def test_a_mask_from_a_file(tmp_path):
    import tifffile

    dead = np.zeros((6, 8), np.uint8)
    dead[2, 3] = 1
    tifffile.imwrite(tmp_path / "dead.tif", dead)
    operator = {"kind": "mask", "pattern": "image", "path": "dead.tif", "invert": True}
    model = ImagingModel.parse({"operator": [operator], "noise": NOISE.model_dump()})
    bound = model.located(tmp_path).bind((6, 8))
    assert not bound.observed[0, 0, 2, 3]
    assert bound.observed.sum() == 47
    with pytest.raises(PhysicsError, match=r"operator\[0\].*6 x 8.*10 x 10"):
        model.located(tmp_path).bind((10, 10))


def test_a_missing_pixel_starts_as_its_nearest_neighbour():
    mask = torch.tensor([[1, 0, 0, 0, 1]], dtype=torch.bool).expand(3, 5)
    bound = imaging(
        {"kind": "mask", "pattern": "array"}, field=(3, 5), arrays={"mask": mask.clone()[None, None]}
    )
    y = torch.tensor([7.0, torch.nan, 0, 0, 9.0], dtype=torch.float64).expand(1, 1, 3, 5)
    assert bound.initial(y)[0, 0, 0].tolist()[:2] == [7, 7]
    assert bound.initial(y)[0, 0, 0].tolist()[3:] == [9, 9]


@settings(max_examples=30, deadline=None)
@given(chains())
def test_the_first_image_shows_a_constant_as_that_constant(chain):
    field, operators, arrays = chain
    bound = imaging(*operators, field=field, arrays=arrays)
    y = torch.full((1, 1, *field), 5.0, dtype=torch.float64)
    x = bound.initial(y)
    assert x.shape[2:] == bound.domain
    assert torch.all(x == 5)


def test_the_crop_lies_over_the_field():
    bound = imaging(
        {"kind": "blur", "psf": {"kind": "box", "size_px": 5}},
        {"kind": "downsample", "factor": 2},
        {"kind": "mask", "missing": 0.1},
        field=(10, 12),
    )
    assert bound.domain == (24, 28)
    y = random_images((10, 12))
    masked = torch.where(bound.observed, y, 0)
    x = torch.nn.functional.interpolate(masked, scale_factor=2, mode="nearest")
    inside = torch.nn.functional.pad(x, (2, 2, 2, 2))
    assert torch.equal(bound.crop(inside), x)


CHAIN = (
    {"kind": "blur", "psf": {"kind": "gaussian", "sigma_px": 1}},
    {"kind": "mask", "pattern": "array"},
)


def per_image_arrays(batch, field):
    generator = torch.Generator().manual_seed(5)
    psf = torch.rand(batch, 1, 5, 5, generator=generator)
    psf[..., 2, 2] += 20
    mask = torch.rand(batch, 1, *field, generator=generator) < 0.6
    return {"psf": psf / psf.sum((2, 3), keepdim=True), "mask": mask}


def test_every_image_has_its_own_psf_and_mask_and_its_batch_does_not_matter():
    field = (16, 18)
    model = ImagingModel.parse({"operator": CHAIN, "noise": NOISE.model_dump()})
    arrays = per_image_arrays(5, field)
    together = model.bind(field, arrays=arrays)
    x = random_images(together.domain, batch=5).float()
    y = random_images(field, 1, batch=5).float()
    for i in range(5):
        alone = model.bind(field, arrays={name: a[i : i + 1] for name, a in arrays.items()})
        one = slice(i, i + 1)
        torch.testing.assert_close(alone.apply(x[one]), together.apply(x)[one], rtol=0, atol=1e-6)
        torch.testing.assert_close(alone.adjoint(y[one]), together.adjoint(y)[one], rtol=0, atol=1e-6)
        solved = together.solve(y, x, 0.5, tol=1e-6)[one]
        torch.testing.assert_close(alone.solve(y[one], x[one], 0.5, tol=1e-6), solved, rtol=0, atol=2e-5)
    first = model.bind(field, arrays={name: a[:1] for name, a in arrays.items()})
    torch.testing.assert_close(together.simulate(x, 7)[:1], first.simulate(x[:1], 7), rtol=0, atol=1e-6)


def test_lengths_in_um_follow_the_pixel_size_before_downsampling():
    blur = {"kind": "blur", "psf": {"kind": "gaussian", "fwhm_um": 0.5}}
    size = {"Y": PixelSize(200, "nm"), "X": PixelSize(0.2, "um")}
    plain = imaging(blur, field=(40, 40), pixel_size=size)
    finer = imaging(blur, {"kind": "downsample", "factor": 2}, field=(40, 40), pixel_size=size)
    # sigma: 0.5 / 2.355 / 0.2 = 1.06 pixels, cut at 3.5 sigma: 4 pixels on each side; twice as many when finer
    assert plain.domain == (48, 48)
    assert finer.domain == (96, 96)
    with pytest.raises(PhysicsError, match=r"pixel size along Y is not known.*fwhm_px"):
        imaging(blur)


def test_a_model_without_an_axis_of_its_own_is_refused_in_words():
    with pytest.raises(PhysicsError, match="mask from each image"):
        imaging({"kind": "mask", "pattern": "array"})
    with pytest.raises(PhysicsError, match="no axis Z"):
        imaging({"kind": "mask", "pattern": "lines", "step": 2, "axis": "Z"})
    with pytest.raises(PhysicsError, match="3 factors"):
        imaging({"kind": "downsample", "factor": [1, 2, 2]})
    with pytest.raises(PhysicsError, match="no per-image array 'maks'"):
        imaging(arrays={"maks": torch.ones(1, 1, 12, 11)})
    with pytest.raises(PhysicsError, match="no per-image array 'mask'"):
        imaging(arrays={"mask": torch.ones(1, 1, 12, 11)})


@pytest.mark.parametrize("boundary", ["crop", "periodic"])
def test_the_gradient_through_a_blur_is_its_adjoint(boundary):
    bound = imaging(
        {"kind": "blur", "psf": {"kind": "gaussian", "sigma_px": 1}, "boundary": boundary}, field=(20, 21)
    )
    x, y = random_images(bound.domain).requires_grad_(), random_images((20, 21))
    with_gradient = bound.apply(x)
    torch.testing.assert_close(with_gradient.detach(), bound.apply(x.detach()))
    (gradient,) = torch.autograd.grad((with_gradient * y).sum(), x)
    torch.testing.assert_close(gradient, bound.adjoint(y))

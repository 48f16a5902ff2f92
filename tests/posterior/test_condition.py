"""Bringing the data in: an exact draw, in few steps where light is only spread."""

import pytest
import torch

from emdiff_app.physics import ImagingModel
from emdiff_app.physics.random import generator_of
from emdiff_app.posterior import Covariance
from emdiff_app.posterior.condition import draw
from emdiff_app.posterior.steps import OwnNoise

FIELD = (40, 44)
BLUR = {"kind": "blur", "psf": {"kind": "gaussian", "fwhm_px": 4.7}}
DEAD = {"kind": "mask", "missing": 0.03}
NOISES = {
    "gaussian": {"kind": "gaussian", "sigma": 0.05},
    "poisson": {"kind": "poisson-gaussian", "offset": 0.0, "gain": 0.02, "read_noise": 0.01},
}


def unsure(domain, count, *, colours=1):
    """Surer in the dark half than in the bright one; most unsure of what is coarse."""
    size = tuple(n + 20 for n in domain)
    f = torch.fft.fftfreq(size[0])[:, None].square() + torch.fft.rfftfreq(size[1]).square()
    spectrum = torch.stack([(f + 0.01) ** -1.5 * 1e-4 * 30**-c for c in range(colours)])
    strength = torch.linspace(0.2, 1.0, domain[1]).expand(count, 1, *domain)
    turn = torch.linalg.qr(torch.randn(colours, colours, generator=generator_of(4)))[0]
    return Covariance(spectrum[None], size, strength, turn if colours > 1 else None)


def posed(noise, operators, colours=1):
    model = ImagingModel.model_validate({"operator": operators, "noise": NOISES[noise]})
    imaging = model.bind(FIELD)
    x = torch.linspace(0.05, 0.9, imaging.domain[1]).expand(2, colours, *imaging.domain).contiguous()
    return imaging, imaging.simulate(x, 3), x


def steps_off(imaging, y, x, covariance, steps):
    """How far a draw in so many steps is from the one that is solved to the end, beside the change it makes."""
    made = [
        draw(imaging, y, x, covariance, OwnNoise(generator_of(2), len(y)), iterations=n, tol=1e-7)
        for n in (steps, 400)
    ]
    return float((made[0] - made[1]).norm() / (made[1] - x).norm())


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("operators", [[BLUR], [BLUR, DEAD]], ids=["blur", "dead pixels"])
def test_eight_steps_are_enough_under_blur(noise, operators):
    imaging, y, x = posed(noise, operators)
    assert steps_off(imaging, y, x, unsure(imaging.domain, 2), 8) < 0.01


def test_colours_that_are_known_unequally_well_do_not_slow_it_down():
    imaging, y, x = posed("gaussian", [BLUR], colours=3)
    assert steps_off(imaging, y, x, unsure(imaging.domain, 2, colours=3), 8) < 0.01


def test_half_the_pixels_missing_need_more_steps_and_come_to_the_same():
    half = {"kind": "mask", "missing": 0.5}
    imaging, y, x = posed("gaussian", [half])
    covariance = unsure(imaging.domain, 2)
    assert steps_off(imaging, y, x, covariance, 16) < 0.1
    assert steps_off(imaging, y, x, covariance, 60) < 1e-3

"""Where a published method is the same for one image, azula's own implementation says so."""

import pytest
import torch
from azula.guidance.dps import DPSSampler
from azula.guidance.mmps import MMPSDenoiser
from azula.linalg.covariance import IsotropicCovariance
from azula.noise import Schedule
from azula.sample import xEABSampler
from closed_form import gaussian_prior, problem

from emdiff_app.physics.random import generator_of
from emdiff_app.posterior import dps
from emdiff_app.posterior.condition import condition
from emdiff_app.posterior.gradients import denoised_with_pullback
from emdiff_app.posterior.steps import levels, multistep


def test_our_second_order_steps_go_where_azulas_go():
    """The two treat the last step's slope slightly differently; both converge to one solution."""
    prior = gaussian_prior()
    x = 0.5 + 3 * torch.randn(4, 1, 12, 12, generator=generator_of(1))
    visits = levels(3.0, 0.01, 65, bend=100.0)

    class Falling(Schedule):
        def __call__(self, t):
            return torch.ones_like(t), 0.01 * (3.0 / 0.01) ** t

    prior.schedule, kept = Falling(), prior.schedule
    theirs = xEABSampler(prior, steps=64, silent=True)(x)
    prior.schedule = kept
    ours = multistep(lambda x_t, s, _: prior.denoise(x_t, s), x, visits)
    assert (ours - theirs).abs().mean() < 0.02 * (x - ours).abs().mean()


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")  # by torch.func.jvp
@pytest.mark.parametrize("t", [0.3, 0.6, 0.8])
def test_mmps_guides_one_image_as_azula_does(t):
    case, prior = problem("blur"), gaussian_prior()
    s = float(prior.schedule(torch.tensor(t))[1])
    x = 0.5 + s * torch.randn(1, 1, 12, 12, generator=generator_of(1))
    matrix = case.imaging.apply(torch.eye(144).reshape(144, 1, 12, 12)).flatten(1)
    theirs = MMPSDenoiser(
        Flat(prior),
        case.y.flatten(1),
        lambda v: v @ matrix,
        IsotropicCovariance(torch.tensor(0.01)),
        solver="cg",
        iterations=30,
    )(x.flatten(1), torch.tensor(t)).mean
    plain, pullback = denoised_with_pullback(prior, x, s)
    ours = condition(case.imaging, case.y, plain, lambda v: s**2 * pullback(v), iterations=30)
    torch.testing.assert_close(ours.flatten(1), theirs.detach(), rtol=1e-2, atol=1e-2)


class Flat(torch.nn.Module):
    """azula takes the last axis for the whole image."""

    def __init__(self, prior):
        super().__init__()
        self.prior, self.schedule = prior, prior.schedule

    def forward(self, x, t):
        answer = self.prior(x.reshape(1, 1, 12, 12), t)
        answer.mean = answer.mean.flatten(1)
        return answer


def test_dps_takes_the_published_step(monkeypatch):
    """From the same state, without noise, in the published units: images in [-1, 1], states shrunk to variance one."""
    case, prior = problem("blur"), gaussian_prior()
    unit = dps.UNIT * prior.sigma_data
    taken = []
    monkeypatch.setattr(dps, "published_levels", lambda steps: [0.8, 0.4])
    monkeypatch.setattr(dps.OwnNoise, "white", lambda self, like: torch.full_like(like, 0.3))
    inner = prior.denoise
    monkeypatch.setattr(prior, "denoise", lambda x, s: (taken.append(x), inner(x, s))[1])
    dps.sample(prior, case.imaging, case.y, steps=2, generator=generator_of(0))
    start, after = taken

    class Preserving(Schedule):
        def __call__(self, t):
            s = torch.where(t > 0.5, 0.8, 0.4)
            return (1 + s**2).rsqrt(), s * (1 + s**2).rsqrt()

    class Published(torch.nn.Module):
        schedule = Preserving()

        def forward(self, x, t):
            alpha, sigma = self.schedule(t)
            answer = prior(torch.zeros(1, 1, 12, 12), torch.tensor(0.5))
            answer.mean = inner(unit * x / alpha, unit * float(sigma / alpha)) / unit
            return answer

    def shrunk(x, s):
        return x / unit * (1 + s**2) ** -0.5

    monkeypatch.setattr(torch, "randn_like", lambda x: torch.full_like(x, 0.3))
    step = DPSSampler(Published(), case.y / unit, case.imaging.apply, silent=True).step
    theirs = step(shrunk(start, 0.8), torch.tensor(1.0), torch.tensor(0.0)).detach()
    torch.testing.assert_close(shrunk(after, 0.4).detach(), theirs, rtol=1e-3, atol=1e-3)

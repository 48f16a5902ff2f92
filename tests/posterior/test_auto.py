"""The default: which method it picks, what it says of it, and missing pixels among whole images."""

import pytest
import torch
from closed_form import BLUR, MASK, bound, gaussian_prior, white

from emdiff_app import posterior
from emdiff_app.diffusion import LearnedPrior
from emdiff_app.errors import EMDiffError
from emdiff_app.physics.random import generator_of
from emdiff_app.posterior import auto

CAMERA = {"kind": "poisson-gaussian", "gain": 0.1, "read_noise": 0.1}
NOISE = {"noise": white(0.4)}
BLURRED = {"operator": [BLUR], "noise": white(0.1)}


def mapped_prior():
    torch.manual_seed(0)
    prior = LearnedPrior("tiny", 1, 1.0)
    prior.takes_maps = True
    return prior


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (NOISE, "from-noise"),
        ({"operator": [{"kind": "identity"}, {"kind": "identity"}], "noise": white(0.4)}, "from-noise"),
        ({"operator": [BLUR], "noise": white(0.4)}, "spectral"),
        ({"operator": [MASK], "noise": white(0.4)}, "spectral"),
        ({"operator": [{"kind": "downsample", "factor": 2}], "noise": white(0.4)}, "spectral"),
    ],
)
def test_what_is_picked_depends_on_what_happened_to_the_image(model, name):
    chosen, reason = auto.choose(bound(model))
    assert chosen == name
    assert len(reason) > 20


def test_only_missing_pixels_take_many_steps():
    few = {name: auto.steps_for(bound(model)) for name, model in {"noise": NOISE, "blur": BLURRED}.items()}
    many = auto.steps_for(bound({"operator": [MASK], "noise": white(0.4)}))
    assert 1 < few["noise"] < few["blur"] < many / 3
    imaging = bound(BLURRED)
    y = imaging.simulate(gaussian_prior().draw(1, generator_of(1)), 2)

    def taken(y, steps=many):
        told = []
        auto.sample(
            gaussian_prior(),
            imaging,
            y,
            steps=steps,
            generator=generator_of(3),
            on_step=lambda step, steps, _: told.append((step, steps)),
        )
        return told[-1]

    assert taken(y) == (few["blur"], few["blur"])
    assert taken(y, 5) == (5, 5)
    y[..., 3, 3] = float("nan")
    assert taken(y) == (many, many)


def test_camera_noise_needs_a_prior_that_knows_noise_maps():
    imaging = bound({"noise": CAMERA})
    assert auto.choose(imaging, mapped_prior())[0] == "from-noise"
    name, reason = auto.choose(imaging, gaussian_prior())
    assert name == "spectral"
    assert "maps" in reason


def test_the_report_says_what_was_picked_and_why():
    imaging = bound(NOISE)
    y = imaging.simulate(gaussian_prior().draw(1, generator_of(1)), 2)
    report = posterior.Report()
    told = []
    posterior.get("auto").sample(
        gaussian_prior(),
        imaging,
        y,
        steps=24,
        generator=generator_of(3),
        on_step=lambda step, steps, _: told.append((step, steps)),
        report=report,
    )
    assert (report.method, report.sentence) == ("from-noise", "")
    assert report.reason == auto.choose(imaging)[1]
    assert told == [(n, 12) for n in range(1, 13)]  # noise needs no more


def test_a_camera_image_is_denoised_from_noise_maps_alike_in_any_batch():
    imaging = bound({"noise": CAMERA})
    y = imaging.simulate(gaussian_prior().draw(2, generator_of(1)).abs() + 0.5, 2)

    def draw(y):
        return auto.sample(mapped_prior(), imaging, y, steps=6, generator=generator_of(3))

    both = draw(y)
    assert torch.isfinite(both).all()
    torch.testing.assert_close(draw(y[:1]), both[:1], rtol=1e-3, atol=1e-3)


def test_a_broken_prior_gives_no_nan_from_camera_noise_either():
    imaging, prior = bound({"noise": CAMERA}), mapped_prior()
    with torch.no_grad():
        prior.network.head.bias.fill_(float("nan"))
    y = imaging.simulate(torch.ones(2, 1, 12, 12), 2)
    report = posterior.Report()
    x = auto.sample(prior, imaging, y, steps=6, generator=generator_of(3), report=report)
    assert torch.isfinite(x).all()
    assert set(report.rescued) == {0, 1}


def test_an_image_with_holes_changes_nothing_for_those_without():
    imaging = bound(NOISE)
    y = imaging.simulate(gaussian_prior().draw(2, generator_of(1)), 2)
    holed = y.clone()
    holed[1, :, 2:5] = float("nan")

    def draw(y, on_step=None):
        return auto.sample(gaussian_prior(), imaging, y, steps=24, generator=generator_of(3), on_step=on_step)

    told = []
    beside = draw(holed, lambda step, steps, _: told.append((step, steps)))
    assert told == [(n, 36) for n in range(1, 37)]
    torch.testing.assert_close(draw(y[:1]), beside[:1], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(draw(holed)[1], beside[1])
    assert torch.isfinite(beside).all()
    assert torch.isfinite(draw(holed[1:])).all()


def test_from_noise_refuses_what_it_cannot_do():
    y = torch.zeros(1, 1, 12, 12)
    with pytest.raises(EMDiffError, match="Choose the sampler auto"):
        posterior.get("from-noise").sample(
            gaussian_prior(),
            bound({"operator": [MASK], "noise": white(1)}),
            y,
            steps=4,
            generator=generator_of(0),
        )

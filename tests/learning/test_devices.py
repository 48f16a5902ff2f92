"""Learning anywhere but on the processor: what is computed here must not meet what lies there."""

import numpy as np
import pytest
import torch
from tiny_runs import TINY, told
from torch.utils import _pytree as pytree

from emdiff_app.diffusion import GaussianPrior, LearnedPrior
from emdiff_app.images import IntensityScale, save_stack, stack_from_array
from emdiff_app.learning import Recipe, RunFolder, learn
from emdiff_app.learning.crops.binding import Binding
from emdiff_app.learning.runs.control import NoControl
from emdiff_app.learning.runs.samples import Samples
from emdiff_app.learning.steps.extrapolating import extrapolated
from emdiff_app.learning.steps.start import trainer_for
from emdiff_app.learning.steps.unlearnable import lost_bands
from emdiff_app.learning.team import Alone
from emdiff_app.learning.work import Work
from emdiff_app.physics import ImagingModel

WHITE = {"kind": "gaussian", "sigma": 0.1}
CAMERA = {"kind": "poisson-gaussian", "offset": 0, "gain": 0.02, "read_noise": 0.02}
BLUR = {"kind": "blur", "psf": {"kind": "gaussian", "sigma_px": 1.2, "shape": [7, 7]}}
MOTION = {"kind": "motion-blur", "length_px": 7, "angle_deg": 30}


class Far(torch.Tensor):
    """Like a tensor on a GPU: it can be fetched and others sent there, and it goes together with its like alone."""

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        name = getattr(func, "__name__", "")
        given = [t for t in pytree.tree_leaves((args, kwargs or {})) if isinstance(t, torch.Tensor)]
        with torch._C.DisableTorchFunctionSubclass():
            result = func(*args, **(kwargs or {}))
        if name == "cpu":
            return result.as_subclass(torch.Tensor)
        if name not in ("to", "__get__"):
            near = [t for t in given if not isinstance(t, Far) and t.ndim]
            assert not near, f"{name}: tensors on two devices"
        return pytree.tree_map(lambda t: t.as_subclass(Far) if isinstance(t, torch.Tensor) else t, result)


def work_on(device, *operators):
    model = ImagingModel.model_validate({"operator": list(operators), "noise": WHITE})
    stack = stack_from_array(np.ones((1, 32, 32), np.float32), "ZYX")
    binding = Binding(model, [stack], 32, IntensityScale(offset=0, gain=1), torch.device(device))
    return Work(
        recipe=Recipe(stacks=("a.tif",), model=model, **TINY),
        crops=None,
        judges=None,
        binding=binding,
        device=torch.device("cpu"),
        control=NoControl(),
        team=Alone(),
        samples=Samples(None),
        tick=lambda *_: None,
    )


@pytest.mark.parametrize(("operator", "turns"), [(BLUR, True), (MOTION, False)])
def test_a_model_on_another_device_is_asked_what_it_does_to_waves(operator, turns):
    work = work_on("meta", operator)  # where nothing can be computed
    assert trainer_for(work, LearnedPrior("tiny", 1, 1.0)).turns == turns
    assert lost_bands(work.optics) == lost_bands(work_on("cpu", operator).imaging) != []


def test_a_gaussian_on_another_device_is_continued_there():
    imaging = work_on("cpu", BLUR).imaging
    f = torch.fft.fftfreq(48)
    power = (((f[:, None] ** 2 + f**2) + 0.03**2) ** -2)[None] * 1e-5 + 0.1
    here = extrapolated(GaussianPrior(power, torch.zeros(1)), imaging, 0.1)
    there = extrapolated(GaussianPrior(power.as_subclass(Far), torch.zeros(1)), imaging, 0.1)
    assert type(there.spectrum) is Far
    assert torch.equal(there.spectrum.cpu(), here.spectrum)
    assert not torch.equal(here.spectrum, power)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize(
    ("operators", "noise", "changes"),
    [
        ([], WHITE, {}),
        ([], CAMERA, {}),
        ([], WHITE, {"start": "gaussian"}),
        ([BLUR], CAMERA, {}),
        ([BLUR], CAMERA, {"start": "gaussian"}),
        ([{"kind": "mask", "missing": 0.3}], WHITE, {}),
        ([MOTION], WHITE, {"sampler": "dps"}),
        ([], CAMERA, {"noise_per_image": "yes"}),
    ],
)
def test_a_gpu_learns_whatever_happened_to_the_images(tmp_path, operators, noise, changes):
    rng = np.random.default_rng(0)
    clean = np.clip(np.cumsum(rng.normal(0, 0.2, (4, 64, 64)), 2), 0, 1)
    noisy = (0.02 * rng.poisson(50 * clean) + rng.normal(0, 0.02, clean.shape)).astype(np.float32)
    save_stack(stack_from_array(noisy, "ZYX", name="noisy"), tmp_path / "noisy.tif")
    model = ImagingModel.model_validate({"operator": operators, "noise": noise})
    fields = {**TINY, "device": "cuda", "precision": "auto", **changes}
    run = RunFolder.create(
        tmp_path / "run", Recipe(stacks=(str(tmp_path / "noisy.tif"),), model=model, **fields)
    )
    assert learn(run), told(run)[-1]
    assert told(run)[-1].kind == "finished"

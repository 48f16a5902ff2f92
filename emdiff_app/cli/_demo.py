"""What `emdiff demo` does: learn, restore, judge, compare, draw."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emdiff_app.errors import EMDiffError, RunError
from emdiff_app.resources import resource_path
from emdiff_app.system import command_line

from ._verdicts import told_by, verdict_fields

__all__ = ["run_demo"]

HELD_OUT = 2
"""So many planes of the example are kept away from learning, and scored."""
SAMPLES = 8
"""The clean estimate is the mean of so many."""
COLUMNS = {
    "recorded": "recorded",
    "blur": "Gaussian blur",
    "wiener": "Wiener filter",
    "rl": "Richardson-Lucy",
    "restored": "EMDiff",
    "truth": "truth",
}
"""Of the contact sheet."""


def run_demo(
    out: Path, *, time_limit: float | None, seed: int, overwrite: bool, say: Callable[[str], None]
) -> dict[str, Any]:
    """The whole path; returns the scores, the verdict and where everything lies."""
    from emdiff_app.images import open_stack, save_stack
    from emdiff_app.physics import ImagingModel
    from emdiff_app.restoring import RestoreProgress, restore

    if out.exists() and any(out.iterdir()) and not overwrite:
        raise EMDiffError(
            f"{out} already holds files; nothing was changed. Use --overwrite or another --out."
        )
    if (out / "run" / "recipe.json").is_file():
        shutil.rmtree(out / "run")  # an older demo's run, and nothing else
    out.mkdir(parents=True, exist_ok=True)
    model = ImagingModel.read(resource_path("example/model.json"))
    recorded = open_stack(resource_path("example/recorded.tif"))
    unseen = _part(recorded, slice(-HELD_OUT, None))
    save_stack(_part(recorded, slice(0, -HELD_OUT)), out / "learned-from.tif", overwrite=True)
    save_stack(unseen, out / "recorded.tif", overwrite=True)
    prior = out / "prior.emprior"
    shutil.copyfile(_learn(out, model, time_limit, seed, say), prior)

    def told(progress: RestoreProgress) -> None:
        if progress.step in (0, progress.steps):
            say(f"restoring: {100 * progress.fraction:.0f} %")

    result = restore(
        unseen,
        prior,
        model,
        samples=SAMPLES,
        write=("mean", "spread", "sample"),
        seed=seed,
        on_progress=told,
    )
    for sentence in result.sentences:
        say(sentence)
    sample = result.results["sample"]
    for word, made in (("restored", result.mean), ("uncertainty", result.spread), ("sample", sample)):
        if made is not None:
            save_stack(made, out / f"{word}.tif", overwrite=True)
    truth = (
        _part(open_stack(resource_path("example/truth.tif")), slice(-HELD_OUT, None)).numpy().astype(float)
    )
    pictures = {
        "recorded": unseen.numpy().astype(float),
        **_baselines(unseen.numpy().astype(float), truth, model, recorded.pixel_size),
        "sample": sample.numpy(),
        "restored": result.mean.numpy(),
        "truth": truth,
    }
    picture = out / "before-after.png"
    _draw(picture, pictures)
    say("judging: some crops are restored again ...")
    report = _report(out, result, seed)
    for line in told_by(result.examined):
        say(line)
    scores = {name: _score(made, truth) for name, made in pictures.items() if name != "truth"}
    return {
        "scores": scores,
        "chi2": result.chi2,
        **verdict_fields(result.examined),
        "prior": str(prior),
        "report": str(report),
        "picture": str(picture),
    }


def _report(out: Path, result: Any, seed: int) -> Path:
    """The page about the restoration, with the command that repeats it."""
    from emdiff_app.restoring.report import report_of

    words = ["--prior", str(out / "prior.emprior"), "--samples", str(SAMPLES), "--seed", str(seed)]
    again = ["emdiff", "restore", str(out / "recorded.tif"), *words, "--out", str(out / "again")]
    recipe = {
        "images": "the example that ships with the program: two planes that were not learned from",
        "chi2 of the whole": f"{result.chi2:.3f}",
    }
    return report_of(
        out / "report.html",
        result.examined,
        title="EMDiff on its example",
        command=command_line(*again),
        recipe=recipe,
        overwrite=True,
    )


def _learn(out: Path, model: Any, time_limit: float | None, seed: int, say: Callable[[str], None]) -> Path:
    from emdiff_app.learning import PRESETS, Recipe, RunFolder, learn
    from emdiff_app.learning import events as e

    from ._learning import Teller

    recipe = Recipe(
        stacks=(str((out / "learned-from.tif").absolute()),),
        model=model,
        seed=seed,
        time_limit_min=time_limit,
        **PRESETS["quick"],
    )
    run = RunFolder.create(out / "run", recipe)
    teller = Teller()
    learn(run, on_event=teller)
    if isinstance(teller.outcome, e.Failed):
        raise RunError(teller.outcome.text)
    if not run.prior.exists():
        raise RunError("The time was up before anything was learned; allow a few minutes (--time-limit 5).")
    return run.prior


def _part(stack: Any, planes: slice) -> Any:
    """Some planes of a stack, with its words."""
    from emdiff_app.images import stack_from_array

    array = stack[planes]
    return stack_from_array(array, stack.axes, pixel_size=stack.pixel_size, name=stack.name)


def _baselines(recorded: Any, truth: Any, model: Any, pixel_size: Any) -> dict[str, NDArray[Any]]:
    """The classical methods at their best: the truth chooses their settings."""
    import torch

    from emdiff_app.baselines import best_on_truth, spectrum_prior

    true_spectrum = spectrum_prior(torch.from_numpy(truth[:, None].astype(np.float32)))
    methods: dict[str, tuple[str, dict[str, Any]]] = {
        "blur": ("gaussian-blur", {}),
        "wiener": ("wiener", {"prior": true_spectrum}),
        "rl": ("richardson-lucy", {}),
    }
    return {
        word: np.stack(
            [
                best_on_truth(name, y, x, model, pixel_size=pixel_size, **fixed)[0]
                for y, x in zip(recorded, truth, strict=True)
            ]
        )
        for word, (name, fixed) in methods.items()
    }


def _score(made: NDArray[Any], truth: NDArray[Any]) -> dict[str, float]:
    from emdiff_app.images.score import psnr, ssim

    span = float(truth.max() - truth.min())
    pairs = list(zip(made, truth, strict=True))
    return {
        "psnr": float(np.mean([psnr(a, b, data_range=span) for a, b in pairs])),
        "ssim": float(np.mean([ssim(a, b, data_range=span) for a, b in pairs])),
    }


def _draw(path: Path, pictures: dict[str, NDArray[Any]]) -> None:
    from emdiff_app.restoring.contact_sheet import write_contact_sheet

    part = (slice(40, 200), slice(40, 200))
    rows = [{word: pictures[key][plane][part] for key, word in COLUMNS.items()} for plane in range(HELD_OUT)]
    truth = pictures["truth"]
    limits = (float(np.percentile(truth, 1)), float(np.percentile(truth, 99.7)))
    write_contact_sheet(path, rows, limits=limits, enlarge=2)

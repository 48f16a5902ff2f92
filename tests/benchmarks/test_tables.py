"""`emdiff bench tables` in miniature: every table, from synthetic images; kept rows, one row alone, words."""

import csv
import json
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from emdiff_app import posterior
from emdiff_app.baselines import method
from emdiff_app.benchmarks import tables
from emdiff_app.benchmarks._common import kept
from emdiff_app.benchmarks._learning import nuclei
from emdiff_app.benchmarks._learning import runs as learning_runs
from emdiff_app.benchmarks._sampling import clean_prior
from emdiff_app.benchmarks._tables import ablations as tables_ablations
from emdiff_app.benchmarks._tables import microscopy as tables_microscopy
from emdiff_app.benchmarks._tables import priors as tables_priors
from emdiff_app.benchmarks._tables import samplers as tables_samplers
from emdiff_app.benchmarks._tables import size as tables_size
from emdiff_app.benchmarks._tables.ablations import VARIANTS
from emdiff_app.benchmarks._tables.page import verdict
from emdiff_app.benchmarks._tables.rows import ROWS
from emdiff_app.benchmarks._tables.scores import of_draws, packed, unpacked
from emdiff_app.benchmarks._tables.size import Size
from emdiff_app.benchmarks._tables.tasks import task_of
from emdiff_app.cli import main
from emdiff_app.errors import EMDiffError
from emdiff_app.images import save_stack, stack_from_array

TINY = Size(
    name="cpu",
    network="tiny",
    images=12,
    side=32,
    scored=2,
    samples=2,
    steps=2,
    batch=4,
    minutes=1.0,
    rounds={
        "size": "tiny",
        "crop": 32,
        "crops": 12,
        "batch": 4,
        "held_out": 2,
        "rounds": 1,
        "denoising_steps": 2,
        "first_steps": 2,
        "clean_steps": 2,
        "hidden_steps": 2,
        "neighbour_steps": 2,
        "steps": 2,
        "sampler_steps": 2,
        "gaussian_rounds": 1,
        "tries": 1,
        "scratch_rounds": 0,
        "first_share": 1.0,
        "last_share": 1.0,
    },
    field_side=32,
    frame_steps=2,
    clean_counts=(4, 12),
    starts=(8, 9, 10),
)


def blobs(rng, side, count):
    """Bright spots on a dark ground, as uint8."""
    rows, columns = np.mgrid[:side, :side]
    image = np.full((side, side), 20.0)
    for _ in range(count):
        y, x = rng.uniform(0, side, 2)
        image += 180 * np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / 40)
    return image.clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A data folder with the names of the real one."""
    root, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    for name in ("cifar10", "dsb2018_nuclei", "live_mito_u16", "w2s/noisy", "w2s/clean", "psf_measured"):
        (root / name).mkdir(parents=True)
    photos = np.stack([blobs(rng, 32, 6) for _ in range(60)] * 26).reshape(520, 3, 32, 32)
    np.savez(root / "cifar10" / "cifar10_5000.npz", images=np.moveaxis(photos, 1, -1))
    for number in range(11):
        Image.fromarray(blobs(rng, 96, 12)).save(root / "dsb2018_nuclei" / f"{number:03}.png")
        mito = 40 * blobs(rng, 128, 20).astype(np.uint16)
        save_stack(stack_from_array(mito, "YX"), root / "live_mito_u16" / f"{number:03}.tif")
    for number in range(26):
        for channel in range(3):
            clean = blobs(rng, 64, 8).astype(float)
            noisy = clean + np.sqrt(clean) * rng.standard_normal(clean.shape)
            for kind, image in (("clean", clean), ("noisy", noisy)):
                plane = image.clip(0, 255).astype(np.uint8)
                path = root / "w2s" / kind / f"{number:03}_{channel}.tif"
                save_stack(stack_from_array(plane, "YX"), path)
    z, y, x = np.mgrid[-3:4, -16:17, -16:17]
    bead = 100 + 9000 * np.exp(-(y**2 + x**2) / 4 - z**2 / 4)
    save_stack(stack_from_array(bead.astype(np.uint16), "ZYX"), root / "psf_measured" / "psf_bead.tif")
    return root


@pytest.fixture
def small(monkeypatch, tmp_path):
    """Everything in seconds, kept in a folder of its own."""
    for module in (kept, learning_runs, tables_priors, tables_ablations, tables_microscopy):
        monkeypatch.setattr(module, "bench_folder", lambda: tmp_path / "cache")
    monkeypatch.setattr(clean_prior, "bench_folder", lambda: tmp_path)
    monkeypatch.setattr(tables_size, "SIZES", {"cpu": TINY})
    monkeypatch.setattr(tables, "SIZES", {"cpu": TINY})
    monkeypatch.setattr(learning_runs, "STEPS", 2)
    monkeypatch.setattr(tables_samplers, "CLEAN_STEPS", 2)
    monkeypatch.setattr(tables_samplers, "CROPS", 8)
    get = posterior.get
    monkeypatch.setattr(posterior, "get", lambda name: replace(get(name), steps=2))
    monkeypatch.setattr(posterior.auto, "steps_for", lambda imaging, prior=None: 2)
    for name, parameter in (
        ("tv", "weight"),
        ("richardson-lucy-tv", "iterations"),
        ("richardson-lucy-tv", "weight"),
        ("gaussian-blur", "sigma"),
    ):
        known = method(name).parameters
        monkeypatch.setitem(known, parameter, replace(known[parameter], tries=known[parameter].tries[:2]))
    return tmp_path


def page_of(capsys, *words):
    code = main(["bench", "tables", *map(str, words), "--json"])
    captured = capsys.readouterr()
    assert code == 0, captured.err
    return json.loads(captured.out)["markdown"], captured.err


def rows_of(path):
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_published_table_has_every_row(small, data, capsys):
    out = small / "out"
    page, _ = page_of(capsys, "published", "denoising", data, "--out", out)
    rows = rows_of(out / "tables-denoising.csv")
    assert [row["row"] for row in rows] == list(ROWS)
    assert all(np.isfinite(float(row["one_psnr"])) for row in rows)
    assert all(row["seed"] == "0" for row in rows)
    assert rows[0]["command"] == "emdiff bench tables published cpu denoising row=observations again"
    sampled = {row["row"] for row in rows if row["mean_psnr"]}
    assert sampled == set(ROWS) - {"observations", "noise2self", "ours-estimate"}
    for name in ("psnr", "pictures"):
        with Image.open(out / f"tables-denoising-{name}.png") as picture:
            assert min(picture.size) > 100
    assert "23.16 / 0.022 / 86.5" in page  # the published column
    (steps,) = (json.loads(path.read_text()) for path in kept.bench_folder().glob("tables-step-*.json"))
    words = {row["row"]: row["words"] for row in rows}
    for name in ("clean", "emdiffusion"):  # both follow the data as far as suits the clean prior best
        assert words[name].endswith(f"a step of {max(steps, key=steps.__getitem__)}")
    assert page.count("of those without clean images") == 1


@pytest.mark.parametrize(
    ("name", "others"), [("inpainting", ["noise2self", "ambient"]), ("deblurring", ["sure-score"])]
)
def test_the_other_problems_have_their_own_corruption(small, data, capsys, name, others):
    out = small / "out"
    rows = ["observations", *others, "ours"]
    page, _ = page_of(capsys, "published", name, *(f"row={row}" for row in rows), data, "--out", out)
    assert [row["row"] for row in rows_of(out / f"tables-{name}.csv")] == rows
    assert "one look" not in page  # that is for noise alone


def test_what_was_computed_is_kept_and_one_row_is_rerun_alone(small, data, capsys):
    page, told = page_of(capsys, "published", "denoising", "row=noise2self", data)
    assert "Noise2Self" in page
    assert "SURE-Score" not in page.split("pictures")[0].split("csv")[0].split("|")[-1]
    assert "have not all been run" in page
    assert told.count("denoising: ") == 1
    again, told = page_of(capsys, "published", "denoising", "row=observations", data)
    assert told.count("denoising: ") == 1
    assert "| Noise2Self |" in again  # shown as it is known
    _, told = page_of(capsys, "published", "denoising", "row=noise2self", "again", data)
    assert "denoising: Noise2Self" in told
    _, told = page_of(capsys, "published", "denoising", "row=noise2self", data)
    assert "denoising: " not in told


def test_the_posters_table(small, data, capsys):
    out = small / "out"
    page, _ = page_of(capsys, "samplers", data, "--out", out)
    rows = rows_of(out / "tables-samplers.csv")
    assert [row["title"] for row in rows[:5]] == [
        "SDEdit",
        "Score-ALD",
        "DPS",
        "EMDiff (ours), one sample",
        "EMDiff (ours), mean of 2",
    ]
    assert len(rows) == 10
    assert {row["psnr"] != row["foreign_psnr"] for row in rows} == {True}
    assert "28.67 / 0.063" in page
    best = max((row for row in rows[:3]), key=lambda row: float(row["psnr"]))
    ahead = float(rows[4]["psnr"]) - float(best["psnr"])
    assert f"beside the best of the others ({best['title']})" in page
    assert f"mean of 2: {ahead:+.2f} dB" in page


def test_ablations_change_one_thing_at_a_time(small, data, capsys, monkeypatch):
    out = small / "out"
    some = {name: VARIANTS[name] for name in ("start-0", "start-few", "start-other", "weight-one", "reset")}
    monkeypatch.setattr(tables_ablations, "VARIANTS", some)
    page, told = page_of(capsys, "ablations", data, "--out", out)
    rows = rows_of(out / "tables-ablations.csv")
    assert [row["group"] for row in rows] == [
        *["start"] * 3,
        "weight of the data",
        "end",
        *["clean images"] * 2,
    ]
    found = [row["mean_psnr"] for row in rows]
    assert found[0] == found[3]  # the same recipe is run once
    assert len(set(found)) == 6
    assert "12 corrupted ones are worth" in page
    assert (out / "tables-clean-worth.png").is_file()
    assert told.count("ablations: ") == 6


def test_real_microscopy(small, data, capsys, monkeypatch):
    out = small / "out"
    monkeypatch.setattr(tables_microscopy, "LIGHT", {name: int(name.split("-")[1]) for name in PHOTONS})
    monkeypatch.setattr(tables_microscopy, "CHANNELS", {"channel-1": 1})
    few = {name: tables_microscopy.CLASSICAL_FRAMES[name] for name in ("Gaussian blur, best width",)}
    monkeypatch.setattr(tables_microscopy, "CLASSICAL_FRAMES", few)
    few = {name: tables_microscopy.CLASSICAL_BLUR[name] for name in ("Richardson-Lucy, best iteration",)}
    monkeypatch.setattr(tables_microscopy, "CLASSICAL_BLUR", few)
    page, _ = page_of(capsys, "microscopy", data, "--out", out)
    rows = rows_of(out / "tables-microscopy.csv")
    ours, others = (
        [float(r["psnr"]) for r in rows if r["case"] == PHOTONS[0] and r["title"].startswith("EMDiff") == own]
        for own in (True, False)
    )
    assert f"photons 10: {max(ours) - max(others):+.2f} dB to " in page
    assert {row["case"] for row in rows} == {"channel-1", *PHOTONS}
    dark, bright = (
        float(next(r for r in rows if r["case"] == case and r["title"] == "as recorded")["psnr"])
        for case in ("photons-10", "photons-300")
    )
    assert bright > dark + 3  # more light, better recordings
    assert sum(row["title"] == "EMDiff (ours), its estimate" for row in rows) == 1
    assert sum(row["title"].startswith("Richardson-Lucy") for row in rows) == 2


PHOTONS = ("photons-10", "photons-300")


def test_words_that_mean_nothing_are_refused(small, data, capsys):
    for words in (["row=nonsense"], ["weights=/no/such/folder"], ["minutes=3"], ["publishd"]):
        assert main(["bench", "tables", *words, str(data)]) == 2
        assert "nothing was measured" in capsys.readouterr().err.lower()


@pytest.mark.parametrize("name", ["cpu", "gpu"])
def test_the_real_sizes_are_recipes(name):
    from emdiff_app.baselines.learners import LEARNERS
    from emdiff_app.learning import Recipe
    from emdiff_app.physics import GaussianNoise, ImagingModel

    size, model = tables_size.SIZES[name], ImagingModel(noise=GaussianNoise(sigma=0.1))
    recipes = {"ours": tables_size.OURS}
    recipes |= {n: dict(one.recipe) for n, one in LEARNERS.items() if one.recipe is not None}
    for learner, given in recipes.items():
        recipe = Recipe(stacks=("a.tif",), model=model, **size.recipe(learner, given))
        steps = (
            recipe.first_steps + recipe.rounds * recipe.steps + recipe.scratch_rounds * recipe.scratch_steps
        )
        assert steps == pytest.approx(size.steps, rel=0.05)  # as many as the learners without rounds
        assert recipe.learning_rate == size.learning_rate
    ours = Recipe(
        stacks=("a.tif",),
        model=model,
        **(size.recipe("ours", tables_size.OURS) | size.own["ours, denoising"]),
    )
    steps = ours.hidden_steps + ours.neighbour_steps + (ours.rounds - 1) * ours.steps
    assert steps == pytest.approx(size.steps, rel=0.05)


def test_the_problems_are_those_that_were_published(data):
    photographs = task_of("inpainting", data, TINY)
    seen = torch.isfinite(photographs.train.recorded)
    assert float(seen.float().mean()) == pytest.approx(0.4, abs=0.05)
    noisy = task_of("denoising", data, TINY)
    noise = noisy.test.recorded - noisy.test.truth
    assert float(noise.std()) == pytest.approx(0.1, rel=0.05)
    blurred = task_of("deblurring", data, TINY)
    assert blurred.test.truth.shape == blurred.test.recorded.shape == (2, 1, 32, 32)
    assert blurred.model.operator[0].psf.fwhm_px == pytest.approx(2 * 2.355, rel=0.01)
    assert pytest.approx(2 * 2.355, rel=0.01) == nuclei.FWHM_PX


def row(name, one, mean):
    part = None if mean is None else {"psnr": mean}
    return {"row": name, "title": name, "one": {"psnr": one}, "mean": part}


def test_the_sentence_says_who_is_closest():
    rows = [row("observations", 10, None), row("clean", 30, 31), row("noise2self", 24, None)]
    won = verdict([*rows, row("ours", 22, 26)])
    assert "ours is closest" in won
    assert "+2.00 dB" in won
    lost = verdict([*rows, row("ours", 22, 23.5)])
    assert "**not** the closest" in lost
    assert "-0.50 dB" in lost


def test_the_mean_of_samples_is_scored_as_an_image_of_its_own():
    truth = torch.rand(3, 1, 20, 20, generator=torch.Generator().manual_seed(0))
    noise = 0.1 * torch.randn(1, 3, 1, 20, 20, generator=torch.Generator().manual_seed(1))
    made = of_draws(torch.cat([truth + noise, truth - noise]), truth)
    assert made["one"]["psnr"] == pytest.approx(20, abs=1)
    assert made["mean"]["psnr"] > 100
    assert np.array_equal(unpacked(made["pictures"]["mean"]), unpacked(packed(truth)))


def test_every_word_for_a_row_is_known():
    assert len(set(tables.KNOWN_ROWS)) == len(tables.KNOWN_ROWS)
    with pytest.raises(EMDiffError, match="there are"):
        tables._asked(type("R", (), {"arguments": ["row=what"]})())
    assert re.fullmatch(r"[a-z0-9-]+", "".join(tables.KNOWN_ROWS))

"""`emdiff restore`: many files, a summary, and an exit code that says what became of them."""

import html
import json
import re
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest

from emdiff_app.baselines import method_names
from emdiff_app.cli import main
from emdiff_app.errors import StackError
from emdiff_app.images import open_stack, save_stack
from emdiff_app.physics import BlurSpec
from emdiff_app.restoring import find_sources
from emdiff_app.restoring.trust import Grade
from emdiff_app.restoring.words import OTHER_METHODS

sys.path.append(str(Path(__file__).parents[1] / "restoring"))
from restoring_tools import BLURRED, squares, stack_of, write_small

QUICK = ["--samples", "2", "--steps", "2"]


@pytest.fixture
def folder(tmp_path):
    """Two images, a broken one, and a prior beside them."""
    (tmp_path / "in").mkdir()
    for number in range(2):
        planes = np.rint(squares(2, 24, 28, seed=number)).astype(np.uint16)
        save_stack(stack_of(planes), tmp_path / "in" / f"cells-{number}.ome.tif")
    (tmp_path / "in" / "broken.tif").write_bytes(b"II*\0 but nothing after it")
    write_small(tmp_path / "p.emprior")
    return tmp_path


def run(folder, *words, inputs=None):
    """The exit code of `emdiff restore` with the prior of the folder."""
    inputs = [folder / "in" / "cells-0.ome.tif"] if inputs is None else inputs
    known = [] if "--method" in words else ["--prior", str(folder / "p.emprior")]
    return main(["restore", *map(str, inputs), *known, "--out", str(folder / "out"), *words])


def test_one_file_by_default_gives_an_estimate_and_its_spread(folder, capsys):
    assert run(folder) == 0
    out, err = capsys.readouterr()
    assert out.strip().endswith("cells-0-uncertainty.ome.tif")
    assert "one look, because only noise was added" in err
    assert sorted(p.name for p in (folder / "out").iterdir()) == [
        "cells-0-restored.ome.tif",
        "cells-0-uncertainty.ome.tif",
    ]


def test_a_bad_file_does_not_stop_the_rest(folder, capsys):
    assert run(folder, "--json", inputs=[folder / "in"]) == 2
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert [Path(r["stack"]).name for r in found["restored"]] == ["cells-0.ome.tif", "cells-1.ome.tif"]
    (failed,) = found["failed"]
    assert "broken.tif" in failed["stack"]
    assert failed["error"]
    assert "Traceback" not in err


def test_a_mistake_of_ours_is_told_from_a_bad_file(folder, capsys, monkeypatch):
    from emdiff_app.restoring import working

    monkeypatch.setattr(working, "look", lambda *_, **__: 1 / 0)
    assert run(folder, inputs=[folder / "in"]) == 1
    out, _ = capsys.readouterr()
    assert "ZeroDivisionError" in out
    assert out.startswith("image")


def test_a_batch_is_summed_up_in_a_table(folder, capsys):
    assert run(folder, inputs=[str(folder / "in" / "cells-*")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["image", "state", "chi2", "verdict", "results"]
    assert all(any(grade.value in line for grade in Grade) for line in lines[1:])
    assert len(lines) == 3
    assert all("restored" in line for line in lines[1:])


def test_each_image_gets_a_verdict_with_its_reasons_and_a_report(folder, capsys):
    assert run(folder, "--report", "--json") == 0
    out, err = capsys.readouterr()
    (found,) = json.loads(out)["restored"]
    assert found["verdict"] in [grade.value for grade in Grade]
    assert found["spread_label"] == "uncalibrated"
    assert f"VERDICT: {found['verdict'].upper()}" in err
    assert "The spread is uncalibrated" in err
    assert all(f"why: {reason['sentence']}" in err for reason in found["reasons"])
    page = Path(found["report"]).read_text(encoding="utf-8")
    assert found["verdict"].capitalize() in page
    assert "emdiff restore" in page
    with open_stack(found["mean"]) as made:
        told = made.extras["provenance"]
    assert (told["verdict"], told["spread"]) == (found["verdict"], "uncalibrated")
    assert len(told["reasons"]) == len(found["reasons"])
    assert run(folder, "--json") == 0
    (again,) = json.loads(capsys.readouterr().out)["there_already"]
    assert again["verdict"] == found["verdict"]


def test_the_check_can_be_left_out(folder, capsys, monkeypatch):
    from emdiff_app.restoring import trust

    monkeypatch.setattr(trust, "examine", lambda *_, **__: 1 / 0)
    assert run(folder, "--no-check", "--json") == 0
    out, err = capsys.readouterr()
    assert "verdict" not in json.loads(out)["restored"][0]
    assert "VERDICT" not in err


def test_what_cannot_be_checked_is_restored_all_the_same(folder, capsys, monkeypatch):
    from emdiff_app.restoring import trust

    def refuse(*_, **__):
        raise StackError("it is too strange")

    monkeypatch.setattr(trust, "examine", refuse)
    assert run(folder) == 0
    assert (
        "There is no verdict, since the check could not be made: it is too strange" in capsys.readouterr().err
    )


def test_the_same_command_again_does_nothing_twice(folder, capsys):
    assert run(folder) == 0
    stamp = (folder / "out" / "cells-0-restored.ome.tif").stat().st_mtime_ns
    assert run(folder, "--json", inputs=[str(folder / "in" / "cells-*")]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [len(found[key]) for key in ("restored", "there_already", "failed")] == [1, 1, 0]
    assert (folder / "out" / "cells-0-restored.ome.tif").stat().st_mtime_ns == stamp


def test_other_results_of_the_same_name_are_left_alone(folder, capsys):
    assert run(folder) == 0
    assert run(folder, "--seed", "4", *QUICK) == 2
    assert "already exists" in capsys.readouterr().err
    assert run(folder, "--seed", "4", *QUICK, "--overwrite") == 0


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (["--channel", "0"], ["--channel", "1"]),
        (["--channel", "0"], ["--channel", "0", "--pixel-size", "0.2"]),
        (["--channel", "0"], ["--channel", "0", "--dtype", "same"]),
    ],
    ids=["channel", "pixel size", "dtype"],
)
def test_results_of_another_channel_size_or_type_are_not_taken_for_these(folder, capsys, first, second):
    two = np.rint(np.stack([squares(1, 24, 28)[0], 2 * squares(1, 24, 28)[0]])).astype(np.uint16)
    save_stack(stack_of(two, "CYX"), folder / "two.ome.tif")
    quick = ["--write", "mean", "--no-check"]
    assert run(folder, *first, *quick, inputs=[folder / "two.ome.tif"]) == 0
    before = (folder / "out" / "two-restored.ome.tif").read_bytes()
    assert run(folder, *second, *quick, inputs=[folder / "two.ome.tif"]) == 2
    assert "already exists" in capsys.readouterr().err
    assert (folder / "out" / "two-restored.ome.tif").read_bytes() == before
    assert run(folder, *first, *quick, inputs=[folder / "two.ome.tif"]) == 0
    assert "there already" in capsys.readouterr().err


def test_a_psf_that_was_replaced_restores_anew(folder, capsys):
    psf = {"kind": "image", "path": "psf.npy"}
    model = BLURRED.model_copy(update={"operator": (BlurSpec(psf=psf),)})
    model.write(folder / "model.json")
    words = ["--model", str(folder / "model.json"), *QUICK, "--write", "mean", "--no-check"]
    flat = np.outer([1, 2, 1], [1, 2, 1])
    np.save(folder / "psf.npy", flat)
    assert run(folder, *words) == 0
    np.save(folder / "psf.npy", flat**2)
    assert run(folder, *words) == 2
    assert "already exists" in capsys.readouterr().err


def test_every_result_has_a_file_of_its_own(folder):
    assert run(folder, *QUICK, "--write", "mean,spread,sample,samples,prior-alone", "--dtype", "same") == 0
    names = {p.name.removeprefix("cells-0-").removesuffix(".ome.tif") for p in (folder / "out").iterdir()}
    assert names == {"restored", "uncertainty", "sample", "sample-1", "sample-2", "prior-alone"}
    with open_stack(folder / "out" / "cells-0-sample-2.ome.tif") as made:
        assert made.dtype == np.uint16


def test_a_zarr_stays_a_zarr(folder):
    with open_stack(folder / "in" / "cells-0.ome.tif") as stack:
        save_stack(stack, folder / "in" / "deep.zarr")
    assert run(folder, inputs=[folder / "in" / "deep.zarr"]) == 0
    assert run(folder, "--format", "ome-tiff", inputs=[folder / "in" / "deep.zarr"]) == 0
    assert (folder / "out" / "deep-restored.zarr").is_dir()
    assert (folder / "out" / "deep-restored.ome.tif").is_file()


def test_another_model_and_sampler_can_be_chosen(folder, capsys):
    BLURRED.write(folder / "blur.json")
    assert run(folder, *QUICK, "--model", str(folder / "blur.json"), "--sampler", "diffpir", "--json") == 0
    assert json.loads(capsys.readouterr().out)["restored"][0]["method"] == "diffpir"


def test_classical_methods_need_no_prior(folder, capsys):
    BLURRED.write(folder / "blur.json")
    words = ["--method", "richardson-lucy", "--set", "iterations=3", "--model", str(folder / "blur.json")]
    assert run(folder, *words) == 0
    with open_stack(folder / "out" / "cells-0-richardson-lucy.ome.tif") as made:
        assert made.extras["provenance"]["settings"] == {"iterations": 3}
        assert made.pixel_size["X"].value == pytest.approx(0.1)


@pytest.mark.parametrize(
    "words",
    [
        ["--noise-per-image", "yes"],
        ["--intensities", "image"],
        ["--turns"],
        ["--sampler", "mmps"],
        ["--steps", "20"],
        ["--tile", "64"],
        ["--memory", "2"],
        ["--device", "cpu"],
        ["--seed", "3"],
    ],
)
def test_methods_without_a_prior_refuse_options_that_they_do_not_use(folder, capsys, words):
    BLURRED.write(folder / "blur.json")
    known = ["--method", "tv", "--model", str(folder / "blur.json")]
    assert run(folder, *known, *words) == 2
    assert f"tv does not use {words[0]}" in capsys.readouterr().err
    assert not list((folder / "out").glob("*"))


def test_options_at_their_default_do_no_harm(folder):
    BLURRED.write(folder / "blur.json")
    words = ["--method", "tv", "--set", "iterations=3", "--model", str(folder / "blur.json")]
    assert run(folder, *words, "--seed", "0", "--device", "auto", "--steps", "20") == 2
    assert run(folder, *words, "--seed", "0", "--device", "auto", "--noise-per-image", "auto") == 0


def test_the_command_in_a_report_repeats_the_restoration(folder, capsys):
    """With every option that was given; run in another folder it makes the same pixels."""
    options = [
        *["--samples", "2", "--steps", "2", "--turns", "--noise-per-image", "no", "--dtype", "same"],
        *[
            "--format",
            "zarr",
            "--device",
            "cpu",
            "--tile",
            "64",
            "--memory",
            "1.5",
            "--seed",
            "5",
            "--report",
        ],
    ]
    assert run(folder, *options, "--overwrite", "--json") == 0
    (found,) = json.loads(capsys.readouterr().out)["restored"]
    page = Path(found["report"]).read_text(encoding="utf-8")
    said = shlex.split(html.unescape(re.search(r"<pre>(emdiff restore .*?)</pre>", page, re.DOTALL)[1]))
    assert set(options) <= set(said)
    assert not {"--overwrite", "--json", "--axes", "--intensities"} & set(said)
    again = [str(folder / "again") if word == str(folder / "out") else word for word in said[1:]]
    assert main(again) == 0
    with open_stack(found["mean"]) as one, open_stack(folder / "again" / "cells-0-restored.zarr") as other:
        np.testing.assert_array_equal(one.numpy(), other.numpy())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--write", "everything"], "everything"),
        (["--sampler", "magic"], "magic"),
        (["--dtype", "int3"], "--dtype"),
        (["--format", "jpeg"], "--format"),
        (["--intensities", "bright"], "--intensities"),
        (["--set", "iterations=3"], "--set"),
        (["--report", "--no-check"], "--no-check"),
        (["--noise-per-image", "perhaps"], "yes, no or auto"),
        (["--method", "magic"], "magic"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_done(folder, capsys, words, said):
    assert run(folder, *words) == 2
    _, err = capsys.readouterr()
    assert said in err
    assert len(err.splitlines()) == 1
    assert not list((folder / "out").glob("*"))


def test_without_a_prior_it_is_asked_for(folder, capsys):
    assert main(["restore", str(folder / "in"), "--out", str(folder / "out")]) == 2
    assert "--prior" in capsys.readouterr().err


def test_inputs_of_one_name_get_that_of_their_folder(folder):
    for day in ("monday", "tuesday"):
        (folder / day).mkdir()
        (folder / day / "a.tif").touch()
    found = find_sources([folder / "monday", folder / "tuesday" / "*.tif"])
    assert [source.stem for source in found] == ["monday-a", "tuesday-a"]


def test_many_inputs_are_told_apart_without_comparing_all_with_all(tmp_path, monkeypatch):
    from emdiff_app.restoring import batch

    compared, honest = [], Path.__eq__
    many = [tmp_path / f"{number}.tif" for number in range(500)]
    monkeypatch.setattr(batch, "_found", lambda pattern: iter([tmp_path / path.name for path in many]))
    monkeypatch.setattr(Path, "__eq__", lambda a, b: bool(compared.append(a)) or honest(a, b), raising=False)
    monkeypatch.setattr(Path, "__hash__", Path.__hash__, raising=False)
    assert [source.path for source in find_sources(["a", "b"])] == many
    assert len(compared) < 10 * len(many)


def test_results_are_not_taken_for_inputs(folder):
    assert run(folder, "--out", str(folder / "in")) == 0
    (folder / "in" / "cells-1-richardson-lucy-tv.ome.tif").touch()
    assert set(OTHER_METHODS) == set(method_names())
    assert [s.path.name for s in find_sources([folder / "in"])] == [
        "broken.tif",
        "cells-0.ome.tif",
        "cells-1.ome.tif",
    ]


def test_an_input_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(StackError, match="no such image"):
        find_sources([tmp_path / "nothing_*.tif"])

"""The run folder: what is written, followed, asked and refused."""

import shutil

import numpy as np
import pytest

from emdiff_app.errors import RunError
from emdiff_app.learning import PRESETS, Recipe, RunFolder, events
from emdiff_app.physics import GaussianNoise, ImagingModel


def recipe(**changes):
    model = ImagingModel(noise=GaussianNoise(sigma=5.0))
    return Recipe(**{"stacks": ("cells.tif",), "model": model, **changes})


@pytest.fixture
def run(tmp_path):
    return RunFolder.create(tmp_path / "run", recipe())


def test_a_follower_sees_each_event_once_and_in_order(run):
    writer, follower = run.writer(), run.follower()
    assert follower.read() == []
    writer.write(events.Notice(text="one"))
    writer.write(events.Saved(round=1, file="checkpoints/a"))
    assert [e.kind for e in follower.read()] == ["notice", "saved"]
    writer.write(events.Paused())
    assert [e.kind for e in follower.read()] == ["paused"]


def test_a_line_that_is_still_being_written_is_left_for_later(run):
    writer, follower = run.writer(), run.follower()
    writer.write(events.Notice(text="one"))
    with (run.path / "events.jsonl").open("a") as file:
        file.write('{"kind": "notice", "te')
    assert len(follower.read()) == 1
    with (run.path / "events.jsonl").open("a") as file:
        file.write('xt": "two"}\n')
    assert [e.text for e in follower.read()] == ["two"]


def test_a_line_torn_by_a_crash_does_not_swallow_the_next_event(run):
    run.writer().write(events.Notice(text="before"))
    with (run.path / "events.jsonl").open("a") as file:
        file.write('{"kind": "progr')
    run.writer().write(events.Notice(text="after"))  # a new worker
    assert [e.text for e in run.follower().read()] == ["before", "after"]


def test_events_of_a_newer_program_are_passed_over(run):
    with (run.path / "events.jsonl").open("a") as file:
        file.write('{"kind": "telepathy", "of": 3}\n[1, 2]\nnoise\n')
    run.writer().write(events.Notice(text="known"))
    assert [e.text for e in run.follower().read()] == ["known"]


def test_a_folder_with_files_is_never_taken_over(tmp_path):
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(RunError, match="already holds files"):
        RunFolder.create(tmp_path, recipe())
    assert (tmp_path / "thesis.txt").read_text() == "precious"


def test_the_recipe_comes_back(run):
    assert run.recipe.model_dump() == recipe().model_dump()


def test_a_recipe_of_many_images_can_be_read_again_and_one_that_cannot_be_is_not_written(tmp_path):
    names = tuple(f"/data/microscopy/{'plate-' * 20}/field-{number:05d}.ome.tif" for number in range(10_000))
    assert RunFolder.create(tmp_path / "many", recipe(stacks=names)).recipe.stacks == names
    with pytest.raises(RunError, match="too large"):
        RunFolder.create(tmp_path / "more", recipe(stacks=names * 12))
    assert not (tmp_path / "more").exists()


def test_a_recipe_with_a_wrong_field_is_refused_by_its_name(run):
    file = run.path / "recipe.json"
    file.write_text(file.read_text().replace('"rounds": 4', '"rounds": -4'))
    with pytest.raises(RunError, match="rounds"):
        _ = run.recipe


def test_requests_come_and_go(run):
    assert not run.asked("pause")
    run.ask("pause")
    assert run.asked("pause")
    run.ask("resume")
    assert not run.asked("pause")
    run.ask("stop")
    run.clear_requests()
    assert not run.asked("stop")


def test_a_folder_that_is_no_run_is_said_to_be_none(tmp_path):
    with pytest.raises(RunError, match="not a run folder"):
        RunFolder.open(tmp_path)


def test_every_choice_is_explained_and_every_preset_is_a_recipe():
    assert all(field.description for field in Recipe.model_fields.values())
    made = {name: recipe(**changes) for name, changes in PRESETS.items()}
    assert made["quick"].crops < made["standard"].crops < made["best"].crops


def test_a_psf_that_the_model_names_comes_along_with_the_run(tmp_path):
    """Whoever moves the run, or deletes the PSF, can still go on with it."""
    psf = np.outer(*[[0.0, 1, 2, 1, 0]] * 2)
    (tmp_path / "optics").mkdir()
    np.save(tmp_path / "optics" / "bead.npy", psf / psf.sum())
    described = {
        "operator": [{"kind": "blur", "psf": {"kind": "image", "path": "bead.npy"}}],
        "noise": {"kind": "gaussian", "sigma": 1},
    }
    model = ImagingModel.model_validate(described).located(tmp_path / "optics")
    expected = model.bind((32, 32)).domain
    run = RunFolder.create(tmp_path / "run", recipe(model=model))
    shutil.rmtree(tmp_path / "optics")
    run.path.rename(tmp_path / "moved")
    assert RunFolder.open(tmp_path / "moved").recipe.model.bind((32, 32)).domain == expected

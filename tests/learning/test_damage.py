"""Run folders that were damaged, edited or robbed of a file: what is whole is used, and nothing is believed blindly."""

import json

import pytest
from tiny_runs import make_run, same_weights, told, write_spots

from emdiff_app.learning import learn, worker
from emdiff_app.learning.runs import saving
from emdiff_app.learning.runs.run_folder import RunFolder
from emdiff_app.priors import read_card, read_prior, write_prior


def saves(run):
    return sorted(path.name for path in run.checkpoints.glob("*.safetensors"))


def spoil(path, *, middle=True):
    """Its header stays as it is, so only who looks at the content can know."""
    content = bytearray(path.read_bytes())
    place = len(content) * 3 // 4 if middle else 200
    content[place : place + 64] = bytes(64) if any(content[place : place + 64]) else b"\xff" * 64
    path.unlink()  # the best one may be the same file under another name
    path.write_bytes(content)


def more_rounds(run, rounds):
    asked = json.loads((run.path / "recipe.json").read_text()) | {"rounds": rounds}
    (run.path / "recipe.json").write_text(json.dumps(asked))


def test_a_checkpoint_with_a_few_wrong_bytes_is_not_used(tmp_path):
    usual, run = make_run(tmp_path, "usual", rounds=2), make_run(tmp_path, rounds=2)
    assert learn(usual)
    assert learn(run)
    spoil(run.checkpoints / max(n for n in saves(run) if n.startswith("round")))
    assert learn(run)
    assert any("put aside" in e.text for e in told(run, "notice"))
    assert same_weights(usual, run)


def test_a_damaged_batch_of_samples_is_drawn_again(tmp_path):
    usual, run = make_run(tmp_path, "usual"), make_run(tmp_path)
    learn(usual)

    def spoil_and_stop(event):
        if event.kind == "progress" and (event.round, event.phase) == (1, "m-step"):
            for batch in run.samples.rglob("round-0001/*.safetensors"):
                spoil(batch)
            run.ask("stop")

    learn(run, spoil_and_stop)
    assert told(run)[-1].kind == "stopped"
    for newest in run.checkpoints.glob("round-0001-*"):
        newest.unlink()  # back to where the samples are needed again
    assert learn(run)
    assert same_weights(usual, run)


def test_new_saves_are_kept_when_all_old_ones_are_damaged_and_the_best_one_is_gone_on_from(tmp_path):
    run = make_run(tmp_path, rounds=2)
    assert learn(run)
    for path in run.checkpoints.glob("round-*"):
        spoil(path)
    more_rounds(run, 3)
    assert learn(run)
    assert [e.resumed_from_round for e in told(run, "started")][-1] is not None
    assert [e.round for e in told(run, "scored")][-1] == 3
    assert any(name.startswith("round-0003") for name in saves(run))
    assert told(run)[-1].kind == "finished"


def test_a_run_without_a_readable_save_keeps_its_prior_and_says_how_to_go_on(tmp_path):
    run = make_run(tmp_path)
    assert learn(run)
    before = run.prior.read_bytes()
    for path in run.checkpoints.iterdir():
        spoil(path)
    assert not learn(run)
    assert f"--start prior:{run.prior}" in told(run)[-1].text
    assert run.prior.read_bytes() == before


@pytest.mark.parametrize("way", ["removed", "of another round"])
def test_a_run_that_has_ended_makes_its_prior_good_again(tmp_path, way):
    run = make_run(tmp_path, rounds=2)
    assert learn(run)
    wanted, (prior, card) = run.prior.read_bytes(), read_prior(run.prior)
    run.prior.unlink()
    if way == "of another round":
        other = card.training.model_copy(update={"rounds": card.training.rounds + 1})
        write_prior(run.prior, prior, card.model_copy(update={"training": other}))
    assert learn(run)
    assert read_card(run.prior).training == card.training
    assert len(run.prior.read_bytes()) == pytest.approx(len(wanted), rel=0.01)


def test_an_image_that_is_missing_when_a_run_is_stopped_costs_no_step(tmp_path, monkeypatch):
    monkeypatch.setattr(worker, "LOOK_S", 0.0)
    run, image = make_run(tmp_path), tmp_path / "spots.tif"

    def leave(event):
        if event.kind == "progress" and (event.round, event.phase, event.step) == (1, "m-step", 8):
            image.rename(tmp_path / "away.tif")

    assert not learn(run, leave)
    assert "cannot be read any more" in told(run)[-1].text
    assert any(name.startswith("round-0001") for name in saves(run))


def test_one_image_of_a_folder_that_becomes_another_of_the_same_size_is_noticed(tmp_path):
    folder = tmp_path / "cells"
    folder.mkdir()
    for number in (1, 2):
        write_spots(folder / f"{number}.tif", seed=number)
    run = make_run(tmp_path, stacks=(str(folder / "*.tif"),))
    assert learn(run), told(run)[-1]
    size = (folder / "2.tif").stat().st_size
    write_spots(folder / "2.tif", seed=3)
    assert (folder / "2.tif").stat().st_size == size
    assert not learn(run)
    assert "is not the image any more" in told(run)[-1].text


def test_images_that_have_moved_may_be_named_anew_but_not_exchanged(tmp_path):
    run = make_run(tmp_path)
    assert learn(run)
    moved = tmp_path / "moved.tif"
    (tmp_path / "spots.tif").rename(moved)
    asked = json.loads((run.path / "recipe.json").read_text())
    (run.path / "recipe.json").write_text(json.dumps(asked | {"stacks": [str(moved)], "rounds": 2}))
    assert learn(run), told(run)[-1]
    write_spots(moved, seed=5)
    assert not learn(run)


@pytest.mark.parametrize("changes", [{"seed": 7}, {"crop": 32}, {"stacks": ["spots.tif", "more.tif"]}])
def test_what_a_run_that_has_begun_depends_on_cannot_be_edited(tmp_path, changes):
    run = make_run(tmp_path)
    assert learn(run)
    before = run.prior.read_bytes()
    asked = json.loads((run.path / "recipe.json").read_text())
    if "stacks" in changes:
        write_spots(tmp_path / "more.tif", seed=2)
        changes = {"stacks": [str(tmp_path / name) for name in changes["stacks"]]}
    (run.path / "recipe.json").write_text(json.dumps(asked | changes | {"rounds": 2}))
    assert not learn(run)
    text = told(run)[-1].text
    assert f"`{next(iter(changes))}`" in text
    assert "Put the old one back" in text
    assert run.prior.read_bytes() == before


def test_a_run_folder_that_is_away_for_a_while_costs_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(saving, "AGAIN_S", 0.0)
    usual, run = make_run(tmp_path, "usual", save_every_s=0), make_run(tmp_path, save_every_s=0)
    learn(usual)
    away = tmp_path / "unplugged"

    def plug(event):
        if event.kind != "progress" or event.phase != "m-step" or event.round != 0:
            return
        if event.step == 2:
            run.path.rename(away)
        elif event.step == 7:
            assert not run.path.exists()  # nothing made a second one in its place
            away.rename(run.path)

    monkeypatch.setattr(worker, "TICK_S", 0.0)
    monkeypatch.setattr(worker, "MOST_TICKS", 1_000_000)
    assert learn(run, plug), told(run)[-1]
    assert any("does not exist" in e.text and "tries again" in e.text for e in told(run, "notice"))
    assert same_weights(usual, run)


def test_a_copy_without_its_empty_folders_is_a_run(tmp_path):
    run = make_run(tmp_path)
    for folder in (run.checkpoints, run.previews, run.control):
        folder.rmdir()
    assert learn(RunFolder.open(run.path)), told(run)[-1]
    assert run.prior.is_file()

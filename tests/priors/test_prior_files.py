"""A prior as a file: what comes back, and what a colleague can do with it."""

import json
import zipfile

import numpy as np
import pytest
import torch
from prior_tools import BEAD, CARD, make_card, make_file, make_prior, put_together, taken_apart, with_card

from emdiff_app.diffusion import LearnedPrior
from emdiff_app.errors import PriorError
from emdiff_app.images import PixelSize, save_stack, stack_from_array
from emdiff_app.physics import ImagingModel
from emdiff_app.priors import (
    Training,
    export_prior,
    read_card,
    read_preview,
    read_prior,
    verify_prior,
    write_prior,
)


@pytest.fixture
def file(tmp_path):
    return make_file(tmp_path / "cells.emprior")


def test_a_prior_comes_back_as_it_was(tmp_path):
    prior = LearnedPrior("tiny", 1, 0.25, 0.1)
    for weight in prior.parameters():
        torch.nn.init.normal_(weight, std=0.1)
    card = make_card(prior)
    path = tmp_path / "cells.emprior"
    write_prior(path, prior, card)
    again, found = read_prior(path)
    x = torch.randn(1, 1, 20, 20)
    torch.testing.assert_close(again.denoise(x, 0.3), prior.denoise(x, 0.3))
    for name in ("scale", "training", "author", "licence", "pixel_size_um", "size", "channels"):
        assert getattr(found, name) == getattr(card, name)
    assert found.versions["torch"] == str(torch.__version__)
    assert read_card(path) == found


def test_slices_and_the_variance_come_back_too(tmp_path):
    prior = LearnedPrior("tiny", 2, 0.25, 0.1, neighbours=1, variance=True)
    for weight in prior.parameters():
        torch.nn.init.normal_(weight, std=0.1)
    write_prior(tmp_path / "p.emprior", prior, make_card(prior))
    again = read_prior(tmp_path / "p.emprior")[0]
    volume = torch.randn(1, 2, 3, 16, 16)
    for found, wanted in zip(
        again.denoise_with_variance(volume, 0.3), prior.denoise_with_variance(volume, 0.3), strict=True
    ):
        torch.testing.assert_close(found, wanted)


@pytest.mark.parametrize("maps", [True, False])
def test_whether_it_knows_noise_maps_comes_back_and_goes_along_when_exported(maps, tmp_path):
    prior = make_prior()
    prior.takes_maps = maps
    write_prior(tmp_path / "a.emprior", prior, make_card(prior))
    export_prior(tmp_path / "a.emprior", tmp_path / "b.emprior", name="Passed on")
    assert [read_prior(tmp_path / name)[0].takes_maps for name in ("a.emprior", "b.emprior")] == [maps, maps]


def test_a_file_that_does_not_say_so_knows_no_noise_maps(file, tmp_path):
    older = tmp_path / "older.emprior"
    older.write_bytes(put_together(with_card(taken_apart(file), takes_maps=None)))
    assert read_prior(older)[0].takes_maps is False


def test_reading_a_prior_uses_up_no_random_numbers(file):
    torch.manual_seed(3)
    wanted = torch.rand(2)
    torch.manual_seed(3)
    read_prior(file)
    assert torch.equal(torch.rand(2), wanted)


def test_a_later_table_of_sizes_does_not_break_it(file, monkeypatch):
    from emdiff_app.diffusion import learned

    before = read_prior(file)[0]
    monkeypatch.setattr(learned, "SIZES", {})
    x = torch.randn(1, 1, 16, 16)
    assert torch.equal(read_prior(file)[0].denoise(x, 0.1), before.denoise(x, 0.1))


def test_the_file_explains_itself_and_holds_no_pickle(file):
    members = taken_apart(file)
    assert set(members) == {
        CARD,
        "model.safetensors",
        "images.safetensors",
        "preview.png",
        "README.md",
    }
    page = members["README.md"].decode()
    assert "emdiff restore" in page
    assert "A. Colleague" in page
    assert '"sigma": 7.0' in page


def test_other_programs_can_read_the_weights(file):
    import safetensors.torch

    weights = safetensors.torch.load(taken_apart(file)["model.safetensors"])
    own = make_prior().network.state_dict()
    assert all(torch.equal(weights[name], own[name]) for name in own)


def test_the_psf_travels_along(tmp_path):
    stack = stack_from_array(
        np.pad(BEAD, 3) * 1000, "YX", pixel_size={"Y": PixelSize(50, "nm"), "X": PixelSize(50, "nm")}
    )
    (tmp_path / "mine").mkdir()
    save_stack(stack, tmp_path / "mine" / "bead.tif")
    words = {
        "operator": [
            {"kind": "blur", "psf": {"kind": "image", "path": "bead.tif"}},
            {"kind": "mask", "pattern": "image", "path": "dead.tif", "invert": True},
        ],
        "noise": {"kind": "gaussian", "sigma": 7.0},
    }
    dead = np.zeros((24, 24), np.uint8)
    dead[3, 4] = 200
    save_stack(stack_from_array(dead, "YX"), tmp_path / "mine" / "dead.tif")
    model = ImagingModel.model_validate(words).located(tmp_path / "mine")
    prior = make_prior()
    write_prior(tmp_path / "p.emprior", prior, make_card(prior, model=model))
    pixel_size = stack.pixel_size
    here = model.bind((24, 24), pixel_size=pixel_size)
    x = torch.rand((1, 1, *here.domain))
    wanted = here.apply(x)
    assert wanted[0, 0, 3, 4] == 0
    for name in ("bead.tif", "dead.tif"):
        (tmp_path / "mine" / name).unlink()

    read = read_card(export_prior(tmp_path / "p.emprior", tmp_path / "q.emprior"))
    there = read.model.bind((24, 24), pixel_size=pixel_size)
    torch.testing.assert_close(there.apply(x), wanted)
    # The bead's own pixel size came along too: on coarser images it covers fewer pixels.
    coarser = {axis: PixelSize(100, "nm") for axis in "YX"}
    assert read.model.bind((24, 24), pixel_size=coarser).domain < there.domain


def test_a_model_without_images_stays_as_it_was(tmp_path):
    prior, model = make_prior(), ImagingModel.model_validate({"noise": {"kind": "gaussian", "sigma": 1}})
    write_prior(tmp_path / "p.emprior", prior, make_card(prior, model=model))
    assert read_card(tmp_path / "p.emprior").model == model
    assert "images.safetensors" not in taken_apart(tmp_path / "p.emprior")


def test_a_preview_comes_back(file, tmp_path):
    import imagecodecs

    assert np.array_equal(imagecodecs.png_decode(read_preview(file)), np.arange(256).reshape(16, 16))
    prior = make_prior()
    write_prior(tmp_path / "plain.emprior", prior, make_card(prior))
    assert read_preview(tmp_path / "plain.emprior") is None


def test_export_keeps_everything_but_the_words_it_is_given(file, tmp_path):
    out = export_prior(file, tmp_path / "shared", name="Mitochondria", author="B. Colleague")
    assert out.name == "shared.emprior"
    before, after = taken_apart(file), taken_apart(out)
    for name in ("model.safetensors", "images.safetensors", "preview.png"):
        assert after[name] == before[name]
    old, new = json.loads(before[CARD]), json.loads(after[CARD])
    assert {name for name in old if old[name] != new[name]} == {"name", "author", "sha256"}
    assert (new["name"], new["author"], new["licence"]) == ("Mitochondria", "B. Colleague", "CC-BY-4.0")
    assert "Mitochondria" in after["README.md"].decode()
    x = torch.randn(1, 1, 16, 16)
    assert torch.equal(read_prior(out)[0].denoise(x, 0.1), read_prior(file)[0].denoise(x, 0.1))
    verify_prior(out)


def test_export_asks_before_it_replaces(file, tmp_path):
    out = export_prior(file, tmp_path / "shared.emprior")
    with pytest.raises(PriorError, match="already exists"):
        export_prior(file, out, name="other")
    assert read_card(export_prior(file, out, name="other", overwrite=True)).name == "other"


def test_export_onto_itself_gives_it_a_name(file):
    export_prior(file, file, name="Cells", overwrite=True)
    assert read_card(file).name == "Cells"
    verify_prior(file)


def test_words_that_are_too_long_are_refused_before_anything_is_written(file, tmp_path):
    with pytest.raises(PriorError, match=r"not written.*name"):
        export_prior(file, tmp_path / "long.emprior", name="x" * 1000)
    assert not (tmp_path / "long.emprior").exists()


def test_a_card_that_no_reader_would_take_is_not_written(tmp_path):
    drawn = [[float(i % 7), float(i)] for i in range(9000)]
    words = {
        "operator": [{"kind": "motion-blur", "path": [[y, x % 2000] for y, x in drawn]}] * 4,
        "noise": {"kind": "gaussian", "sigma": 7.0},
    }
    prior = make_prior()
    with pytest.raises(
        PriorError, match=r"was not written.*too many parts|was not written.*fit into a prior"
    ):
        write_prior(tmp_path / "p.emprior", prior, make_card(prior, model=ImagingModel.model_validate(words)))
    assert not list(tmp_path.iterdir())


def test_words_cannot_play_with_the_terminal(file, tmp_path):
    out = export_prior(file, tmp_path / "odd.emprior", name="a\x1b[2Jb\nlicence: none", author="\udce9")
    card = read_card(out)
    assert card.name == "a [2Jb licence: none"
    assert card.author == " "


def test_more_images_than_a_card_names_are_counted():
    made = Training(images=tuple(f"{i}.tif" for i in range(5000)))
    assert made.images[999:] == ("999.tif", "and 4000 more")
    assert Training(images=made.images) == made


def test_a_score_that_is_no_number_does_not_make_the_file_unreadable(tmp_path):
    prior = make_prior()
    card = make_card(prior, training=Training(held_out=(float("nan"), 1.0)))
    write_prior(tmp_path / "p.emprior", prior, card)
    assert read_card(tmp_path / "p.emprior").training.held_out == (None, 1.0)


def test_weights_that_are_not_finite_are_not_written_over_good_ones(file):
    before = file.read_bytes()
    prior = make_prior()
    next(prior.parameters()).data[0] = float("nan")
    with pytest.raises(PriorError, match="not finite"):
        write_prior(file, prior, make_card(prior))
    assert file.read_bytes() == before


def test_verify_counts_what_it_checked(file):
    found = verify_prior(file)
    assert set(found.sha256) == set(taken_apart(file)) - {CARD}
    assert found.parameters == sum(w.numel() for w in make_prior().parameters())


@pytest.mark.parametrize("name", ["README.md", "preview.png"])
def test_verify_notices_what_reading_does_not_need(file, name):
    members = taken_apart(file)
    file.write_bytes(put_together({**members, name: members[name][:-1]}))
    read_prior(file)
    with pytest.raises(PriorError, match=f"{name} does not match"):
        verify_prior(file)
    del members[name]
    file.write_bytes(put_together(members))
    with pytest.raises(PriorError, match=f"{name} was added or taken"):
        verify_prior(file)


def test_a_network_that_computes_nothing_is_noticed(tmp_path):
    prior = make_prior()
    for weight in prior.parameters():
        weight.data.fill_(1e30)
    write_prior(tmp_path / "p.emprior", prior, make_card(prior))
    with pytest.raises(PriorError, match="no finite images"):
        verify_prior(tmp_path / "p.emprior")


def test_a_file_packed_again_by_another_program_still_opens(file):
    """Which may compress the small members, but not the tensors."""
    members = taken_apart(file)
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in members.items():
            packed = zipfile.ZIP_STORED if name.endswith("tensors") else zipfile.ZIP_DEFLATED
            archive.writestr(name, data, packed)
    verify_prior(file)


def test_a_link_to_a_prior_is_followed(file, tmp_path):
    (tmp_path / "link.emprior").symlink_to(file)
    assert read_card(tmp_path / "link.emprior") == read_card(file)


def test_the_card_alone_says_nothing_of_damaged_weights(file):
    members = taken_apart(file)
    file.write_bytes(put_together({**members, "model.safetensors": b"broken"}))
    assert read_card(file).author == "A. Colleague"
    with pytest.raises(PriorError, match="weights"):
        read_prior(file)


def test_a_card_is_read_without_its_unknown_fields(file):
    """A later program may add what an older one need not know, within the same format."""
    file.write_bytes(put_together(with_card(taken_apart(file), mood="good")))
    assert not hasattr(read_card(file), "mood")

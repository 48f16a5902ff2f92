"""OME-Zarr and plain Zarr: real ones, incomplete ones, and ones that mean harm."""

import contextlib
import json
import re
import shutil
import warnings
import zipfile

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from emdiff_app.errors import StackError
from emdiff_app.images import PixelSize, open_stack, save_stack, stack_from_array
from emdiff_app.images.ome_zarr import open_zarr

REAL = {
    "viv/blobs_image_v04.ome.zarr": "CYX (3, 12, 12) float64",
    "viv/blobs_image_v05.ome.zarr": "CYX (3, 12, 12) float64",
    "viv/blobs_image_v05.ome.zarr/0": "CYX (3, 12, 12) float64",
    "omezarrexamples/valid/image-02.zarr": "YX (200, 200) float64",
    "omezarrexamples/valid/image-03.zarr": "ZYX (2, 100, 100) float64",
    "plantseg_3d_v3.zarr/raw": "ZYX (10, 10, 10) float64",
    "sample_float32_8bit_range.zarr.zip": "CYX (4, 100, 100) float32",
    "omezarrexamples/valid/image-01.zarr": "none of the 100 chunks",
    "omezarrexamples/valid/image-04.zarr": "none of the 8 chunks",
    "omezarrexamples/valid/plate-01.zarr": "plate of 4 wells (A/1, A/2, B/1, B/2)",
    "omezarrexamples/valid/plate-01.zarr/A/1": "none of the 100 chunks",
    "omezarrexamples/warning/image-01.zarr": "none of the 4 chunks",
    "omezarrexamples/invalid/image-01.zarr": "holds no image",
    "omezarrexamples/invalid/image-02.zarr": "name no image",
    "omezarrexamples/invalid/image-03.zarr": "'0' is missing",
    "omezarrexamples/invalid/image-04.zarr": "none of the 8 chunks",
    "empty_v3.zarr": "holds no image",
    "plantseg_3d_v3.zarr": "holds 2 images (raw, raw_2)",
}


@pytest.mark.data
@pytest.mark.parametrize("name", REAL)
def test_real_ones_open_or_are_refused_in_words(shared_data, name):
    path = shared_data / "ome_zarr_small" / name
    if not REAL[name][0].isupper():
        with pytest.raises(StackError, match=re.escape(REAL[name])):
            open_stack(path)
        return
    with open_stack(path) as stack:
        assert f"{stack.axes} {stack.shape} {stack.dtype}" == REAL[name]
        pixels = stack.numpy()
    node = zarr.open(zarr.storage.ZipStore(path, mode="r") if path.suffix == ".zip" else path, mode="r")
    there = (node if isinstance(node, zarr.Array) else node["0"])[:]
    if there.shape != pixels.shape:  # this one stores its channels last
        there = np.moveaxis(there, -1, 0)
    np.testing.assert_array_equal(pixels, there)


@pytest.fixture
def image(tmp_path):
    """A small OME-Zarr of three planes in chunks of 16 pixels, as a folder to spoil."""
    pixels = np.arange(3 * 32 * 32, dtype=np.uint16).reshape(3, 32, 32)
    group = zarr.create_group(tmp_path / "image.zarr")
    array = group.create_array("0", shape=pixels.shape, chunks=(1, 16, 16), dtype="uint16")
    array[:] = pixels + 1
    space = [{"name": a, "type": "space", "unit": "micrometer"} for a in "zyx"]
    scale = [{"type": "scale", "scale": [0.5, 0.1, 0.1]}]
    multiscale = {"axes": space, "datasets": [{"path": "0", "coordinateTransformations": scale}]}
    group.attrs["ome"] = {"version": "0.5", "multiscales": [multiscale]}
    return tmp_path / "image.zarr"


def changed(folder, file, change):
    """Rewrite one JSON file of a Zarr."""
    content = json.loads((folder / file).read_text())
    change(content)
    (folder / file).write_text(json.dumps(content))
    return folder


def multiscale_of(content):
    return content["attributes"]["ome"]["multiscales"][0]


def test_missing_chunks_are_counted_and_said(image):
    with open_stack(image) as stack:
        assert stack.warnings == ()
    (image / "0/c/1/0/0").unlink()
    (image / "0/c/2/1/1").unlink()
    (image / "0/c/2/notes.txt").write_text("not a chunk")
    with open_stack(image) as stack:
        assert "2 of 12 chunks do not exist" in stack.warnings[0]
        assert stack.plane((1,))[0, 0] == 0  # what the format says it is, and the warning says why
    shutil.rmtree(image / "0/c")
    with pytest.raises(StackError, match="none of the 12 chunks"):
        open_stack(image)


def test_missing_chunks_of_an_image_too_large_to_count_are_said_when_read(image, monkeypatch):
    (image / "0/c/1/0/0").unlink()
    monkeypatch.setattr("emdiff_app.images.ome_zarr.opening.count_chunks", lambda *_: None)
    with open_stack(image) as stack:
        stack.plane((0,))
        stack.region((1,), slice(16, 32), slice(0, 32))
        with pytest.warns(UserWarning, match="lacks 1 of its chunks"):
            stack.plane((1,))
        stack.plane((1,))  # once is enough


def test_a_chunk_cut_short_is_an_error_that_names_the_plane(image):
    chunk = image / "0/c/1/0/0"
    chunk.write_bytes(chunk.read_bytes()[:20])
    with open_stack(image) as stack:
        stack.plane((0,))
        with pytest.raises(StackError, match="Z=1"):
            stack.plane((1,))


@pytest.mark.parametrize(
    ("file", "change", "words"),
    [
        ("0/zarr.json", lambda c: c.update(shape=[3, -32, 32]), "makes no sense"),
        ("0/zarr.json", lambda c: c.update(shape=[2**50, 32, 32]), "makes no sense"),
        ("0/zarr.json", lambda c: c.update(shape="large"), "makes no sense"),
        (
            "0/zarr.json",
            lambda c: c["chunk_grid"]["configuration"].update(chunk_shape=[1, 2**20, 2**20]),
            "memory",
        ),
        (
            "0/zarr.json",
            lambda c: c["chunk_grid"]["configuration"].update(chunk_shape=[0, 16, 16]),
            "no sense",
        ),
        ("0/zarr.json", lambda c: c.update(data_type="object"), "not real numbers"),
        ("0/zarr.json", lambda c: c.update(data_type="string"), "not real numbers"),
        ("0/zarr.json", lambda c: c["codecs"].append({"name": "numcodecs.pickle"}), "safe codecs"),
        ("0/zarr.json", lambda c: c.update(codecs=["pickle"]), "safe codecs"),
        ("0/zarr.json", lambda c: c.update(node_type="program"), "damaged"),
        ("zarr.json", lambda c: multiscale_of(c)["datasets"][0].update(path="../other.zarr/0"), "outside"),
        ("zarr.json", lambda c: multiscale_of(c)["datasets"][0].update(path="/etc"), "outside"),
        ("zarr.json", lambda c: multiscale_of(c)["datasets"][0].update(path="9"), "missing"),
        ("zarr.json", lambda c: multiscale_of(c).update(axes=[{"name": "y"}, {"name": "x"}]), "2 axes"),
        ("zarr.json", lambda c: multiscale_of(c).update(datasets=7), "no image"),
    ],
)
def test_metadata_that_make_no_sense_or_mean_harm_are_refused(image, file, change, words):
    changed(image, file, change)
    with pytest.raises(StackError, match=words):
        open_stack(image)


@pytest.mark.parametrize("codec", [{"id": "pickle"}, {"id": "vlen-utf8"}, {"id": "json2"}])
def test_codecs_that_run_code_are_refused_in_zarr_2_too(tmp_path, codec):
    zarr.create_array(tmp_path / "a.zarr", shape=(8, 8), dtype="uint8", zarr_format=2)[:] = 1
    changed(tmp_path / "a.zarr", ".zarray", lambda c: c.update(filters=[codec]))
    with pytest.raises(StackError, match="safe codecs"):
        open_stack(tmp_path / "a.zarr")


def test_a_link_out_of_the_folder_is_not_followed(image, tmp_path):
    shutil.move(image / "0", tmp_path / "secret")
    (image / "0").symlink_to(tmp_path / "secret")
    with pytest.raises(StackError, match="outside"):
        open_stack(image)


@pytest.fixture(scope="module")
def healthy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuzz") / "a.zarr"
    save_stack(stack_from_array(np.ones((3, 8, 8), np.uint8), "ZYX"), folder, zarr_version="0.4")
    files = (".zattrs", ".zgroup", "0/.zarray", "0/.zattrs")
    return folder, {name: (folder / name).read_bytes() for name in files}


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_damaged_metadata_never_crash(healthy, data):
    folder, contents = healthy
    file = data.draw(st.sampled_from(list(contents)))
    content = bytearray(contents[file])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        if not content:
            break
    (folder / file).write_bytes(content)
    try:
        with warnings.catch_warnings(), contextlib.suppress(StackError):
            warnings.simplefilter("ignore")
            with open_zarr(folder) as stack:
                if stack.nbytes < 1e6:
                    stack.numpy()
    finally:
        (folder / file).write_bytes(contents[file])


def test_pixel_size_and_place_follow_the_transformations(image):
    def change(content):
        multiscale = multiscale_of(content)
        multiscale["axes"][0]["unit"] = "nanometer"
        multiscale["datasets"][0]["coordinateTransformations"] = [
            {"type": "scale", "scale": [500, 0.1, 0.1]},
            {"type": "translation", "translation": [1000, 0, 5]},
        ]
        multiscale["coordinateTransformations"] = [{"type": "scale", "scale": [1, 2, 2]}]

    with open_stack(changed(image, "zarr.json", change)) as stack:
        assert stack.pixel_size == {"Z": PixelSize(0.5), "Y": PixelSize(0.2), "X": PixelSize(0.2)}
        place = stack.extras["translation"]
        assert {a: pytest.approx(p.value) for a, p in place.items()} == {"Z": 1.0, "X": 10.0}
        # Another OME-Zarr keeps the place; a TIFF has none, which is said.
        assert save_stack(stack, image.with_name("copy.zarr")).left_out == ()
        assert save_stack(stack, image.with_name("copy.tif")).left_out == ("place of the first pixel",)
    with open_stack(image.with_name("copy.zarr")) as copy:
        assert copy.extras["translation"] == place


def test_a_step_without_a_unit_is_left_out_and_said(image):
    changed(image, "zarr.json", lambda c: [a.pop("unit") for a in multiscale_of(c)["axes"]])
    with open_stack(image) as stack:
        assert stack.pixel_size == {}
        assert any("0.1 along Y" in w and "--pixel-size" in w for w in stack.warnings)
    with open_stack(image, pixel_size=0.1) as stack:
        assert stack.pixel_size["X"] == PixelSize(0.1)


@pytest.mark.parametrize("order", ["zcyx", "yxc", "xyz", "czxy"])
def test_axes_in_any_order_come_in_that_of_a_stack(tmp_path, order):
    pixels = np.random.default_rng(0).integers(0, 99, [{"z": 5, "c": 2, "y": 6, "x": 7}[a] for a in order])
    group = zarr.create_group(tmp_path / "a.zarr")
    group.create_array("0", data=pixels.astype(np.uint8), chunks=tuple(min(3, n) for n in pixels.shape))
    datasets = [{"path": "0"}]
    group.attrs["ome"] = {
        "version": "0.5",
        "multiscales": [{"axes": [{"name": a} for a in order], "datasets": datasets}],
    }
    with open_stack(tmp_path / "a.zarr") as stack:
        assert stack.axes == "".join(a for a in "CZYX" if a.lower() in order)
        np.testing.assert_array_equal(
            stack.numpy(), pixels.transpose([order.index(a.lower()) for a in stack.axes])
        )
        outer = tuple(n - 1 for n in stack.shape[:-2])
        part = stack.region(outer, slice(1, 4), slice(2, 7))
        np.testing.assert_array_equal(part, stack.numpy()[(*outer, slice(1, 4), slice(2, 7))])


def test_dimension_names_of_a_plain_array_are_believed(tmp_path):
    names = ["time", "y", "x"]
    zarr.create_array(tmp_path / "a.zarr", shape=(9, 8, 8), dtype="uint8", dimension_names=names)[:] = 1
    with open_stack(tmp_path / "a.zarr") as stack:
        assert (stack.axes, stack.warnings) == ("TYX", ())
    zarr.create_array(tmp_path / "b.zarr", shape=(9, 8, 8), dtype="uint8")[:] = 1
    with open_stack(tmp_path / "b.zarr") as stack:
        assert (stack.axes, len(stack.warnings)) == ("ZYX", 1)
    with open_stack(tmp_path / "b.zarr", axes="TYX") as stack:
        assert (stack.axes, stack.warnings) == ("TYX", ())


def test_the_fields_of_a_well_and_the_series_of_bioformats(tmp_path, image):
    shutil.copytree(image, tmp_path / "plate.zarr/A/1/0")
    (tmp_path / "plate.zarr/zarr.json").write_text(
        json.dumps({"zarr_format": 3, "node_type": "group", "attributes": {"bioformats2raw.layout": 3}})
    )
    shutil.copytree(image, tmp_path / "plate.zarr/0")
    (tmp_path / "plate.zarr/OME").mkdir()
    shutil.rmtree(tmp_path / "plate.zarr/A")
    with open_stack(tmp_path / "plate.zarr") as stack:
        assert stack.axes == "ZYX"
    shutil.copytree(image, tmp_path / "plate.zarr/1")
    with pytest.raises(StackError, match=r"2 images \(0, 1\)"):
        open_stack(tmp_path / "plate.zarr")


def test_a_zipped_zarr_also_when_wrapped_in_a_folder(image, tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zarr.zip", "w") as archive:
        for file in image.rglob("*"):
            archive.write(file, file.relative_to(image.parent))
    with open_stack(tmp_path / "a.zarr.zip") as zipped, open_stack(image) as plain:
        np.testing.assert_array_equal(zipped.numpy(), plain.numpy())
        assert zipped.pixel_size == plain.pixel_size
    (tmp_path / "bad.zarr.zip").write_bytes((tmp_path / "a.zarr.zip").read_bytes()[:2000])
    with pytest.raises(StackError, match="cut short"):
        open_stack(tmp_path / "bad.zarr.zip")

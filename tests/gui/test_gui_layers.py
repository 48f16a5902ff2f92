"""Stacks as layers and back: nothing a microscopist needs gets lost on the way."""

import threading
import time

import numpy as np
import pytest
from napari.components import ViewerModel

from emdiff_app.gui.finer_pixels import first_recorded
from emdiff_app.gui.host import Result
from emdiff_app.gui.layers_host import LayersHost
from emdiff_app.gui.session import Session
from emdiff_app.images import PixelSize, Stack, save_stack, stack_from_array
from emdiff_app.physics import ImagingModel

UM = {"Z": PixelSize(0.3), "Y": PixelSize(0.1), "X": PixelSize(0.1)}


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.fixture
def host(viewer):
    return LayersHost(viewer)


def stack(axes="ZYX", shape=(4, 20, 24), **words):
    pixels = np.random.default_rng(0).integers(0, 999, shape).astype(np.uint16)
    return stack_from_array(pixels, axes, pixel_size=UM, **words)


@pytest.mark.parametrize(
    ("axes", "shape"), [("YX", (9, 8)), ("ZYX", (4, 9, 8)), ("TZYX", (2, 3, 9, 8)), ("YXS", (9, 8, 3))]
)
def test_a_stack_comes_back_from_its_layer_as_it_was(viewer, host, axes, shape):
    shown = stack(axes, shape, name="cells")
    host.show_stack(shown)
    layer = viewer.layers[0]
    for layer_to_ask in (layer, _as_if_from_elsewhere(layer)):
        viewer.layers[:] = [layer_to_ask]
        (ref,) = host.list_images()
        assert (ref.name, ref.stack.axes, ref.stack.shape) == ("cells", axes, shape)
        known = {axis: size for axis, size in UM.items() if axis in axes}
        assert {a: s for a, s in ref.stack.pixel_size.items() if a in known} == known
        assert (ref.stack.numpy() == shown.numpy()).all()


def _as_if_from_elsewhere(layer):
    data, keywords, _ = layer.as_layer_data_tuple()
    return type(layer)(np.array(data), **{**keywords, "metadata": {}})


def test_channels_become_layers_of_their_own(viewer, host):
    host.show_stack(stack("CYX", (2, 9, 8), channels=("DAPI", "GFP"), name="cells"))
    assert [layer.name for layer in viewer.layers] == ["cells DAPI", "cells GFP"]
    assert [ref.channel for ref in host.list_images()] == [0, 1]


def test_a_layer_without_labels_says_that_its_axes_are_assumed(viewer, host):
    viewer.add_image(np.zeros((3, 9, 8)))
    (ref,) = host.list_images()
    assert not ref.axes_known
    assert "assumed" in ref.describe()
    assert "no pixel size" in ref.describe()


@pytest.mark.parametrize("factor", [1, 2, 3])
def test_a_result_covers_exactly_what_its_input_covers(viewer, host, factor):
    host.show_stack(stack())
    layer = viewer.layers[0]
    layer.translate = (1.0, 20.0, -3.0)
    layer.colormap, layer.contrast_limits = "green", (5, 500)
    finer = stack_from_array(np.zeros((4, 20 * factor, 24 * factor), np.float32), "ZYX", pixel_size=UM)
    (ref,) = host.list_images()
    host.add_result(Result(finer, ref.key, "restored"))
    result = viewer.layers[-1]
    edges = [
        (np.asarray(a.translate) - np.asarray(a.scale) / 2, np.asarray(a.scale) * a.data.shape)
        for a in (layer, result)
    ]
    np.testing.assert_allclose(edges[1], edges[0])
    assert (result.colormap.name, result.contrast_limits) == ("green", [5, 500])
    assert (result.units, result.axis_labels) == (layer.units, layer.axis_labels)
    assert [r.is_result for r in host.list_images()] == [False, True]


@pytest.mark.parametrize(
    "operator",
    [
        [{"kind": "downsample", "factor": 2, "method": "point"}],
        [{"kind": "downsample", "factor": 3, "method": "point"}],
        [{"kind": "downsample", "factor": 4}],
        [
            {"kind": "downsample", "factor": [2, 4], "method": "point"},
            {"kind": "downsample", "factor": [3, 1]},
        ],
    ],
)
def test_a_point_of_light_lies_at_the_same_place_in_the_finer_result(viewer, host, operator):
    """Where the operator records a bright pixel of the fine grid, there its layer has to show it."""
    import torch

    model = ImagingModel.parse({"operator": operator, "noise": {"kind": "gaussian", "sigma": 1}})
    host.show_stack(stack("YX", (20, 24)))
    viewer.layers[0].translate = (5.0, -3.0)
    imaging = model.bind((20, 24))
    finer = np.zeros(imaging.domain, np.float32)
    (ref,) = host.list_images()
    host.add_result(
        Result(stack_from_array(finer, "YX", pixel_size=UM), ref.key, "restored", first_recorded(model))
    )
    recorded, restored = viewer.layers
    for axis in (0, 1):
        ramp = restored.translate[axis] + restored.scale[axis] * np.arange(finer.shape[axis])
        field = np.broadcast_to(ramp[:, None] if axis == 0 else ramp, finer.shape)
        seen = imaging.apply(torch.from_numpy(np.ascontiguousarray(field, np.float64))[None, None])[
            0, 0
        ].numpy()
        middle = seen[10, :] if axis else seen[:, 12]
        where = recorded.translate[axis] + recorded.scale[axis] * np.arange(len(middle))
        np.testing.assert_allclose(middle[3:-3], where[3:-3], atol=1e-6)


def test_a_file_is_read_beside_the_window_not_on_its_thread(viewer, host, tmp_path, monkeypatch, qapp):
    path, readers, read = tmp_path / "cells.ome.tif", set(), Stack.plane
    save_stack(stack("CZYX", (2, 4, 20, 24), channels=("DAPI", "GFP")), path)

    def plane(self, index=()):
        readers.add(threading.current_thread())
        return read(self, index)

    monkeypatch.setattr(Stack, "plane", plane)
    session = Session(host, runs_folder=tmp_path / "runs")
    session.open_images([path])
    end = time.monotonic() + 60
    while len(session.thumbnails) < 2:
        assert time.monotonic() < end
        time.sleep(0.01)
        session.poll()
    session.close()
    assert [layer.data.shape for layer in viewer.layers] == [(4, 20, 24)] * 2
    assert readers
    assert threading.main_thread() not in readers


def test_a_finished_result_is_in_memory_once(viewer, host):
    host.show_stack(stack())
    pixels = np.zeros((4, 20, 24), np.float32)
    (ref,) = host.list_images()
    key = host.add_result(Result(stack_from_array(pixels, "ZYX", pixel_size=UM), ref.key, "restored"))
    pixels[:] = 7
    host.renew_result(key, whole=True)
    assert viewer.layers[-1].data is pixels
    assert np.shares_memory(host.list_images()[-1].stack.plane((0,)), pixels)


def test_results_are_forgotten_with_their_image(viewer, host, tmp_path):
    """A later layer may get the same key."""
    session = Session(host, runs_folder=tmp_path / "runs")
    host.show_stack(stack(name="a"))
    host.show_stack(stack(name="b"))
    keep, gone = (ref.key for ref in session.images[::-1])
    session.restored = {keep: stack(), gone: stack()}
    viewer.layers.remove("a")
    assert set(session.restored) == {keep}
    session.close()


def test_the_list_follows_the_viewer(viewer, host):
    told = []
    host.images_changed.connect(lambda: told.append([ref.name for ref in host.list_images()]))
    host.show_stack(stack(name="a"))
    viewer.layers[0].name = "b"
    viewer.add_points([[0, 0]])
    viewer.layers.pop(0)
    assert ["a"] in told
    assert ["b"] in told
    assert told[-1] == []
    host.disconnect()
    count = len(told)
    host.show_stack(stack(name="c"))
    assert len(told) == count


def test_changed_pixels_are_not_taken_for_those_of_the_file(viewer, host, tmp_path):
    shown = stack()
    host.show_stack(shown.with_(source=tmp_path / "cells.tif"))
    assert host.list_images()[0].file == tmp_path / "cells.tif"
    viewer.layers[0].data = shown.numpy() * 2
    assert host.list_images()[0].file is None


def test_a_result_is_not_taken_for_the_file_that_it_was_made_from(viewer, host, tmp_path):
    recorded = stack().with_(source=tmp_path / "cells.tif")
    host.show_stack(recorded)
    (ref,) = host.list_images()
    host.add_result(Result(recorded, ref.key, "restored"))
    assert [(image.is_result, image.file is None) for image in host.list_images()] == [
        (False, False),
        (True, True),
    ]


def test_a_pixel_size_corrected_in_the_viewer_is_the_one_that_counts(viewer, host, tmp_path):
    host.show_stack(stack().with_(source=tmp_path / "cells.tif"))
    viewer.layers[0].scale = (0.3, 0.2, 0.2)
    (ref,) = host.list_images()
    assert ref.stack.pixel_size["X"] == PixelSize(0.2)
    assert ref.file is None

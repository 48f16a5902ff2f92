"""The bounds of `emdiff bench io`, on files of the full size where that costs nothing."""

import pytest

from emdiff_app.benchmarks import io
from emdiff_app.images import open_stack

PLANES = 2400  # 20 GB


@pytest.fixture(scope="module", params=["BigTIFF", "OME-Zarr"])
def huge(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("huge")
    path = folder / ("huge.ome.tif" if request.param == "BigTIFF" else "huge.zarr")
    make = io.make_sparse_tiff if request.param == "BigTIFF" else io.make_sparse_zarr
    yield path, make(path, PLANES)
    if path.is_file():
        path.unlink()


def test_twenty_gigabytes_open_at_once_and_in_little_memory(huge):
    path, _ = huge
    # The machine may be busy with other tests, so the best of a few counts.
    runs = [io.probe("open_ours", str(path)) for _ in range(3)]
    assert min(run["seconds"] for run in runs) < io.OPEN_SECONDS
    assert max(run["resident"] for run in runs) < io.OPEN_BYTES


def test_a_plane_of_it_comes_quickly(huge):
    path, real = huge
    result = io.probe("read", str(path), real[:8], 3)
    assert result["ours"] < io.READ_SECONDS
    # The benchmark holds the ratio to 1.1 on a quiet machine; a busy one needs some room.
    assert result["ours"] < 2 * result["plain"] + 1e-3


def test_it_is_said_that_most_chunks_are_missing(huge):
    path, _ = huge
    with open_stack(path) as stack:
        assert stack.sizes["Z"] == PLANES
        said = any("chunks do not exist" in warning for warning in stack.warnings)
        assert said == (path.suffix == ".zarr")


@pytest.mark.parametrize("ending", [".ome.tif", ".zarr"])
def test_memory_stays_flat_while_converting(tmp_path, ending):
    peaks = []
    for planes in (8, 48):  # 67 and 403 MB
        io.make_sparse_tiff(tmp_path / "source.ome.tif", planes)
        target = tmp_path / f"{planes}{ending}"
        peaks.append(io.probe("convert_ours", str(tmp_path / "source.ome.tif"), str(target))["peak"])
    assert peaks[1] < io.CONVERT_BYTES
    assert peaks[1] - peaks[0] < 100e6
    for path in tmp_path.glob("*.tif"):
        path.unlink()

"""OME-Zarr and plain Zarr: `find` the image, read its `nodes`, count its `chunks`, give out its `pixels`."""

from .opening import open_zarr

__all__ = ["open_zarr"]

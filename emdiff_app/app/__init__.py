"""The standalone window: an embedded napari canvas with the same panels as the plugin."""

from .start import run_app

__all__ = ["run_app"]

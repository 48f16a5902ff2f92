"""Point-spread functions from words, from optics, or from the image of a bead: float64, of sum one."""

from .checks import check_psf
from .making import motion_psf, psf_array
from .measure import fwhm
from .specs import BoxPsf, DiscPsf, GaussianPsf, ImagePsf, MicroscopePsf, PsfSpec
from .units import pixel_sizes_um

__all__ = [
    "BoxPsf",
    "DiscPsf",
    "GaussianPsf",
    "ImagePsf",
    "MicroscopePsf",
    "PsfSpec",
    "check_psf",
    "fwhm",
    "motion_psf",
    "pixel_sizes_um",
    "psf_array",
]

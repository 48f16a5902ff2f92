"""`emdiff psf`: the PSF of a microscope as an image file."""

from pathlib import Path
from typing import Annotated, Any

import typer

from emdiff_app.errors import EMDiffError, PhysicsError

from . import _output

LARGE = 3.0
"""Pixels so many times as wide as the PSF are probably a mistake."""


def command(
    na: Annotated[float, typer.Option(help="Numerical aperture of the objective.")],
    wavelength: Annotated[float, typer.Option(help="Emission wavelength in nm.")],
    pixel_size: Annotated[float, typer.Option(help="Pixel size of the images in um, along Y and X.")],
    out: Annotated[Path, typer.Option(help="The file to write, such as psf.tif.")],
    index: Annotated[
        float, typer.Option(help="Refractive index of the immersion: air 1, water 1.33, oil 1.518.")
    ] = 1.0,
    z_step: Annotated[float | None, typer.Option(help="Distance of planes in um; makes it a volume.")] = None,
    defocus: Annotated[float, typer.Option(help="Distance from focus in um.")] = 0.0,
    confocal: Annotated[bool, typer.Option("--confocal", help="A confocal microscope.")] = False,
    pinhole: Annotated[float, typer.Option(help="Diameter of its pinhole in Airy units.")] = 1.0,
    excitation: Annotated[float | None, typer.Option(help="Its laser's wavelength in nm.")] = None,
    shape: Annotated[
        str | None, typer.Option(help="Odd numbers of pixels, such as 31,31 or 15,31,31.")
    ] = None,
    bead: Annotated[
        str | None,
        typer.Option(
            help="A picture of a bead, whose aperture is measured and used instead; its pixels are as its file says."
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing file.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Compute a microscope's PSF from its aperture, wavelength and pixel size, and print its width."""
    from emdiff_app.images import PixelSize, save_stack, stack_from_array
    from emdiff_app.physics.psf import MicroscopePsf, check_psf, fwhm, psf_array

    spec = _spec(
        na=na,
        wavelength_nm=wavelength,
        index=index,
        defocus_um=defocus,
        modality="confocal" if confocal else "widefield",
        pinhole=pinhole,
        excitation_nm=excitation,
        shape=_shape(shape),
    )
    assert isinstance(spec, MicroscopePsf)
    axes = "YX" if z_step is None else "ZYX"
    given = {"Z": z_step, "Y": pixel_size, "X": pixel_size}
    for axis in axes:
        if not 0 < (given[axis] or 0) < 1000:
            raise PhysicsError(
                f"A pixel size of {given[axis]} um along {axis} makes no sense; give um above zero."
            )
    sizes = {a: PixelSize(float(given[a] or 0)) for a in axes}
    found: dict[str, Any] = {}
    warnings = _too_large(spec, pixel_size)
    if bead is not None:
        spec, found = _measured(bead, spec, [sizes[a].value for a in axes])
    array = psf_array(spec, pixel_size=sizes, ndim=len(axes))
    check_psf(array)
    stack = stack_from_array(array.astype("float32"), axes, pixel_size=sizes, name=out.stem)
    words = {"psf": spec.model_dump(mode="json", exclude_none=True)}
    saved = save_stack(stack, out, overwrite=overwrite, provenance=words)
    widths = {a: fwhm(array, i) * sizes[a].value for i, a in enumerate(axes)}
    result = {"path": saved.path, "shape": array.shape, "axes": axes, "fwhm_um": widths, **found, **words}
    for warning in warnings:
        _output.say(f"warning: {warning}")
    if as_json:
        _output.emit({**result, "warnings": warnings})
        return
    typer.echo(f"{saved.path}: {' x '.join(map(str, array.shape))} pixels ({axes})")
    typer.echo(
        f"FWHM  lateral {widths['X'] * 1000:.0f} nm"
        + (f", axial {widths['Z'] * 1000:.0f} nm" if z_step else "")
    )
    if found:
        typer.echo(
            f"bead  {found['bead_um'] * 1000:.0f} nm; effective NA {found['effective_na']:.3f} (nominal {na:g})"
        )


def _too_large(spec: Any, pixel_um: float) -> list[str]:
    """A sentence where all of the PSF lies within one pixel: probably the unit was another."""
    width = 0.51 * spec.wavelength_nm / 1000 / spec.na
    if pixel_um < LARGE * width:
        return []
    sentence = (
        f"The pixels ({pixel_um:g} um) are {pixel_um / width:.0f} times as wide as the PSF ({width:.2g} um), which "
        "blurs nothing then; --pixel-size is in um, at the sample."
    )
    return [sentence]


def _spec(**words: Any) -> Any:
    from pydantic import ValidationError

    from emdiff_app.physics.model import wrong_fields
    from emdiff_app.physics.psf import MicroscopePsf

    try:
        return MicroscopePsf(**words)
    except ValidationError as error:
        raise PhysicsError(
            f"{wrong_fields(error, 'psf')}. Nothing was written; correct it and try again."
        ) from None


def _shape(words: str | None) -> tuple[int, ...] | None:
    if words is None:
        return None
    try:
        return tuple(int(n) for n in words.replace("x", ",").split(","))
    except ValueError:
        raise EMDiffError(
            f"--shape {words!r} is not a list of numbers such as 31,31; nothing was written."
        ) from None


def _measured(bead: str, spec: Any, pixel_um: list[float]) -> tuple[Any, dict[str, Any]]:
    """The spec with the aperture that the picture of a bead shows, on the pixels that its file states, if it does."""
    from emdiff_app.images import open_stack
    from emdiff_app.physics.psf import pixel_sizes_um
    from emdiff_app.physics.psf.fitting import fit_bead

    if spec.modality != "widefield":
        raise PhysicsError(
            "The aperture can be measured from a widefield bead only; leave --confocal or --bead out."
        )
    with open_stack(bead) as stack:
        image = stack.numpy().squeeze()
        stated = stack.pixel_size
    if image.ndim != len(pixel_um):
        raise PhysicsError(
            f"{bead} has {image.ndim} axes of more than one pixel where {len(pixel_um)} are needed; "
            "nothing was written. Give --z-step for a volume, and leave it out for a plane."
        )
    if set(stated) >= set("ZYX"[-image.ndim :]):
        pixel_um = list(pixel_sizes_um(stated, image.ndim, "--bead"))
    fit = fit_bead(image, spec, pixel_um)
    used = spec.model_copy(update={"na": fit.psf.na})
    return used, {"bead_um": fit.bead_um, "effective_na": fit.psf.na}

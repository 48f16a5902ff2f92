"""Where a restored image with smaller pixels lies over the recorded one, exactly."""

from collections.abc import Mapping

from emdiff_app.physics import DownsampleSpec, ImagingModel

__all__ = ["first_recorded"]


def first_recorded(model: ImagingModel) -> Mapping[str, float]:
    """Where the centre of the first recorded pixel lies along each axis, counted in pixels of the restored image.

    `c = sum_k m_k prod_(j<k) f_j` over the downsamplings in their order, with the factor f and the middle m of a
    block: `(f - 1) / 2` where blocks were averaged, and the pixel `f // 2` where one of them was kept.
    """
    first, finer = dict.fromkeys("ZYX", 0.0), dict.fromkeys("ZYX", 1)
    for spec in model.operator:
        if isinstance(spec, DownsampleSpec):
            factors = (spec.factor, spec.factor) if isinstance(spec.factor, int) else spec.factor
            for axis, factor in zip("ZYX"[-len(factors) :], factors, strict=True):
                middle = factor // 2 if spec.method == "point" else (factor - 1) / 2
                first[axis] += middle * finer[axis]
                finer[axis] *= factor
    return first

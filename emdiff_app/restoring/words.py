"""The results that a restoration can give, by their words; no torch here."""

from collections.abc import Iterable, Sequence

from emdiff_app.errors import EMDiffError

__all__ = [
    "ENOUGH",
    "INTENSITIES",
    "NEED_SPREAD",
    "OTHER_METHODS",
    "SUFFIXES",
    "WORDS",
    "checked_words",
    "drawn",
    "result_names",
]

SUFFIXES = {
    "mean": "restored",
    "spread": "uncertainty",
    "sample": "sample",
    "samples": "sample",
    "prior-alone": "prior-alone",
}
"""What a result is called in the names of files and layers."""
OTHER_METHODS = (
    "biharmonic",
    "bm3d",
    "gaussian-blur",
    "noise2self",
    "non-local-means",
    "richardson-lucy",
    "richardson-lucy-tv",
    "tv",
    "wavelet",
    "wiener",
)
"""What results of methods without a prior are called by."""
WORDS = tuple(SUFFIXES)
NEED_SPREAD = {"spread", "prior-alone"}
INTENSITIES = ("prior", "image")
"""By what grey levels are understood: see `intensities.py`."""
ENOUGH, FOR_THE_MEAN = 8, 4
"""So many samples are drawn where none were asked for but are needed: four pairs for a spread; the mean of two pairs is
as good as that of many."""


def checked_words(asked: Iterable[str]) -> tuple[str, ...]:
    """The words of results that were asked for, each once, in the order of `WORDS`."""
    asked = [word.strip() for word in asked if word.strip()]
    unknown = [word for word in asked if word not in WORDS]
    if unknown or not asked:
        raise EMDiffError(
            f"There is no result {', '.join(unknown) or 'without a name'}; choose from {', '.join(WORDS)}. Nothing was "
            "restored."
        )
    return tuple(word for word in WORDS if word in asked)


def drawn(samples: int | None, words: Sequence[str], one_look: bool) -> int:
    """How many samples have to be drawn for `words`; 0 where one look of the denoiser gives all of them.

    `samples` None wants the clean estimate in the quickest right way.
    """
    wanted = set(words)
    if samples is None and one_look and not {"sample", "samples"} & wanted:
        return 0
    if samples == 1:
        return ENOUGH if NEED_SPREAD & wanted else 1
    if samples is not None:
        return samples
    if wanted <= {"sample"}:
        return 1
    return ENOUGH if (NEED_SPREAD | {"samples"}) & wanted else FOR_THE_MEAN


def result_names(words: Sequence[str], samples: int) -> tuple[str, ...]:
    """The results one by one: `samples` are as many as were asked for."""
    names = [word for word in words if word != "samples"]
    if "samples" in words:
        names += [f"sample-{number:0{len(str(samples))}d}" for number in range(1, samples + 1)]
    return tuple(names)

"""The planted faults of `emdiff bench trust`: each changes what was recorded, or what is said of it."""

import pytest
import torch

from emdiff_app.benchmarks._sampling.trust_cases import (
    FAULTS,
    MARGIN,
    SIDE,
    planted_cases,
    sound_cases,
)
from emdiff_app.benchmarks.trust import run
from emdiff_app.diffusion import LearnedPrior
from emdiff_app.errors import EMDiffError

CROPS = 3


@pytest.fixture(scope="module")
def world():
    torch.manual_seed(0)
    whole = SIDE + 2 * MARGIN

    def blobs(count):
        rough = torch.rand(count, 1, whole, whole)
        return torch.nn.functional.avg_pool2d(rough, 7, 1, 3, count_include_pad=False)

    priors = {kind: LearnedPrior("tiny", 1, 0.2, 0.3) for kind in ("mito", "nuclei")}
    return priors, {"mito": blobs(CROPS), "nuclei": blobs(CROPS), "stack": blobs(SIDE)}


def test_twelve_faults_and_twelve_sound_cases_of_whole_images(world):
    sound, planted = sound_cases(*world, 0), planted_cases(*world, 0)
    assert (len(sound), len(planted)) == (12, 12)
    assert {case.fault for case in sound} == {""}
    assert [case.fault for case in planted] == list(FAULTS)
    assert len({case.name for case in sound}) == 12
    for case in [*sound, *planted]:
        assert case.recorded.shape == (CROPS, 1, SIDE, SIDE)
        assert torch.isfinite(case.recorded).all()
        assert case.said.field == (SIDE, SIDE)


def test_the_same_seed_records_the_same_and_another_does_not(world):
    one, same, other = (sound_cases(*world, seed)[0].recorded for seed in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


@pytest.mark.parametrize("words", [["seed=x"], ["a", "b"], ["/nowhere"]])
def test_wrong_words_are_refused_before_anything_is_measured(words):
    from pathlib import Path

    from emdiff_app.benchmarks import Report

    with pytest.raises(EMDiffError, match="nothing was measured"):
        run(Report("trust", Path(), words))

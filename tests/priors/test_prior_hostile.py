"""Broken and hostile priors: each is refused in a second, in one sentence, and without using memory."""

import os
import subprocess
import sys
import time

import pytest
from hostile_priors import GIGA, HOSTILE, sparse_weights
from prior_tools import make_file, taken_apart

from emdiff_app.errors import PriorError
from emdiff_app.priors import read_card, read_prior, verify_prior


@pytest.fixture(scope="module")
def members(tmp_path_factory):
    return taken_apart(make_file(tmp_path_factory.mktemp("good") / "good.emprior"))


def refused(read, path):
    """The sentence, in a second."""
    start = time.perf_counter()
    with pytest.raises(PriorError) as caught:
        read(path)
    assert time.perf_counter() - start < 1
    sentence = str(caught.value)
    assert sentence.isprintable()
    assert len(sentence) < 500 + len(str(path))
    assert sentence.startswith(str(path))
    assert sentence.endswith(".")
    return sentence


@pytest.mark.parametrize("what", HOSTILE)
def test_it_is_refused_in_a_sentence(what, members, tmp_path):
    make, words = HOSTILE[what]
    path = tmp_path / "theirs.emprior"
    path.write_bytes(make(members))
    with pytest.raises(PriorError, match=words):
        raise PriorError(refused(read_prior, path))
    refused(verify_prior, path)


WATCHED = """
import resource, sys
from pathlib import Path
from emdiff_app.errors import PriorError
from emdiff_app.priors import read_card, read_prior, verify_prior
verify_prior(Path(sys.argv[1]))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in sys.argv[2:]:
    try:
        read_prior(Path(path))
    except PriorError:
        now = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        if now - before > 64 << 10:
            sys.exit(f"{path} took {(now - before) >> 10} MB")
    else:
        sys.exit(f"{path} was read")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="memory is counted in other units there")
def test_no_refusal_takes_memory(members, tmp_path):
    """All of them in one process may raise its largest size by 64 MB, and one file has three gigabytes."""
    good = make_file(tmp_path / "good.emprior")
    paths = []
    for number, (make, _) in enumerate(HOSTILE.values()):
        paths.append(tmp_path / f"{number}.emprior")
        paths[-1].write_bytes(make(members))
    paths += [sparse_weights(tmp_path / "sparse.emprior", members), tmp_path / "empty-3-gb.emprior"]
    with paths[-1].open("wb") as file:
        file.truncate(3 * GIGA)
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, good, *paths], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_what_is_not_even_a_file_is_refused_at_once(tmp_path):
    (tmp_path / "folder.emprior").mkdir()
    (tmp_path / "circle.emprior").symlink_to(tmp_path / "circle.emprior")
    (tmp_path / "nowhere.emprior").symlink_to(tmp_path / "gone")
    for name in ("folder", "circle", "nowhere", "none"):
        refused(read_prior, tmp_path / f"{name}.emprior")


@pytest.mark.skipif(os.name != "posix", reason="pipes and devices have names on posix only")
def test_pipes_and_devices_are_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.emprior")
    (tmp_path / "zero.emprior").symlink_to("/dev/zero")
    for name in ("pipe", "zero"):
        for read in (read_card, read_prior):
            assert "device or a pipe" in refused(read, tmp_path / f"{name}.emprior")

"""Every strange TIFF of the shared data opens correctly or is refused in one sentence.

Each file is opened in a process of its own with a time limit; the outcome table is the golden file
`golden/odd_tiff.csv`. After a change that is meant, write it anew with

    python tests/images/test_odd_tiff.py

and read the difference before it is committed; the table in docs/odd-files.md is written along with it.
"""

import contextlib
import csv
import hashlib
import io
import json
import multiprocessing
import pkgutil
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import emdiff_app.cli

GOLDEN = Path(__file__).parent / "golden" / "odd_tiff.csv"
PAGE = Path(__file__).parents[2] / "docs" / "odd-files.md"
BEGIN, END = "<!-- odd files: begin -->", "<!-- odd files: end -->"
FIELDS = ["file", "outcome", "axes", "shape", "dtype", "format", "compression", "checked", "pixels", "said"]
LIMIT = 20
# What multiprocessing says of a process when another thread, starting its own, has read its exit code first. Such a
# process has ended well if it delivered its row, which it does last; a crash is negative and delivers none.
LOST = 255
AT_ONCE = 2


def look(path: str, results) -> None:
    """Open one file and read all of it, as a user would through the command and as a program would."""
    from emdiff_app.cli import main
    from emdiff_app.errors import StackError
    from emdiff_app.images import open_stack

    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(["inspect", path, "--json"])
    try:
        with open_stack(path) as stack:
            pixels = stack.numpy()
            row = {
                "outcome": "opened",
                "axes": stack.axes,
                "shape": "x".join(map(str, stack.shape)),
                "dtype": stack.dtype.name,
                "format": stack.format,
                "compression": stack.compression or "",
                "checked": agrees(path, stack, pixels),
                "pixels": hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()[:12],
                "said": " ".join(stack.warnings),
            }
    except StackError as error:
        row = dict.fromkeys(FIELDS, "") | {"outcome": "refused", "said": str(error)}
    results.put((row, code, out.getvalue(), err.getvalue()))


def agrees(path: str, stack, pixels) -> str:
    """Which other reader gives the same pixels, and after what is done to them."""
    for reader, reference in references(path, stack):
        for what, theirs in conversions(reference):
            theirs = np.squeeze(theirs)
            ours = np.squeeze(pixels)
            for order, turned in arrangements(theirs, ours):
                if turned.shape == ours.shape and np.array_equal(
                    turned, ours, equal_nan=ours.dtype.kind == "f"
                ):
                    return " ".join(filter(None, [reader, what, order]))
    return "nobody"


def references(path: str, stack):
    import logging

    import tifffile
    from PIL import Image

    logging.getLogger("tifffile").setLevel(logging.CRITICAL)
    if path.endswith(".companion.ome"):
        first = sorted(Path(path).parent.glob("*.ome.tiff"))[0]
        with tifffile.TiffFile(first, omexml=Path(path).read_text()) as file:
            yield "tifffile", (file.asarray(), file.pages.first)
        return
    with contextlib.suppress(Exception), tifffile.TiffFile(path) as file:
        yield "tifffile", (file.series[0].asarray(), file.pages.first)
        if stack.format == "OME-TIFF":
            # Positions side by side in one array: the first is ours.
            yield "tifffile", (file.series[0].asarray()[:, 0], file.pages.first)
    with contextlib.suppress(Exception), Image.open(path) as image:
        yield "Pillow", (np.asarray(image.convert("RGB") if image.mode == "YCbCr" else image), None)


def conversions(reference):
    """What may be done to stored samples, from the definition of each photometric interpretation."""
    stored, page = reference
    yield "", stored
    if page is None:
        return
    if stored.dtype == bool:
        stored = stored.astype(np.uint8)
        yield "as 0 and 1", stored
    if page.photometric == 0 and stored.dtype.kind == "u":
        yield (
            "turned (white is zero)",
            (2**page.bitspersample - 1 - stored.astype(np.int64)).astype(stored.dtype),
        )
    if page.photometric == 3 and page.colormap is not None:
        wide = page.colormap[:, stored]
        table = wide if stored.dtype == np.uint16 else (wide // 256).astype(np.uint8)
        yield "through its palette", np.moveaxis(table, 0, -1)
        yield "through its grey palette", table[0]


def arrangements(theirs, ours):
    yield "", theirs
    if theirs.ndim == ours.ndim and theirs.ndim > 2:
        yield "samples last", np.moveaxis(theirs, 0, -1)
        yield "samples as channels", np.moveaxis(theirs, -1, 0)
        yield "samples as channels", np.moveaxis(theirs, -1, 1)


def outcomes(folder: Path) -> list[dict[str, str]]:
    """One row for each file, each from its own process."""
    if sys.platform == "win32":
        context = multiprocessing.get_context("spawn")
    else:
        from forked import forking

        # Imported once, then every file's process starts as a copy: a file costs milliseconds, not a second.
        commands = [f"emdiff_app.cli.{m.name}" for m in pkgutil.iter_modules(emdiff_app.cli.__path__)]
        readers = ["tifffile", "imagecodecs._imcd", "PIL.TiffImagePlugin", "emdiff_app.images.tiff"]
        context = forking("pytest", *commands, *readers)
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != "SOURCE.txt")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(lambda path: one(context, path, folder), files))


def one(context, path: Path, folder: Path) -> dict[str, str]:
    results = context.SimpleQueue()
    process = context.Process(target=look, args=(str(path), results))
    process.start()
    process.join(LIMIT)
    name = path.relative_to(folder).as_posix()
    delivered = process.exitcode in (0, LOST) and not results.empty()
    if not delivered:
        what = "hang" if process.is_alive() else f"crash {process.exitcode}"
        process.kill()
        process.join()
        return dict.fromkeys(FIELDS, "") | {"file": name, "outcome": what}
    row, code, out, err = results.get()
    problem = command_problem(row, code, out, err)
    row["said"] = row["said"].replace(str(folder) + "/", "")
    return row | {"file": name} | ({"outcome": problem} if problem else {})


def command_problem(row, code: int, out: str, err: str) -> str:
    """What is wrong with what the command line did, in view of what a program got."""
    if "Traceback" in err or not isinstance(json.loads(out), dict):
        return "traceback"
    if row["outcome"] == "refused":
        sentence = err.strip()
        if code != 2 or "\n" in sentence or not re.match(r"emdiff: \S.*\S\.$", sentence):
            return f"refused badly (exit code {code})"
    elif code != 0:
        return f"exit code {code} for a file that opens"
    return ""


def as_csv(rows) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, FIELDS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def as_page(rows) -> str:
    """The table for docs/odd-files.md: what happened, and who else finds the same pixels."""
    lines = ["| file | outcome | stack | same pixels as |", "|---|---|---|---|"]
    for row in rows:
        sizes = " ".join(f"{a}{n}" for a, n in zip(row["axes"], row["shape"].split("x"), strict=False))
        stack = ", ".join(filter(None, [sizes, row["dtype"], row["compression"]]))
        said = row["said"] if row["outcome"] == "refused" else stack
        lines.append(f"| {row['file']} | {row['outcome']} | {said} | {row['checked']} |")
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def table(shared_data):
    return outcomes(shared_data / "odd_tiff")


@pytest.mark.slow
def test_every_file_opens_or_is_refused_in_one_sentence(table):
    assert len(table) == 327
    assert {row["outcome"] for row in table} == {"opened", "refused"}


@pytest.mark.slow
def test_what_opens_has_the_pixels_that_another_reader_finds(table):
    assert [row["file"] for row in table if row["checked"] == "nobody"] == []


@pytest.mark.slow
def test_outcomes_are_those_on_record(table):
    assert as_csv(table).splitlines() == GOLDEN.read_text().splitlines()


def test_the_page_shows_the_table_on_record():
    with GOLDEN.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert as_page(rows) == PAGE.read_text().partition(BEGIN)[2].partition(END)[0].strip() + "\n"


if __name__ == "__main__":
    sys.path.append(str(Path(__file__).parents[1]))  # for what the tests share
    rows = outcomes(Path(__file__).resolve().parents[3] / "shared" / "data" / "odd_tiff")
    GOLDEN.parent.mkdir(exist_ok=True)
    GOLDEN.write_text(as_csv(rows))
    before, _, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n\n{as_page(rows)}\n{END}{rest.partition(END)[2]}")
    counts = {outcome: sum(r["outcome"] == outcome for r in rows) for outcome in {r["outcome"] for r in rows}}
    print(len(rows), counts)

"""`emdiff bench`: names, tables and pages."""

import json

import pytest

from emdiff_app.benchmarks import Report, benchmark_names
from emdiff_app.cli import main


def test_benchmarks_are_listed(capsys):
    assert main(["bench"]) == 0
    assert "io" in capsys.readouterr().out.split()
    assert main(["bench", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["benchmarks"] == benchmark_names()


def test_an_unknown_one_is_refused_with_the_names_of_the_others(capsys):
    assert main(["bench", "nonsense"]) == 2
    assert "io" in capsys.readouterr().err


def test_a_page_names_the_command_the_machine_and_the_figures(tmp_path):
    report = Report("io", tmp_path / "new", ("quick",))
    report.text("What it means.")
    report.table(["what", "s"], [["open", 0.123456]])
    report.picture("a.png", "a plot").write_bytes(b"")
    page = report.write().read_text()
    assert page.startswith("# io\n\n`emdiff bench io quick`, ")
    assert "cores" in page
    assert "| open | 0.123 |" in page
    assert "![a plot](a.png)" in page


@pytest.mark.parametrize("value", [1234.5, 0.000123, 12, "yes"])
def test_numbers_stay_numbers(tmp_path, value):
    report = Report("x", tmp_path)
    report.table(["a"], [[value]])
    cell = report.parts[0].splitlines()[-1].strip("| ")
    assert cell == str(value) or float(cell) == pytest.approx(value, rel=5e-3)

"""Commands that measure speed and quality and write tables: `emdiff bench NAME`.

A file dropped here whose name does not start with `_` is a benchmark. It defines
`run(report: Report) -> None`, fills the report and leaves writing it to the command.
"""

from ._common.report import Report, benchmark_names

__all__ = ["Report", "benchmark_names"]

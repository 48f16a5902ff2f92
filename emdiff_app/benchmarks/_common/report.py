"""A benchmark's figures as one Markdown page: what ran, when, on what machine, ours beside the baseline."""

import datetime
import os
import pkgutil
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

__all__ = ["Report", "benchmark_names"]


def benchmark_names() -> list[str]:
    """The benchmarks that exist, by the names of their files."""
    folder = str(Path(__file__).parents[1])
    return sorted(m.name.replace("_", "-") for m in pkgutil.iter_modules([folder]) if m.name[0] != "_")


@dataclass
class Report:
    """Collects the tables and sentences of one benchmark; `out` is where its pictures go."""

    name: str
    out: Path
    arguments: Sequence[str] = ()
    parts: list[str] = field(default_factory=list)

    def text(self, sentence: str) -> None:
        """Add a paragraph."""
        self.parts.append(sentence)

    def table(self, headers: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Add a table; floats are shown with three significant digits."""
        lines = [list(headers), ["---"] * len(headers), *([_cell(c) for c in row] for row in rows)]
        self.parts.append("\n".join("| " + " | ".join(line) + " |" for line in lines))

    def picture(self, file: str, alt: str) -> Path:
        """Add a picture and return the path to write it to."""
        self.out.mkdir(parents=True, exist_ok=True)
        self.parts.append(f"![{alt}]({file})")
        return self.out / file

    def markdown(self) -> str:
        words = [Path(word).name if os.sep in word else word for word in self.arguments]
        command = " ".join(["emdiff bench", self.name, *words])
        head = f"# {self.name}\n\n`{command}`, {datetime.date.today().isoformat()}, on {machine()}."
        return "\n\n".join([head, *self.parts]) + "\n"

    def write(self) -> Path:
        """Write the page into `out` and return its path."""
        self.out.mkdir(parents=True, exist_ok=True)
        page = self.out / f"{self.name}.md"
        page.write_text(self.markdown(), encoding="utf-8")
        return page


def machine() -> str:
    """The machine in a few words: no host name, nothing that identifies its owner."""
    cores = psutil.cpu_count(logical=False) or os.cpu_count()
    memory = psutil.virtual_memory().total / 2**30
    system = f"{platform.system()}, Python {platform.python_version()}"
    return f"{cores} cores ({_processor()}), {memory:.0f} GiB, {system}"


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _cell(value: object) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:.0f}" if 1000 <= abs(value) < 1e6 else f"{value:.3g}"

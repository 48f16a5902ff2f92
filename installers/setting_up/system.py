"""`emdiff_app.system` of this checkout: what is known about the computer is written down once, there."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))
from emdiff_app.system import has_screen, missing_qt_libraries

__all__ = ["has_screen", "missing_qt_libraries"]

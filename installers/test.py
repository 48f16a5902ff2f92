"""Set up this checkout and test it: `python3 installers/test.py`.

    test.py                    set up if needed, then ruff, mypy and all tests
    test.py --setup-only       set up if needed, and stop
    test.py ARGUMENTS ...      set up if needed, then `pytest ARGUMENTS ...`; try `test.py tests/images -x`

On Linux without a screen the tests draw on a virtual one (xvfb-run).
"""

# No newer syntax in this file: an old Python must be able to read it, to say that it is too old.
import sys

if sys.version_info < (3, 11):  # noqa: UP036
    sys.exit(
        "EMDiff needs Python 3.11 or newer, and this is Python %d.%d; nothing was changed. "  # noqa: UP031
        "Install a newer one from python.org or your system and run this again with it."
        % sys.version_info[:2]
    )

import setting_up

if __name__ == "__main__":
    sys.exit(setting_up.guarded(setting_up.test, __doc__))

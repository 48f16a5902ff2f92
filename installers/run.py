"""Set up this checkout and start EMDiff: `python3 installers/run.py`.

    run.py                     set up if needed, then open the window on the example stack
                               (on a computer without a screen: learn on it and write the results)
    run.py --setup-only        set up if needed, and stop
    run.py COMMAND ...         set up if needed, then `emdiff COMMAND ...`; try `run.py doctor`

Everything goes into the folder .venv of the checkout; delete it to start afresh.
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
    sys.exit(setting_up.guarded(setting_up.run, __doc__))

"""`python -m emdiff_app.cli`: the command line without its installed script."""

import sys

from emdiff_app.cli import main

if __name__ == "__main__":
    sys.exit(main())

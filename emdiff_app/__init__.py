"""EMDiff: learn what clean images look like from corrupted ones alone, and restore stacks with it.

Importing this package imports neither torch nor Qt: plugin discovery and the command line stay fast.
"""

import os

__version__ = "0.1.0"

# Read by torch's threads when it is first imported: a thread that waits shall soon sleep. Where other programs
# want the cores as well, spinning makes a training step many times slower (docs/decisions/0008).
os.environ.setdefault("GOMP_SPINCOUNT", "10000")

"""EMDiff: learn what clean images look like from corrupted ones alone, and restore stacks with it.

Importing this package imports neither torch nor Qt: plugin discovery and the command line stay fast.
"""

__version__ = "0.1.0"

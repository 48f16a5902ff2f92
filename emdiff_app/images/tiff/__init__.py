"""TIFF and its relatives: from the directories of a file to a stack.

`opening` puts the pieces together: `ifds` walks the chain of directories, `images` finds the images in
them (`series`, or `ome_series` with `ome_xml`), `metadata` their pixel size and channels, `colour` what
their samples mean, `health` what is missing; `reader` and `pages` decode a plane when it is asked for.
"""

from .ome_set import COMPANION, ome_set
from .opening import open_companion, open_tiff

__all__ = ["COMPANION", "ome_set", "open_companion", "open_tiff"]

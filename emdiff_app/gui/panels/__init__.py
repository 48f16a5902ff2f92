"""The header and the five steps, from top to bottom."""

from .header import Header
from .images import ImagesPanel
from .learn import LearnPanel
from .model import ModelPanel
from .restore import RestorePanel
from .share import SharePanel

__all__ = ["Header", "ImagesPanel", "LearnPanel", "ModelPanel", "RestorePanel", "SharePanel"]

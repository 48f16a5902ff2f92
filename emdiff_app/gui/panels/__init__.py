"""The five steps, from top to bottom."""

from .images import ImagesPanel
from .learn import LearnPanel
from .model import ModelPanel
from .restore import RestorePanel
from .share import SharePanel

__all__ = ["ImagesPanel", "LearnPanel", "ModelPanel", "RestorePanel", "SharePanel"]

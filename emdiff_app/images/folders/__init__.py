"""A folder or pattern of single images as one stack, put in order by their `names`."""

from .opening import image_files, open_folder

__all__ = ["image_files", "open_folder"]

"""What the panels need from the program around them; napari is one, our own window another."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from psygnal import SignalInstance

from emdiff_app.images import Stack

from .phrases import in_the_window

__all__ = ["IMAGE_KINDS", "SAID", "Host", "ImageRef", "MaskRef", "Message", "Offer", "Result"]

IMAGE_KINDS = "Images (*.tif *.tiff *.png *.jpg *.jpeg *.npy *.zarr);;All files (*)"
SAID = "emdiff said"
"""Among the extras of a stack, and the metadata of a layer: what the user has said over the file."""
WORDS = {"T": "time points", "C": "channels", "Z": "planes"}


@dataclass(frozen=True, eq=False)
class ImageRef:
    """An image that the host shows. `key` stays the same as long as it is shown."""

    key: str
    name: str
    stack: Stack
    channel: int | None = None  # its number in the file, where the file holds several
    is_result: bool = False
    axes_known: bool = True

    @property
    def notes(self) -> tuple[str, ...]:
        """What to know about it, in the words of the window."""
        return tuple(in_the_window(sentence) for sentence in self.stack.warnings)

    @property
    def file(self) -> Path | None:
        """The file that holds exactly these pixels, if there is one; a result's stack names what it was made from."""
        return None if self.is_result else self.stack.source

    @property
    def said(self) -> Mapping[str, Any]:
        """What the user has said over the file, as `open_stack` takes it."""
        told: Mapping[str, Any] = self.stack.extras.get(SAID, {})
        return told

    def size_words(self) -> str:
        """`60 planes of 1024 x 1024 pixels, uint16, channel 2 (DAPI)`."""
        sizes = self.stack.sizes
        outer = " x ".join(f"{sizes[axis]} {WORDS[axis]}" for axis in self.stack.outer_axes)
        plane = f"{sizes['X']} x {sizes['Y']} pixels" + (" in colour" if "S" in sizes else "")
        words = [f"{outer} of {plane}" if outer else plane, str(self.stack.dtype)]
        if self.channel is not None:
            name = f" ({self.stack.channels[0]})" if self.stack.channels else ""
            words.append(f"channel {self.channel}{name}")
        return ", ".join(words)

    def describe(self) -> str:
        """One line: `60 planes of 1024 x 1024 pixels, uint16, 0.108 um/px, axes ZYX`."""
        step = self.stack.pixel_size.get("X")
        size = f"{step.value:.4g} {step.unit}/px" if step else "no pixel size"
        axes = f"axes {self.stack.axes}" + ("" if self.axes_known else " (assumed)")
        return ", ".join([self.size_words(), size, axes])


@dataclass(frozen=True)
class MaskRef:
    """A drawing over an image that can say which pixels are missing."""

    key: str
    name: str


@dataclass(frozen=True)
class Offer:
    """A button under a message. `verb` names a method of the session, called with `given`."""

    text: str
    verb: str
    given: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Message:
    """What happened, whether anything is lost, and what to do."""

    text: str
    level: str = "info"  # info, warning or error
    offers: tuple[Offer, ...] = ()
    details: str = ""


@dataclass(frozen=True, eq=False)
class Result:
    """A stack that was computed from the image `of`.

    `first` says where the first pixel of that image lies among those of the stack, which may be smaller, by axis;
    an axis that it does not name has its pixels cut into equal parts.
    """

    stack: Stack
    of: str
    kind: str  # restored or uncertainty
    first: Mapping[str, float] = field(default_factory=dict)


class Host(Protocol):
    """Small verbs, so that a test can be a host too. All of them are called on the window's thread."""

    images_changed: SignalInstance

    def disconnect(self) -> None:
        """The dock goes; let go of everything."""
        ...

    def list_images(self) -> list[ImageRef]: ...

    def list_masks(self) -> list[MaskRef]: ...

    def mask(self, key: str) -> NDArray[np.bool_] | None:
        """Where a drawing marks pixels of a plane; None when it is gone."""
        ...

    def new_mask(self, of: str) -> str:
        """An empty drawing over the image `of`, ready to be painted on; its key."""
        ...

    def show_stack(self, stack: Stack, read: Sequence[Any] = ()) -> None:
        """Show a stack that was opened, each channel by itself; `read` are its `pixels_of`, if there already."""
        ...

    def correct(
        self, key: str, axes: str | None = None, pixel_size: Mapping[str, float] | None = None
    ) -> None:
        """The user says what the axes of an image are, or how far apart its pixels are (um for each axis)."""
        ...

    def add_result(self, result: Result) -> str:
        """Show it over the image that it came from, while its planes still come; its key."""
        ...

    def renew_result(self, key: str, *, whole: bool = False) -> None:
        """More of its planes are there; `whole`: all of them."""
        ...

    def remove_result(self, key: str) -> None: ...

    def say(self, message: Message) -> None:
        """Tell it where the user looks, beside the dock's own line."""
        ...

    def ask_files(self, title: str, kinds: str) -> list[Path]:
        """Files to open; none when the user thought better of it."""
        ...

    def ask_folder(self, title: str) -> Path | None: ...

    def ask_new_file(self, title: str, suggestion: str, kinds: str) -> Path | None:
        """Where to write; the dialog asks before an old file is replaced."""
        ...

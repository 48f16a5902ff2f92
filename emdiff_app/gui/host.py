"""What the panels need from the program around them; napari is one, our own window another."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from psygnal import SignalInstance

from emdiff_app.images import Stack

__all__ = ["Host", "ImageRef", "Message", "Offer", "Result"]

WORDS = {"T": "times", "C": "channels", "Z": "planes"}


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
    def file(self) -> Path | None:
        """The file that holds exactly these pixels, if there is one."""
        return self.stack.source

    def describe(self) -> str:
        """One line: `60 planes of 1024 x 1024, 0.108 um/px, uint16, axes ZYX`."""
        sizes = self.stack.sizes
        outer = " x ".join(f"{sizes[axis]} {WORDS[axis]}" for axis in self.stack.outer_axes)
        step = self.stack.pixel_size.get("X")
        return ", ".join(
            [
                f"{outer} of {sizes['X']} x {sizes['Y']}" if outer else f"{sizes['X']} x {sizes['Y']}",
                f"{step.value:.4g} {step.unit}/px" if step else "no pixel size",
                str(self.stack.dtype),
                f"axes {self.stack.axes}" + ("" if self.axes_known else " (assumed)"),
            ]
        )


@dataclass(frozen=True)
class Offer:
    """A button under a message. `verb` names a method of the session."""

    text: str
    verb: str


@dataclass(frozen=True)
class Message:
    """What happened, whether anything is lost, and what to do."""

    text: str
    level: str = "info"  # info, warning or error
    offers: tuple[Offer, ...] = ()
    details: str = ""


@dataclass(frozen=True, eq=False)
class Result:
    """A stack that was computed from the image `of`."""

    stack: Stack
    of: str
    kind: str  # restored or uncertainty


class Host(Protocol):
    """Small verbs, so that a test can be a host too. All of them are called on the window's thread."""

    images_changed: SignalInstance

    def disconnect(self) -> None:
        """The dock goes; let go of everything."""
        ...

    def list_images(self) -> list[ImageRef]: ...

    def show_stack(self, stack: Stack) -> None:
        """Show a stack that was opened, each channel by itself."""
        ...

    def add_result(self, result: Result) -> None:
        """Show it over the image that it came from."""
        ...

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

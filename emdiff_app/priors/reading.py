"""Reading what is around the weights of a `.emprior`: the card, its images, the preview. No torch is needed."""

import hashlib
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from emdiff_app.errors import PriorError
from emdiff_app.physics.model import wrong_fields

from .architectures import arguments_of
from .card import Card
from .container import CARD, IMAGES, PREVIEW, WEIGHTS, Container, opened
from .pictures import check_pictures, picture_names
from .tensors import read_layout, read_tensors, strict_json
from .upgrade import upgraded

__all__ = ["OpenPrior", "open_prior", "read_card", "read_preview"]

LARGEST_SIDE = 4096


class OpenPrior:
    """An open file whose members, card and images have been checked; weights and preview have not."""

    def __init__(self, container: Container) -> None:
        self.container = container
        self.path = container.path
        self.card = _card(container)
        container.check()
        arguments_of(self.card, self.path)
        container.size(WEIGHTS)
        self._enclose()

    def member(self, name: str) -> bytes:
        """A member whose checksum is right."""
        data = self.container.read(name)
        self.check_sum(name, hashlib.sha256(data).hexdigest())
        return data

    def check_sum(self, name: str, found: str) -> None:
        if found != self.card.sha256.get(name):
            what = "weights do" if name == WEIGHTS else f"{name} does"
            raise PriorError(f"{self.path} is damaged (its {what} not match the checksum); copy it again.")

    def _enclose(self) -> None:
        """Give the imaging model the images that came along with it."""
        names = picture_names(self.card.model)
        if not names and IMAGES not in self.container:
            return
        with self.container.stream(IMAGES) as stream:
            try:
                head, layouts = read_layout(stream, self.container.size(IMAGES))
            except ValueError as error:
                raise PriorError(
                    f"{self.path} holds images of its imaging model that cannot be used ({error}); ask for it again."
                ) from None
        check_pictures(names, layouts, self.path)
        data = self.member(IMAGES)[len(head) :]
        model = self.card.model.enclosing(read_tensors(data, layouts))
        self.card = self.card.model_copy(update={"model": model})


@contextmanager
def open_prior(path: Path) -> Iterator[OpenPrior]:
    """The file at `path`, checked as far as that is possible without its weights."""
    with opened(Path(path)) as container:
        yield OpenPrior(container)


def read_card(path: Path) -> Card:
    """The card alone; weights are neither read nor checked."""
    with open_prior(path) as prior:
        return prior.card


def read_preview(path: Path) -> bytes | None:
    """The PNG that came along, if any; its checksum, its kind and its sides are checked."""
    with open_prior(path) as prior:
        return preview_of(prior)


def preview_of(prior: OpenPrior) -> bytes | None:
    if PREVIEW not in prior.container:
        return None
    data = prior.member(PREVIEW)
    sides = (
        struct.unpack(">2L", data[16:24]) if data[:8] == b"\x89PNG\r\n\x1a\n" and len(data) > 24 else (0, 0)
    )
    if not all(0 < side <= LARGEST_SIDE for side in sides):
        raise PriorError(
            f"{prior.path} holds a preview that is no picture of a usual size; ask for it again."
        )
    return data


def _card(container: Container) -> Card:
    """The card, of any format that we know; a newer one is refused before anything else is looked at."""
    path = container.path
    container.check_member(CARD)
    try:
        found = strict_json(container.read(CARD))
    except ValueError as error:
        raise PriorError(
            f"{path} is not a prior file (its card cannot be read: {str(error)[:80]}); export it again."
        ) from None
    try:
        return Card.model_validate(upgraded(found, path))
    except ValidationError as error:
        raise PriorError(
            f"{path} has a card that cannot be used ({wrong_fields(error, 'the card')[:200]}); export it again."
        ) from None

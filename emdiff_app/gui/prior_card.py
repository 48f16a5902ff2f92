"""The card of a prior file in the words of the window."""

from dataclasses import dataclass
from pathlib import Path

from emdiff_app.priors import Card, read_card, read_preview

__all__ = ["PriorFile", "read_prior_file"]


@dataclass(frozen=True, eq=False)
class PriorFile:
    path: Path
    card: Card
    preview: bytes | None
    bytes: int

    def lines(self) -> list[tuple[str, str]]:
        """Titles and words, in the order in which a user wants to know them."""
        card = self.card
        size = f"{self.bytes / 1e6:.1f} MB" if self.bytes > 1e5 else f"{self.bytes / 1e3:.0f} kB"
        sizes = ", ".join(f"{axis} {size:.4g} um" for axis, size in card.pixel_size_um.items())
        images = ", ".join(card.training.images[:3]) + (" and more" if len(card.training.images) > 3 else "")
        learned = f"{images or 'images that it does not name'}; {card.training.rounds} rounds"
        kinds = [spec.kind for spec in card.model.operator]
        return [
            ("File", f"{self.path.name}, {size}"),
            ("Name", card.name or "none given"),
            ("Licence", card.licence or "none given: ask its author before you publish with it"),
            ("Author", card.author or "not given"),
            ("Learned from", learned),
            ("Pixel size", sizes or "not known"),
            ("Channels", str(card.channels)),
            ("Went wrong there", ", ".join([*kinds, f"noise ({card.model.noise.in_words})"])),
            ("Written", card.written or "not known"),
        ]


def read_prior_file(path: Path) -> PriorFile:
    """Card and picture; the weights are checked when the prior is used."""
    return PriorFile(path, read_card(path), read_preview(path), path.stat().st_size)

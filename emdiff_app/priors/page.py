"""The page that explains a prior to whoever opens the file as a zip."""

from .card import Card

__all__ = ["page"]


def page(card: Card) -> str:
    """`README.md` of a prior."""
    made = card.training
    scores = ", ".join("-" if s is None else f"{s:.3f}" for s in made.held_out) or "none"
    sizes = ", ".join(f"{axis} {size:g} um" for axis, size in card.pixel_size_um.items()) or "unknown"
    versions = ", ".join(f"{name} {version}" for name, version in card.versions.items())
    return (
        f"# {card.name or 'A learned image prior'}\n\n"
        "This file was made by EMDiff. It holds a learned image model: use it to restore images of the same kind "
        "with `emdiff restore IMAGES --prior THIS.emprior --out FOLDER`.\n\n"
        f"- Author: {card.author or 'not given'}\n"
        f"- Licence: {card.licence or 'not given'}\n"
        f"- Learned from: {', '.join(made.images) or 'unknown'} ({made.crops} crops, {made.rounds} rounds)\n"
        f"- Held-out score of each round: {scores}\n"
        f"- Intensities: recorded = {card.scale.gain:g} x + {card.scale.offset:g}; channels: {card.channels}\n"
        f"- Pixel size: {sizes}\n"
        f"- Made with: {versions} ({card.written})\n\n"
        "How the recorded images came about:\n\n"
        f"```json\n{card.model.to_json()}\n```\n\n"
        "`prior.json` says all of this for programs. `model.safetensors` holds the weights of the network, and "
        "`images.safetensors`, where it is there, the images (PSF, mask) that the model above names.\n"
    )

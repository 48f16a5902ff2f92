"""Sentences of the engine that name options of the command line, in the words of the window."""

import re

__all__ = ["axes_offered", "in_the_window"]

AXES_OPTION = re.compile(r"--axes ([TCZYXS]+)")
ANSWER = re.compile(r"(; say it|; to read it as another axis say|\. Confirm that)\b.*--axes.*", re.DOTALL)
NAMED = re.compile(r" \(--[a-z-]+\)")

PHRASES = {
    "give it with --pixel-size": "type it under Images",
    "Say which axis is which with --axes, for example --axes ZYX": "Choose the axes under Images",
    "Say which axis is Z with --axes": "Choose the axes under Images",
    "Choose it with --channel, by number (from 0) or name": "Say under Images that these are channels, and tick one",
    "Give --offset if you know it": "Type the offset if you know it",
    "state the noise with --model": "type the noise in",
    "Name a model with a blur, or use a method for noise such as tv": "Tick Blur under What went wrong, or choose a "
    "method for noise such as total variation",
    "Name a model with a mask, or use a method for noise such as tv": "Tick Missing pixels under What went wrong, or "
    "choose a method for noise such as total variation",
    "Use wiener, tv or richardson-lucy": "Choose Wiener, total variation or Richardson-Lucy",
    "Use wiener, tv or biharmonic": "Choose Wiener, total variation or smooth filling",
}


def axes_offered(text: str) -> tuple[str, ...]:
    """The axes that a sentence offers to choose from, likeliest first."""
    return tuple(dict.fromkeys(AXES_OPTION.findall(text)))


def in_the_window(text: str) -> str:
    """The same without options: where there is something to choose, buttons stand beside it."""
    for option, words in PHRASES.items():
        text = text.replace(option, words)
    return ANSWER.sub(".", NAMED.sub("", text))

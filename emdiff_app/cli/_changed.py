"""The options of a command line that are not as they are by default: what it takes to repeat it."""

from collections.abc import Mapping
from typing import Any

import typer

__all__ = ["changed_options", "words_of"]


def changed_options(context: typer.Context) -> dict[str, list[str]]:
    """Each such option by its name, with its values: none of a switch, several where it was given several times."""
    found: dict[str, list[str]] = {}
    for option in context.command.params:
        value: Any = context.params.get(str(option.name))
        if option.param_type_name != "option" or value in (None, [], ()) or value == option.default:
            continue
        if isinstance(value, bool):
            found[(option.opts if value else option.secondary_opts)[-1]] = []
        else:
            many = value if isinstance(value, list | tuple) else [value]
            found[option.opts[-1]] = [str(each) for each in many]
    return found


def words_of(changed: Mapping[str, list[str]]) -> list[str]:
    """The options as they are typed."""
    words: list[str] = []
    for name, values in changed.items():
        words += [name] if not values else [word for value in values for word in (name, value)]
    return words

"""The settings of a run, or of a map, as options of the command line."""

import argparse
from collections.abc import Iterable
from dataclasses import Field

from convae.flat_config import flag

OLD_FLAGS = {"refinement_steps": "--corrections"}  # aliases, not shown in the help


def add_settings(parser: argparse.ArgumentParser, title: str, described: Iterable[Field]) -> None:
    """One option per field, of TrainConfig or of a map, with its help, range and default."""
    group = parser.add_argument_group(title)
    for f in described:
        meta, option = f.metadata, flag(f.name)
        text = f"{meta['help']} {_range_and_default(f)}".replace("%", "%%")
        if isinstance(f.default, bool):
            group.add_argument(
                option, dest=f.name, action=argparse.BooleanOptionalAction, default=None, help=text
            )
        else:
            group.add_argument(
                option, dest=f.name, type=type(f.default), choices=meta["choices"], default=None,
                metavar=None if meta["choices"] else f.name.upper(), help=text,
            )  # fmt: skip
        if old_flag := OLD_FLAGS.get(f.name):
            group.add_argument(
                old_flag, dest=f.name, type=type(f.default), default=None, help=argparse.SUPPRESS
            )


def _range_and_default(f: Field) -> str:
    """`2 to 1,024 values; default: 128.`"""
    low, high, unit = (f.metadata[key] for key in ("low", "high", "unit"))
    default = f"default: {f.default if f.default != '' else 'none'}."
    if low is None or high is None:
        return default.capitalize()
    numbers = (f"{value:,}" if isinstance(value, int) else f"{value:g}" for value in (low, high))
    return f"{' to '.join(numbers)}{f' {unit}' if unit else ''}; {default}"

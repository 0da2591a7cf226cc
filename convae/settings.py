"""Dataclass fields that describe themselves, their checks, and reading them from plain values.

`convae.config` declares the settings of a training run with them, `projection.maps` those of a map.
"""

import math
import reprlib
from collections.abc import Sequence
from dataclasses import field, fields, is_dataclass
from typing import Any

from convae.errors import ConfigError

RENAMED = {"corrections": "refinement_steps"}  # old name of a setting -> its present name


def setting(
    default: Any,
    help: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: Sequence[str] | None = None,
    unit: str = "",
    advanced: bool = True,
) -> Any:
    """A dataclass field with its help text, unit, inclusive range or choices as metadata."""
    meta = dict(help=help, low=low, high=high, choices=choices, unit=unit, advanced=advanced)
    return field(default=default, metadata=meta)


def check(config: Any) -> None:
    """Check each field for its type, range and choices; ConfigError with the first violation."""
    for f in fields(config):
        value, meta = getattr(config, f.name), f.metadata
        if not meta:
            continue
        kind = type(f.default)
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value) if abs(value) < 1e300 else math.inf
            object.__setattr__(config, f.name, value)
        if type(value) is not kind:
            raise ConfigError(f"`{f.name}` (={_short(value)}) must be of type {kind.__name__}.")
        if kind is str and not value.isascii() and value != value.encode(errors="replace").decode():
            raise ConfigError(f"`{f.name}` contains characters that cannot be encoded as UTF-8.")
        if isinstance(value, float) and not math.isfinite(value):
            raise ConfigError(f"`{f.name}` (={value}) must be a finite number.")
        if meta["choices"] and value not in meta["choices"]:
            raise ConfigError(
                f"`{f.name}` (={_short(value)}) must be one of: "
                f"{', '.join(map(str, meta['choices']))}."
            )
        low, high = meta["low"], meta["high"]
        if (low is not None and value < low) or (high is not None and value > high):
            unit = f" {meta['unit']}" if meta["unit"] else ""
            raise ConfigError(
                f"`{f.name}` (={_short(value)}) must be between {low} and {high}{unit}."
            )


def _short(value: Any) -> str:
    try:
        return reprlib.repr(value)
    except ValueError:  # an integer of thousands of digits
        return "a number of thousands of digits"


def from_dict(kind: type, values: Any) -> Any:
    """Build a config of this kind from plain values; ConfigError for unknown keys and bad values.

    Nested configs are given as nested dicts, just as ``to_json`` writes them. Keys of older
    versions (RENAMED) are read under their present name.
    """
    if not isinstance(values, dict):
        raise ConfigError(f"A {kind.__name__} must be a JSON object, not {type(values).__name__}.")
    values = present_names(values)
    known = {f.name: f for f in fields(kind)}
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise ConfigError(
            f"Unknown setting `{unknown[0][:80]}` in {kind.__name__}; "
            f"possible are: {', '.join(known)}."
        )
    arguments = {}
    for name, value in values.items():
        nested = known[name].default
        arguments[name] = from_dict(type(nested), value) if is_dataclass(nested) else value
    return kind(**arguments)


def present_names(values: dict[str, Any]) -> dict[str, Any]:
    """The values with old names replaced, unless the present name is given, too."""
    return {
        (new if (new := RENAMED.get(name, name)) not in values else name): value
        for name, value in values.items()
    }

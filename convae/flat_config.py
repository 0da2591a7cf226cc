"""A TrainConfig as one flat dict, as forms, parsers and tables use it."""

import re
import shlex
from collections.abc import Callable, Iterable
from dataclasses import Field, asdict, fields, is_dataclass
from typing import Any

from convae.config import TrainConfig
from convae.settings import from_dict, present_names

FLAGS = {"spec": "--data", "architecture": "--arch"}  # the others are named after their field


def settings(kind: type = TrainConfig) -> list[Field]:
    """All plain fields in order, those of nested configs included: for forms and parsers."""
    result = []
    for f in fields(kind):
        result += settings(type(f.default)) if is_dataclass(f.default) else [f]
    return result


def from_flat(values: dict[str, Any]) -> TrainConfig:
    """A TrainConfig from one flat dict, as a form or parser makes it; missing keys: defaults."""
    nested: dict[str, Any] = {}
    values = present_names(values)
    for f in fields(TrainConfig):
        if is_dataclass(f.default):
            inner = {g.name for g in fields(type(f.default))}
            nested[f.name] = {k: v for k, v in values.items() if k in inner}
        elif f.name in values:
            nested[f.name] = values[f.name]
    return from_dict(TrainConfig, nested)


def to_flat(config: TrainConfig) -> dict[str, Any]:
    """The inverse of ``from_flat``."""
    flat = {}
    for f in fields(config):
        value = getattr(config, f.name)
        flat |= asdict(value) if is_dataclass(value) else {f.name: value}
    return flat


def flag(name: str) -> str:
    """The option of the command line that sets the setting of this name."""
    return FLAGS.get(name, "--" + name.replace("_", "-"))


def with_names(message: str, fields: Iterable[Field], shown: Callable[[str], str]) -> str:
    """A message in which the name of each of these fields, in backticks, is `shown(name)`."""
    names = "|".join(f.name for f in fields)
    return re.sub(f"`({names})`", lambda found: shown(found[1]), message)


def command(config: TrainConfig, name: str) -> str:
    """The command that trains a run of this name with these settings, however it was started.

    It names the images and all settings that differ from their defaults.
    """
    flat, words = to_flat(config), []
    for f in settings():
        value = flat[f.name]
        if value == f.default and f.name != "spec":
            continue
        if isinstance(value, bool):
            words.append(flag(f.name) if value else "--no-" + flag(f.name).removeprefix("--"))
        else:
            words += [flag(f.name), str(value)]
    return "python -m convae train " + shlex.join([*words, "--name", name])


def compared(configs: dict[str, TrainConfig]) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """(settings that differ: name -> {run: value}; settings that are the same: name -> value)."""
    flat = {name: to_flat(config) for name, config in configs.items()}
    different, same = {}, {}
    for f in settings():
        values = {name: plain[f.name] for name, plain in flat.items()}
        if len(set(values.values())) > 1:
            different[f.name] = values
        else:
            same[f.name] = next(iter(values.values()), f.default)
    return different, same

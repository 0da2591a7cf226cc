"""Cards that tests change: the digest is made anew."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from convae.models.card_digest import digest


def text(values: dict[str, Any]) -> str:
    """The content of a card.json of these values, with their digest."""
    return json.dumps(values | {"digest": digest(values)})


def old(values: dict[str, Any]) -> str:
    """The content of a card.json as versions before the digest wrote it."""
    rest = {key: value for key, value in values.items() if key != "digest"}
    return json.dumps(rest | {"format": 1})


@contextmanager
def edited(folder: Path) -> Iterator[dict[str, Any]]:
    """The values of a card, to be changed: they are written at the end."""
    values = json.loads((folder / "card.json").read_text())
    yield values
    (folder / "card.json").write_text(text(values))

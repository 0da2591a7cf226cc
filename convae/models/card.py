"""card.json: the description of a checkpoint, read and written here and nowhere else. No torch."""

import json
import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from dataclasses import replace as with_changes
from pathlib import Path
from typing import Any

from convae import files, records
from convae.config import TrainConfig, from_dict
from convae.errors import CheckpointError, ConvaeError
from convae.models.card_digest import FORMAT, sealed, verify
from convae.records import Row

DEEPEST = 50  # levels of objects and lists inside each other that a card is written with
FIXED = {"config", "format", "digest"}


@dataclass(frozen=True)
class Card:
    """The description of a checkpoint: settings, training data, figures, and how it was made.

    Every value has the type of its field, whatever the file holds; a value of another type is left
    out. `others` are the keys of the file that are no field.
    """

    config: TrainConfig
    name: str = ""
    data: Row = field(default_factory=dict)
    """`name`, `fingerprint` and number of `images` of the training set"""
    classes: list[str] = field(default_factory=list)
    metrics: Row = field(default_factory=dict)
    """`val_psnr` (dB), `val_loss`, `val_noise`; `test`: figures on the test images, or None"""
    training: Row = field(default_factory=dict)
    """`epoch`, `step`, `elapsed_s`, `state`"""
    parameters: int | None = None
    machine: str = ""
    precision: str = ""
    versions: Row = field(default_factory=dict)
    command: str = ""
    started_from: Row | None = None
    """the same facts on the model that training started from"""
    created: str = ""
    weights: str = ""
    """float32 or float16, the type of the stored weights"""
    sha256: str = ""
    """digest of model.safetensors; "" where it was not recorded"""
    others: Row = field(default_factory=dict)

    @property
    def test(self) -> Row:
        """The figures on the test images: `n`, `mse`, `psnr`, `ssim`, ...; {} if not measured."""
        return self.metrics.get("test") or {}

    @classmethod
    def from_dict(cls, values: Any) -> "Card":
        """The card in the content of a card.json. CheckpointError where its digest is not that of
        its content, without a `config`, and for a format that a newer convae wrote; ConfigError
        where the config is invalid."""
        if isinstance(values, dict):
            verify(values)
        return cls._of(values)

    @classmethod
    def _of(cls, values: Any) -> "Card":
        if not isinstance(values, dict) or "config" not in values:
            raise CheckpointError("The card has no `config`: this is not a convae checkpoint.")
        records.check_format(values, FORMAT, "card.json", CheckpointError)
        config = from_dict(TrainConfig, values["config"])
        known = {f.name for f in fields(cls)} - {"config", "others"}
        clean = records.card(values)
        return cls(
            config=config,
            others={k: v for k, v in clean.items() if k not in known | FIXED},
            **{key: value for key in known if (value := clean.get(key)) is not None},
        )

    @classmethod
    def read(cls, folder: Path) -> "Card":
        """The card of a checkpoint folder; CheckpointError where it is damaged, or newer."""
        content = b""
        with suppress(OSError):
            content = (folder / "card.json").read_bytes()
        values = files.json_object(content)
        verify(values, f"The card of {folder.name}", content)
        try:
            return cls._of(values)
        except ConvaeError as error:
            if values and records.is_newer(values, FORMAT):
                message = f"The card of {folder.name} cannot be used: {error}"
                raise CheckpointError(message) from None
            reason = str(error).rstrip(".") if values else "it is not a JSON object"
            raise CheckpointError(
                f"The card of {folder.name} is damaged: {reason[:200]}. Repair card.json, or "
                "delete the model."
            ) from None

    def to_dict(self) -> Row:
        """The content of card.json, with its digest; values that are not known are left out.

        Numbers that are not finite, and what is nested too deeply, become None.
        """
        values = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "others"}
        known = {key: value for key, value in values.items() if value is not None}
        if not self.sha256:
            del known["sha256"]
        return sealed(_plain(known | {"config": asdict(self.config)} | self.others))

    def to_json(self) -> bytes:
        return json.dumps(self.to_dict(), indent=2, allow_nan=False).encode()

    def write(self, folder: Path) -> None:
        """Replace the card of a checkpoint folder. OSError on a full disk."""
        files.write_atomically(folder / "card.json", self.to_json())

    def with_changes(self, **parts: Any) -> "Card":
        """The card with other values; mappings, such as `training`, are merged."""
        merged = {
            key: getattr(self, key) | value if isinstance(value, Mapping) else value
            for key, value in parts.items()
        }
        return with_changes(self, **merged)


def _plain(value: Any, depth: int = DEEPEST) -> Any:
    """What JSON can hold of a value: see `Card.to_dict`."""
    if isinstance(value, dict):
        return {str(k): _plain(v, depth - 1) for k, v in value.items()} if depth else None
    if isinstance(value, list | tuple):
        return [_plain(v, depth - 1) for v in value] if depth else None
    return None if isinstance(value, float) and not math.isfinite(value) else value

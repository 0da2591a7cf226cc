"""An uploaded checkpoint, taken apart: a zip or one .safetensors file.

A zip holds card.json, model.safetensors and, of a run, history.csv, as `bundle.export` writes it; a
single .safetensors holds its card in its metadata. Sizes are limited, members of a zip are never
extracted to disk, and the card is written anew from its known values.
"""

import csv
import io
import itertools
import json
import math
import zipfile
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from convae import records
from convae.config import TrainConfig, from_dict
from convae.data import zips
from convae.errors import CheckpointError
from convae.models import card_digest, weights_file
from convae.models.architectures import count_parameters

MAX_CARD = 2**20
MAX_MEMBERS = 50
HISTORY = "history.csv"
NEEDED = {"card.json": MAX_CARD, "model.safetensors": weights_file.MAX_BYTES}
WANTED = NEEDED | {HISTORY: 2**22}
MAX_EPOCHS = 20_000  # rows of a history that are read
KNOWN_SETS = ("cifar10", "shapes", "digits", "photos")  # others are paths on another machine
UNKNOWN_SET = "unknown"


def unpack(data: bytes) -> tuple[dict[str, Any], bytes]:
    """(card, weights) of an uploaded file; of both only the digest of the card is checked.

    CheckpointError where it is neither a zip nor safetensors, and for another digest.
    """
    if len(data) > weights_file.MAX_BYTES + MAX_CARD:
        raise CheckpointError(f"The file takes {len(data) / 2**20:.0f} MB; the limit is 50 MB.")
    if data[:2] == b"PK":
        parts = _members(data)
        return _card(parts["card.json"], "card.json"), parts["model.safetensors"]
    return _card_inside(data), data


def history(data: bytes) -> list[records.Row]:
    """The epochs of a run in the history.csv of its zip, as `bundle.export` writes it: the known
    columns, damaged rows left out; [] where the file is no zip or has none."""
    text = _members(data).get(HISTORY, b"") if data[:2] == b"PK" else b""
    kinds = records.EPOCH | records.EPOCH_EXTRAS
    rows = []
    lines = csv.DictReader(io.StringIO(text.decode(errors="replace"), newline=""))
    try:
        for given in itertools.islice(lines, MAX_EPOCHS):
            row = {}
            for key, kind in kinds.items():
                with suppress(ValueError, TypeError):  # a damaged cell, or a row that is too short
                    row[key] = kind(given.get(key) or "")
            rows.append(row)
    except csv.Error:  # such as a field that is too long
        return []
    return records.history(rows)


def _members(data: bytes) -> dict[str, bytes]:
    result: dict[str, bytes] = {}
    try:
        if zips.count_entries(data, MAX_MEMBERS) > MAX_MEMBERS:
            raise CheckpointError(
                f"The zip holds more than {MAX_MEMBERS} files: it must hold one model only."
            )
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for member in archive.infolist():
                name = member.filename.rsplit("/", 1)[-1]
                if name not in WANTED or member.filename.startswith("__MACOSX"):
                    continue
                if name in result:
                    raise CheckpointError(
                        f"The zip holds {name} twice: it must hold exactly one model."
                    )
                if member.flag_bits & 1:
                    raise CheckpointError("The zip is encrypted: upload one without a password.")
                if member.compress_type not in zips.PACKINGS:
                    raise CheckpointError(
                        f"{name} is compressed in a way that is not supported: make the zip again "
                        "with the usual compression (deflate), or with none."
                    )
                # the size in the header may be wrong, so the read is limited, too
                with archive.open(member) as file:
                    result[name] = file.read(WANTED[name] + 1)
                if len(result[name]) > WANTED[name]:
                    raise CheckpointError(
                        f"{name} is larger than {WANTED[name] // 2**20} MB, which is the limit."
                    )
    except CheckpointError:
        raise
    except Exception:  # damaged zips raise a dozen kinds
        raise CheckpointError("The zip is damaged: download it again.") from None
    missing = sorted(set(NEEDED) - set(result))
    if missing:
        raise CheckpointError(
            f"The zip has no {missing[0]}: upload the zip that the Train page exports."
        )
    return result


def _card_inside(data: bytes) -> dict[str, Any]:
    length = int.from_bytes(data[:8], "little") if len(data) >= 8 else 0
    if not 0 < length <= min(weights_file.MAX_HEADER, len(data) - 8):
        raise CheckpointError(
            "This is neither a zip nor a safetensors file: upload what the Train page exports."
        )
    header = _object(data[8 : 8 + length], "header of the safetensors file")
    metadata = header.get("__metadata__")
    card = metadata.get("card") if isinstance(metadata, dict) else None
    if not isinstance(card, str):
        raise CheckpointError(
            "This safetensors file has no convae card in its metadata: upload the zip with "
            "card.json beside it."
        )
    return _card(card.encode(errors="replace"), "card in the metadata")


def _card(text: bytes, what: str) -> dict[str, Any]:
    values = _object(text, what)
    card_digest.verify(values, f"The {what}", text)
    return values


def _object(text: bytes, what: str) -> dict[str, Any]:
    try:
        result = json.loads(text)
    except (ValueError, RecursionError):
        result = None
    if not isinstance(result, dict):
        raise CheckpointError(f"The {what} is not a JSON object: the file is damaged.")
    return result


def cleaned(card: dict[str, Any]) -> dict[str, Any]:
    """The card reduced to its known keys, each of the right type and length, as other users will
    see it. ConfigError where the settings are invalid."""
    given = _part(card, "config")
    source = _part(given, "data")
    spec = source.get("spec")
    known = spec if isinstance(spec, str) and spec in KNOWN_SETS else UNKNOWN_SET
    replaced = {"data": source | {"spec": known}, "init_from": ""}
    config = from_dict(TrainConfig, given | replaced)
    data, training = _part(card, "data"), _part(card, "training")
    metrics, versions = _part(card, "metrics"), _part(card, "versions")
    test = {k: _number(v) for k, v in _part(metrics, "test").items()
            if k in ("n", "mse", "psnr", "ssim", "images_per_s")}  # fmt: skip
    classes = card.get("classes")
    return {
        "name": _text(card.get("name")),
        "config": asdict(config),
        "data": {"name": _text(data.get("name")), "fingerprint": _text(data.get("fingerprint")),
                 "images": _number(data.get("images"))},
        "classes": [_text(c) for c in classes[:1000]] if isinstance(classes, list) else [],
        "metrics": {"val_psnr": _number(metrics.get("val_psnr")),
                    "val_loss": _number(metrics.get("val_loss")),
                    "val_noise": _number(metrics.get("val_noise")), "test": test or None},
        "training": {k: _number(training.get(k)) for k in ("epoch", "step", "elapsed_s")},
        "parameters": count_parameters(config.model),
        "machine": _text(card.get("machine"), 200),
        "versions": {k: _text(versions.get(k)) for k in ("convae", "torch", "python")},
        "command": _text(card.get("command"), 1000),
        "weights": _text(card.get("weights")) or "float32",
        "created": _text(card.get("created")),
    }  # fmt: skip


def _part(card: dict[str, Any], key: str) -> dict[str, Any]:
    result = card.get(key)
    return result if isinstance(result, dict) else {}


def _number(value: Any) -> float | int | None:
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    return value if plain and abs(value) < 1e15 and math.isfinite(value) else None


def _text(value: Any, most: int = 80) -> str:
    """Printable characters, without those that markdown or HTML interprets."""
    result = value if isinstance(value, str) else ""
    return "".join(c for c in result[:most] if c.isprintable() and c not in "<>`[]$*")

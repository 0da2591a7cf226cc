"""A checkpoint that somebody brings along: a zip or one .safetensors file, and nothing is trusted.

A zip holds card.json and model.safetensors, as `checkpoints.export` writes it; a lone .safetensors
carries its card in its metadata. Sizes, names, shapes, types and values are checked before a model
is built, the card is written anew from what is known of it, and no pickle is ever opened.
"""

import hashlib
import io
import json
import math
import os
import re
import zipfile
from dataclasses import asdict
from typing import Any

import numpy as np
import safetensors
import safetensors.torch
import torch

from convae import files, limits, records, runs
from convae.config import TrainConfig, from_dict
from convae.csv_export import to_csv
from convae.data import zips
from convae.errors import CheckpointError, RunError
from convae.models import checkpoints
from convae.models.architectures import count_parameters
from convae.models.card import FORMAT, Card
from convae.models.checkpoints import find, read_both

MAX_CARD = 2**20
MAX_MEMBERS = 50
WANTED = {"card.json": MAX_CARD, "model.safetensors": checkpoints.MAX_BYTES}
KNOWN_SETS = ("cifar10", "shapes", "digits", "photos")  # others name a path of another machine
UNKNOWN_SET = "unknown"


def unpack(data: bytes) -> tuple[dict[str, Any], bytes]:
    """(card, weights) of an uploaded file, as they are; CheckpointError in a sentence."""
    if len(data) > checkpoints.MAX_BYTES + MAX_CARD:
        raise CheckpointError(f"The file takes {len(data) / 2**20:.0f} MB; at most 50 MB will do.")
    if data[:2] == b"PK":
        parts = _members(data)
        return _object(parts["card.json"], "card.json"), parts["model.safetensors"]
    return _card_inside(data), data


def _members(data: bytes) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
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
                if name in found:
                    raise CheckpointError(f"The zip holds {name} twice: one model, please.")
                if member.flag_bits & 1:
                    raise CheckpointError("The zip is encrypted: take one without a password.")
                if member.compress_type not in zips.PACKINGS:
                    raise CheckpointError(
                        f"{name} is compressed in a way that is not supported: make the zip again "
                        "with the usual compression (deflate), or with none."
                    )
                # the size it tells may be a lie, so the reading is capped, too
                with archive.open(member) as file:
                    found[name] = file.read(WANTED[name] + 1)
                if len(found[name]) > WANTED[name]:
                    raise CheckpointError(
                        f"{name} is larger than {WANTED[name] // 2**20} MB: that will not do."
                    )
    except CheckpointError:
        raise
    except Exception:  # damaged zips raise a dozen kinds
        raise CheckpointError("The zip is damaged: fetch it again.") from None
    missing = sorted(set(WANTED) - set(found))
    if missing:
        raise CheckpointError(
            f"The zip has no {missing[0]}: take the zip that the Train page hands out."
        )
    return found


def _card_inside(data: bytes) -> dict[str, Any]:
    length = int.from_bytes(data[:8], "little") if len(data) >= 8 else 0
    if not 0 < length <= min(checkpoints.MAX_HEADER, len(data) - 8):
        raise CheckpointError(
            "This is neither a zip nor a safetensors file: take what the Train page hands out."
        )
    header = _object(data[8 : 8 + length], "header of the safetensors file")
    metadata = header.get("__metadata__")
    card = metadata.get("card") if isinstance(metadata, dict) else None
    if not isinstance(card, str):
        raise CheckpointError(
            "This safetensors file has no convae card in its metadata: upload the zip with "
            "card.json beside it."
        )
    return _object(card.encode(errors="replace"), "card in the metadata")


def _object(text: bytes, what: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise CheckpointError(f"The {what} is not a JSON object: the file is damaged.")
    return found


def cleaned(card: dict[str, Any]) -> dict[str, Any]:
    """The card with the known keys alone, each of the right kind and length: other pages and other
    visitors read it. ConfigError or CheckpointError where the settings are not ours."""
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
    found = card.get(key)
    return found if isinstance(found, dict) else {}


def _number(value: Any) -> float | int | None:
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    return value if plain and abs(value) < 1e15 and math.isfinite(value) else None


def _text(value: Any, most: int = 80) -> str:
    """Printable characters only, and none that markdown or HTML reads."""
    found = value if isinstance(value, str) else ""
    return "".join(c for c in found[:most] if c.isprintable() and c not in "<>`[]$*")


def accept(data: bytes) -> runs.Run:
    """Keep an uploaded checkpoint as a finished run of its own, so that every page finds it.

    Its name comes from its card as far as that can name a run. CheckpointError, ConfigError or
    RunError say what is wrong with it, or that this host takes no models.
    """
    limits.check_allowed("upload a model")
    limits.check_room(len(runs.listing()))
    given, weights = unpack(data)
    if not isinstance(given.get("config"), dict):
        raise CheckpointError("The card has no `config`: this is not a convae checkpoint.")
    records.check_format(given, FORMAT, "The card", CheckpointError)
    card = cleaned(given)
    told = given.get("sha256")
    digest = hashlib.sha256(weights).hexdigest()
    # the sha256 in a card that travels inside the file cannot be that of the file
    if data[:2] == b"PK" and told is not None and told != digest:
        raise CheckpointError(
            "The weights are not those the card was written for: the file is damaged; fetch it "
            "again."
        )
    _try_out(checkpoints.from_bytes("upload", weights, card | {"sha256": digest}))
    run = _claim(from_dict(TrainConfig, card["config"]), card["name"])
    written = Card.from_dict(card).with_changes(name=run.id, sha256=digest)
    try:
        (run.path / runs.UPLOADED).touch()
        epoch = card["training"]["epoch"] or 0
        run.write_status(state="done", message="Uploaded; trained elsewhere.", epoch=epoch)
        files.replace_together(
            [
                (run.path / "model.safetensors", weights),
                (run.path / "card.json", written.to_json()),
            ]
        )
    except OSError:  # such as a full disk: no run without a model is left
        run.delete()
        raise
    return run


def _try_out(checkpoint: checkpoints.Checkpoint) -> None:
    """CheckpointError where images have no finite code or reconstruction: weights that are finite
    numbers, one by one, may still give none."""
    ramp = np.arange(32 * 32 * 3).reshape(1, 32, 32, 3) * 255 // (32 * 32 * 3 - 1)
    images = np.concatenate([ramp, ramp[:, ::-1, ::-1] // 2]).astype(np.uint8)
    model = checkpoint.model
    with torch.inference_mode():
        codes = model.encode(images)
        decoded = model.g(torch.from_numpy(codes)) if np.isfinite(codes).all() else None
    if decoded is None or not torch.isfinite(decoded).all():
        what = "codes" if decoded is None else "reconstructions"
        raise CheckpointError(
            f"The model gives {what} that are not finite numbers: its weights are damaged. "
            "Export it again from a run that trained without errors."
        )


def _claim(config: TrainConfig, name: str) -> runs.Run:
    base = re.sub(r"[^a-z0-9_-]+", "-", name.lower()).strip("-_")[:50] or "uploaded"
    taken = {path.name for path in checkpoints.root().glob("*")}
    for number in range(1, 1000):
        wanted = base if number == 1 else f"{base}-{number}"
        if wanted in taken or os.path.lexists(runs.root() / wanted):
            continue
        try:
            return runs.claim(config, wanted)
        except RunError:
            continue  # another upload took it just now
    raise CheckpointError(f"There are too many models called {base} already.")


LOADER = '''"""Loads the model beside this file; needs the convae package."""

from pathlib import Path

from convae import data
from convae.models import checkpoints

checkpoint = checkpoints.load(str(Path(__file__).parent))
images = data.load("shapes", "test").images[:8]  # uint8 (N, 32, 32, 3), or images of your own
codes = checkpoint.encode(images)  # float32 (N, latent_dim)
rebuilt = checkpoint.decode(codes)  # uint8 (N, 32, 32, 3)
print(checkpoint.config, codes.shape, rebuilt.shape)
'''


def export(name_or_path: str) -> bytes:
    """One zip to take along: card.json, model.safetensors (the card inside it too), a script that
    loads them and, of a run, the history as CSV."""
    path = find(name_or_path)
    packed, card = read_both(path)
    tensors = safetensors.torch.load(packed)
    inside = card.with_changes(sha256="")  # the digest of a file cannot be inside it
    weights = safetensors.torch.save(tensors, {"card": inside.to_json().decode()})
    card = card.with_changes(sha256=hashlib.sha256(weights).hexdigest())
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("card.json", card.to_json())
        archive.writestr("model.safetensors", weights)
        archive.writestr("load.py", LOADER)
        if rows := runs.Run(path).history():
            archive.writestr("history.csv", to_csv(rows))
    return buffer.getvalue()

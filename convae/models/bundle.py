"""A checkpoint as one file: export as a zip, and import of an uploaded one as a run.

Nothing in an upload is trusted: see `convae.models.upload` for what is read of it, and
`convae.models.weights_file` for the checks of the weights.
"""

import hashlib
import io
import json
import os
import re
import zipfile

import numpy as np
import safetensors
import safetensors.torch
import torch

from convae import files, limits, records, runs
from convae.config import TrainConfig, from_dict
from convae.csv_export import to_csv
from convae.errors import CheckpointError, RunError
from convae.models import checkpoints, upload
from convae.models.card import FORMAT, Card
from convae.models.checkpoints import find, read_both


def accept(data: bytes) -> runs.Run:
    """Save an uploaded checkpoint as a finished run, so that every page lists it.

    Its name comes from its card, reduced to a valid run id; the history in the zip of a run is
    kept. CheckpointError, ConfigError or
    RunError where it is damaged, or where this server accepts no uploads.
    """
    limits.check_allowed("upload a model")
    limits.check_room(len(runs.listing()))
    facts, weights = upload.unpack(data)
    if not isinstance(facts.get("config"), dict):
        raise CheckpointError("The card has no `config`: this is not a convae checkpoint.")
    records.check_format(facts, FORMAT, "The card", CheckpointError)
    card = upload.cleaned(facts)
    recorded = facts.get("sha256")
    digest = hashlib.sha256(weights).hexdigest()
    # the sha256 in a card that travels inside the file cannot be that of the file
    if data[:2] == b"PK" and recorded is not None and recorded != digest:
        raise CheckpointError(
            "The weights are not those the card was written for: the file is damaged; download it "
            "again."
        )
    _try_out(checkpoints.from_bytes("upload", weights, card | {"sha256": digest}))
    run = _claim(from_dict(TrainConfig, card["config"]), card["name"])
    written = Card.from_dict(card).with_changes(name=run.id, sha256=digest)
    try:
        (run.path / runs.UPLOADED).touch()
        epoch = card["training"]["epoch"] or 0
        run.write_status(state="done", message="Uploaded; trained elsewhere.", epoch=epoch)
        if rows := upload.history(data):
            lines = "".join(json.dumps(row) + "\n" for row in rows)
            files.write_atomically(run.path / "history.jsonl", lines.encode())
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
    """CheckpointError where codes or reconstructions are not finite, which finite weights do not
    rule out."""
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
        run_id = base if number == 1 else f"{base}-{number}"
        if run_id in taken or os.path.lexists(runs.root() / run_id):
            continue
        try:
            return runs.claim(config, run_id)
        except RunError:
            continue  # another upload claimed it just now
    raise CheckpointError(
        f"There are too many models named {base} already: rename the model in its card."
    )


LOADER = '''"""Loads the model beside this file; needs the convae package."""

from pathlib import Path

from convae import data
from convae.models import checkpoints, upload

checkpoint = checkpoints.load(str(Path(__file__).parent))
images = data.load("shapes", "test").images[:8]  # uint8 (N, 32, 32, 3), or images of your own
codes = checkpoint.encode(images)  # float32 (N, latent_dim)
rebuilt = checkpoint.decode(codes)  # uint8 (N, 32, 32, 3)
print(checkpoint.config, codes.shape, rebuilt.shape)
'''


def export(name_or_path: str) -> bytes:
    """One zip for another machine: card.json, model.safetensors (the card inside it too), a script
    that loads them and, of a run, the history as CSV."""
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

"""Names and texts that try to be more than text, and the files of an app that is full of them."""

import io
import json
import os
import shutil
import zipfile
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from PIL import Image

from convae import data
from convae.config import DataConfig, ModelConfig, TrainConfig
from convae.data import builtin, own_sets
from convae.data.own_sets import Arranged
from convae.models import checkpoints
from convae.models.autoencoder import ConvAutoencoder
from convae.runs import snapshots
from convae.training import reference_levels
from convae.ui.latent_map import address as selections
from tests.support.server_runs import ROW

NAMES = (
    '<img src="http://evil.example/a.png" onerror="window.hacked=1">',
    "<script>window.hacked=1</script>",
    '"><svg/onload=window.hacked=1><b class="hostile">x</b>',
    "![a](http://evil.example/b.png) [click](javascript:window.hacked=1)",
    "</style><style>@import url(http://evil.example/c.css)</style>",
    ":red[red] :material/delete: $\\href{http://evil.example}{x}$",
    "{{constructor.constructor('window.hacked=1')()}} ${window.hacked=1} {% x %}",
    '=HYPERLINK("http://evil.example","x")',
    "../../../../etc/passwd",
    "safe\u202egnp.exe",
    "'; window.hacked=1; //",
    '<a href="http://evil.example/d">x</a><br><b>%{text}</b><sup>',  # what Plotly takes for markup
)
OWN = "kept-set"  # the name of the kept set; its class names are hostile
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # first characters that spreadsheets evaluate


def prepare(home: Path) -> str:
    """A run whose card, data set, events, messages and snapshots are full of such names, a damaged
    one, and a kept set of such classes; a selection of 30 of its images, as an address has it."""
    images, labels = builtin.draw_shapes(220, seed=0)
    labels = labels % len(NAMES)
    folder = home / "<b class=hostile>set"
    folder.mkdir()
    path = folder / "[x](javascript:window.hacked=1) <img onerror=1>.npz"
    np.savez(
        path, train_images=images, train_labels=labels, test_images=images, test_labels=labels,
        class_names=np.array(NAMES),
    )  # fmt: skip
    config = TrainConfig(DataConfig(f"npz:{path}"), ModelConfig("classic", 8, 8))
    run = home / "runs" / "hostile"
    run.mkdir(parents=True)
    (run / "config.json").write_text(config.to_json())
    torch.manual_seed(0)
    text = " ".join(NAMES)
    facts = {
        "config": json.loads(config.to_json()), "name": NAMES[0], "classes": list(NAMES),
        "data": {"name": text, "images": 220, "fingerprint": NAMES[1]}, "machine": text,
        "command": text, "created": NAMES[2], "versions": {"torch": NAMES[0], NAMES[1]: NAMES[2]},
        "metrics": {"val_psnr": 12.0, "val_loss": 0.1, "test": {"psnr": 11.0, "images": text}},
        "training": {"epoch": 1, "elapsed_s": 3.0, "state": text}, "started_from": {"name": text},
        NAMES[0]: text,
    }  # fmt: skip
    model = ConvAutoencoder(config.model)
    checkpoints.save(run, model, facts)
    (run / "status.json").write_text(
        json.dumps({"state": "failed", "message": text, "device": text, "epoch": 1})
    )
    (run / "history.jsonl").write_text(json.dumps(ROW | {NAMES[0]: NAMES[1]}) + "\n")
    events = [{"epoch": 1, "step": n, "what": name} for n, name in enumerate(NAMES, 1)]
    (run / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    reference_levels.write(run, {name: {"psnr": 9.0, "loss": 0.1} for name in NAMES})
    snapshots.Recorder(run / "snapshots", images, labels, NAMES).take(1, model)
    damaged = home / "runs" / "damaged"
    shutil.copytree(run, damaged)
    (damaged / "card.json").write_text(json.dumps({"config": {NAMES[0]: text}}))
    held_out = np.arange(220) % 2 == 0
    with mock.patch.dict(os.environ, CONVAE_DATA_DIR=str(home / "data")):
        own_sets.keep(OWN, Arranged(images, labels, NAMES, held_out))
        shown = data.load(f"own:{OWN}", "test")
    return f"{selections.pack(np.arange(30), len(shown))}~{shown.fingerprint[:8]}"


def files() -> list[dict]:
    """An image and a damaged image of each name, as a browser uploads them."""
    result = []
    for name in NAMES:
        for content in (_png(), b"no image"):
            result.append({"name": f"{name}.png", "mimeType": "image/png", "buffer": content})
    return result


def zipped() -> dict:
    """A zip, itself of such a name, with two images and a damaged one in a class folder of each
    name; names with slashes are there as they are, and once more without them."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in dict.fromkeys([*NAMES, *(name.replace("/", "") for name in NAMES)]):
            for number, content in enumerate((_png(), _png(), b"no image")):
                archive.writestr(f"{name}/{number}.png", content)
    return {"name": f"{NAMES[0]}.zip", "mimeType": "application/zip", "buffer": buffer.getvalue()}


def _png() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (40, 40), (90, 20, 200)).save(buffer, "PNG")
    return buffer.getvalue()

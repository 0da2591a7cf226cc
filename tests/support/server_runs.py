"""Finished runs, made without training."""

import json
import shutil
from dataclasses import replace

from convae import flat_config, runs
from convae.config import DataConfig, TrainConfig, from_dict
from tests.support import cards

CROWDS = (5_000, 10_000)  # test images of the sets that models called crowd-5000, ... come with
ROW = {"epoch": 1, "step": 5, "train_loss": 0.1, "val_loss": 0.1, "val_psnr": 10.0,
       "learning_rate": 1e-3, "images_per_s": 9.0, "elapsed_s": 1.0, "memory_mb": 1.0}  # fmt: skip


def add_run(folder, weights, spec: str) -> None:
    """A finished run of these weights on the images of `spec`."""
    shutil.copytree(weights, folder)
    with cards.edited(folder) as card:
        card["config"]["data"]["spec"] = spec
        card["name"] = folder.name
    settings = replace(from_dict(TrainConfig, card["config"]), data=DataConfig(spec=spec))
    (folder / "config.json").write_text(settings.to_json())


def finished(name: str, weights, **changes) -> runs.Run:
    """A run that has ended, with a model, one epoch of history and an event."""
    run = runs.claim(flat_config.from_flat({"spec": "shapes", "architecture": "classic",
                                       "latent_dim": 8, "base_channels": 8}), name)  # fmt: skip
    shutil.copyfile(weights / "model.safetensors", run.path / "model.safetensors")
    card = json.loads((weights / "card.json").read_text()) | changes
    (run.path / "card.json").write_text(cards.text(card))
    (run.path / "status.json").write_text(json.dumps({"state": "done", "epoch": 1}))
    (run.path / "history.jsonl").write_text(json.dumps(ROW) + "\n")
    (run.path / "events.jsonl").write_text(
        json.dumps({"epoch": 1, "step": 2, "what": "paused"}) + "\n"
    )
    return run

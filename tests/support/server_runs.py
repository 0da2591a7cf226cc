"""Finished runs for a server under test."""

import json
import shutil
from dataclasses import replace

from convae.config import DataConfig, TrainConfig, from_dict

CROWDS = (5_000, 10_000)  # test images of the sets that models called crowd-5000, ... come with


def add_run(folder, weights, spec: str) -> None:
    """A finished run of these weights on the images of `spec`."""
    shutil.copytree(weights, folder)
    card = json.loads((folder / "card.json").read_text())
    card["config"]["data"]["spec"] = spec
    (folder / "card.json").write_text(json.dumps(card | {"name": folder.name}))
    config = replace(from_dict(TrainConfig, card["config"]), data=DataConfig(spec=spec))
    (folder / "config.json").write_text(config.to_json())

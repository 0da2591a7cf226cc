"""The card of a run: what was trained, on what, where, and with which result."""

import platform
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from convae import __version__, files, flat_config
from convae.config import TrainConfig
from convae.data import ImageSet
from convae.errors import ConvaeError
from convae.models import checkpoints
from convae.models.card import Card
from convae.training.reports import EpochRecord
from convae.training.trainer import Trainer


def save(folder: Path, trainer: Trainer, training_split: ImageSet, record: EpochRecord) -> None:
    """Save the trainer's state at the end of an epoch; card and weights only where the epoch is the
    best so far, or the first of the folder."""
    best = record.val_psnr == trainer.best_psnr
    if not best and (folder / "card.json").exists():
        files.write_atomically(folder / "state.pt", checkpoints.state_bytes(trainer.state()))
        return
    card = {
        "name": folder.name,
        "config": asdict(trainer.config),
        "data": {"name": training_split.name, "fingerprint": training_split.fingerprint,
                 "images": len(training_split)},
        "classes": list(training_split.class_names),
        "metrics": {"val_psnr": record.val_psnr, "val_loss": record.val_loss,
                    "val_noise": record.val_noise, "test": None},
        "training": {"epoch": record.epoch, "step": record.step, "elapsed_s": record.elapsed_s},
        "parameters": trainer.result.parameter_count,
        "machine": describe_machine(trainer.device),
        "precision": str(trainer.precision).removeprefix("torch."),
        "versions": {"convae": __version__, "torch": torch.__version__,
                     "python": platform.python_version()},
        "command": flat_config.command(trainer.config, folder.name),
        "started_from": ancestor(trainer.config),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }  # fmt: skip
    half = trainer.config.weights == "float16"
    checkpoints.save(folder, trainer.result, card, half=half, state=trainer.state())


def write_end(folder: Path, state: str) -> None:
    """Add how the run ended; does nothing where no epoch was saved."""
    if card := read(folder):
        card.with_changes(training={"state": state}).write(folder)


def needs_test_figures(folder: Path) -> bool:
    """Whether there is a card without figures on the test images."""
    card = read(folder)
    return card is not None and not card.test


def write_test_figures(folder: Path, figures: dict[str, Any]) -> None:
    """Add the figures on the test images; does nothing where no epoch was saved."""
    if card := read(folder):
        card.with_changes(metrics={"test": figures}).write(folder)


def read(folder: Path) -> Card | None:
    """The card of a run; None where there is none, or it is damaged: its pages say so."""
    try:
        return Card.read(folder)
    except ConvaeError:
        return None


def ancestor(config: TrainConfig) -> dict[str, Any] | None:
    """How the checkpoint `init_from` was made, from its card: the history of a model."""
    if not config.init_from:
        return None
    try:
        card = Card.read(checkpoints.find(config.init_from)).to_dict()
    except ConvaeError:  # it may be gone or damaged when a run is resumed
        return {"name": config.init_from}
    return {k: card.get(k) for k in ("name", "command", "data", "training", "started_from")}


def describe_machine(device: torch.device) -> str:
    """GPU, or processor and number of threads, in one line."""
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)}, {platform.machine()}"
    name = torch.cpu.get_capabilities().get("cpu_name", "") or platform.processor()
    return f"{name or 'CPU'} {platform.machine()}, {torch.get_num_threads()} threads".strip()

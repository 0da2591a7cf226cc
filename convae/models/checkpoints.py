"""A checkpoint: a folder with model.safetensors (see `weights_file`) and card.json (see `card`).

Shipped ones are in checkpoints/, trained ones in runs/ (a run that saved an epoch is a checkpoint).
No pickle from a user is ever loaded.
"""

import hashlib
import io
import os
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from convae import files, processes, runs
from convae.config import ModelConfig, TrainConfig
from convae.errors import CheckpointError, ConvaeError
from convae.models import previous_weights, weights_file
from convae.models.architectures import MAX_PARAMETERS, count_parameters, without_values
from convae.models.autoencoder import ConvAutoencoder
from convae.models.card import Card
from convae.models.previous_weights import WEIGHTS
from convae.parsed_files import ParsedFiles

_cards = ParsedFiles(lambda path: Card.read(path.parent))
ZIP_END = 22  # bytes of the end record of a zip
READ_S = 3.0  # how long a reader waits for a run that has replaced its weights but not its card


def root() -> Path:
    """The folder of the shipped checkpoints, see `runs.shipped_root`."""
    return runs.shipped_root()


@dataclass(frozen=True)
class Entry:
    """An available checkpoint: its card is read, its weights are not."""

    name: str
    path: Path
    card: Card

    @property
    def config(self) -> TrainConfig:
        return self.card.config


class Checkpoint:
    """A loaded checkpoint: the model in eval mode, its card, and numpy in, numpy out."""

    def __init__(self, name: str, card: Card, model: ConvAutoencoder):
        self.name, self.card, self.model = name, card, model.eval().requires_grad_(False)
        if model.device.type != "mps":  # the layout that is fastest: benchmarks/RESULTS.md
            self.model.to(memory_format=torch.channels_last)

    @property
    def config(self) -> ModelConfig:
        return self.model.config

    @property
    def sha256(self) -> str:
        """Of the weights file, with the number of refinement steps if there are any: the key of
        caches, as codes depend on both."""
        steps = self.config.refinement_steps
        return self.card.sha256 + (f"+{steps}" if steps else "")

    @property
    def train_config(self) -> TrainConfig:
        return self.card.config

    def with_refinement_steps(self, steps: int) -> "Checkpoint":
        """The same weights, with this many refinement steps: 0 to 8, else ConfigError."""
        if steps == self.config.refinement_steps:
            return self
        config = replace(self.config, refinement_steps=steps)
        with without_values():
            model = ConvAutoencoder(config)
        weights = self.model.state_dict()
        model.code_mean = weights.get("code_mean")
        model.load_state_dict(weights, assign=True)
        return Checkpoint(self.name, self.card, model)

    def encode(self, images: np.ndarray, precision: str = "float32") -> np.ndarray:
        """uint8 (N, 32, 32, 3) -> codes float32 (N, latent_dim); see `ConvAutoencoder.encode`."""
        return self.model.encode(images, precision)

    def decode(self, codes: np.ndarray, keep: int | None = None) -> np.ndarray:
        """codes float32 (N, latent_dim) -> uint8 (N, 32, 32, 3); keep: the first values only, see
        `ConvAutoencoder.decode`."""
        return self.model.decode(codes, keep)

    def reconstruct(self, images: np.ndarray, keep: int | None = None) -> np.ndarray:
        """uint8 (N, 32, 32, 3) -> uint8 (N, 32, 32, 3); keep as in `decode`."""
        return self.model.reconstruct(images, keep)


def save(
    folder: Path,
    model: ConvAutoencoder,
    facts: dict[str, Any],
    *,
    half: bool = False,
    state: dict[str, Any] | None = None,
) -> Card:
    """Write weights, then the card, then (if given) the state that resume needs.

    Each replaces the old one atomically; until the card is replaced too, the weights that it
    describes are kept under another name, so that an interrupted save leaves a whole checkpoint.
    The state comes last: where saving is interrupted, resume continues from the epoch before and
    writes all three again. facts: what `Card.from_dict` reads.
    Returns the card as written, with the sha256 of the weights. OSError on a full disk.
    """
    weights = weights_file.dump(model, half)
    card = Card.from_dict(facts).with_changes(
        weights="float16" if half else "float32", sha256=hashlib.sha256(weights).hexdigest()
    )
    parts = [(folder / WEIGHTS, weights), (folder / "card.json", card.to_json())]
    if state is not None:
        parts.append((folder / "state.pt", state_bytes(state)))
    previous_weights.keep(folder)
    files.replace_together(parts)
    previous_weights.drop(folder)
    return card


def state_bytes(state: dict[str, Any]) -> bytes:
    """The state as a torch file, followed by its sha256, as torch checks no content."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue() + hashlib.sha256(buffer.getvalue()).digest()


def load_state(folder: Path) -> dict[str, Any] | None:
    """What ``save`` kept for resume, or None before the first epoch. Only ever our own file."""
    path = folder / "state.pt"
    if not path.exists():
        return None
    try:
        content = path.read_bytes()
        sealed = content[-ZIP_END:][:4] != b"PK\5\6"  # files of older versions end with their zip
        if sealed and hashlib.sha256(content[:-32]).digest() != content[-32:]:
            raise ValueError("its digest is that of another content")
        return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # torch's message explains how to disable weights_only
        raise CheckpointError(
            f"The resume state of `{folder.name}` is damaged ({type(error).__name__}): "
            "start a new run with it as initial weights."
        ) from None


def listing() -> list[Entry]:
    """Shipped checkpoints by name, then runs, newest first; damaged ones are left out."""
    return survey()[0]


def damaged() -> dict[str, str]:
    """Models and runs that cannot be used: name -> the reason, a sentence."""
    return survey()[1]


def shipped() -> list[Entry]:
    """The checkpoints that come with the project, by name; damaged cards are left out."""
    return list(_entries(_shipped_cards(), {}).values())


def _shipped_cards() -> list[Path]:
    shipped_root = root()
    try:
        with os.scandir(shipped_root) as folders:
            names = sorted(folder.name for folder in folders if folder.is_dir())
    except OSError:
        return []
    return [shipped_root / name / "card.json" for name in names]


def survey() -> tuple[list[Entry], dict[str, str]]:
    """(`listing`, `damaged`), for those who need both: every card is read once."""
    own, reasons = [], {}
    for run in runs.listing():
        own.append(run.path / "card.json")
        if reason := run.damage():
            reasons[run.id] = reason
    return list(_entries([*_shipped_cards(), *own], reasons).values()), reasons


def _entries(cards: list[Path], reasons: dict[str, str]) -> dict[str, Entry]:
    """Name -> entry, by the first card of each name that has weights beside it. Why a card cannot
    be used is added to `reasons`."""
    result: dict[str, Entry] = {}
    for path in cards:
        name = path.parent.name
        if name in result or not all(map(os.path.isfile, (path.parent / WEIGHTS, path))):
            continue
        try:
            result[name] = Entry(name, path.parent, _cards.get(path))
        except ConvaeError as error:
            reasons.setdefault(name, str(error))
    return result


def find(name_or_path: str) -> Path:
    """The folder of a checkpoint, by the name that ``listing`` shows or by its path."""
    entries, reasons = survey()
    for entry in entries:
        if entry.name == name_or_path:
            return entry.path
    path = Path(name_or_path)
    if os.path.isfile(path / "card.json"):  # False, too, for a name that no file can have
        return path
    if reason := reasons.get(name_or_path):
        raise CheckpointError(reason)
    if runs.ID.fullmatch(name_or_path) and (runs.root() / name_or_path).is_dir():
        raise CheckpointError(
            f"Run `{name_or_path}` has not finished an epoch: it has no model yet."
        )
    names = ", ".join(entry.name for entry in entries) or "none; train one first"
    raise CheckpointError(f"There is no checkpoint `{name_or_path[:200]}`. Available: {names}.")


def load(name_or_path: str, device: str = "cpu") -> Checkpoint:
    """Load a checkpoint by name or folder, its weights verified against its card.

    Raises CheckpointError where it is missing, damaged or not ours.
    """
    path = find(str(name_or_path))
    weights, card = read_both(path)
    return _checked(path.name, weights, card, device)


def read_both(path: Path) -> tuple[bytes, Card]:
    """The weights and the card that was written for them. A run replaces one after the other:
    where they do not match and the run is training, or one has just changed, read them again."""
    before, deadline = None, time.monotonic() + READ_S
    while True:
        running = processes.is_locked(path / "lock")
        try:
            weights = (path / WEIGHTS).read_bytes()
            (path / "card.json").stat()
        except OSError:
            raise CheckpointError(
                f"Checkpoint `{path.name}` cannot be read: it needs card.json and "
                "model.safetensors."
            ) from None
        card = Card.read(path)
        seen = (digest := hashlib.sha256(weights).hexdigest(), card.sha256 or digest)
        settled = seen == before and not running
        if seen[0] == seen[1]:
            return weights, card
        if (kept := previous_weights.read(path, card.sha256)) is not None:
            return kept, card
        if settled or time.monotonic() > deadline:
            return weights, card
        before = seen
        time.sleep(0.02)


def from_bytes(name: str, weights: bytes, facts: dict[str, Any]) -> Checkpoint:
    """A checkpoint from its weights and the content of its card; everything is checked before a
    weight is used. CheckpointError or ConfigError."""
    return _checked(name, weights, Card.from_dict(facts))


def _checked(name: str, weights: bytes, card: Card, device: str = "cpu") -> Checkpoint:
    config = card.config.model
    digest = hashlib.sha256(weights).hexdigest()
    if (card.sha256 or digest) != digest:
        raise CheckpointError(
            f"The weights of `{name}` are not those its card was written for: the file is damaged, "
            "or saving was interrupted; `resume` the run, or download the file again."
        )
    if count_parameters(config) > MAX_PARAMETERS:
        raise CheckpointError(f"The model of `{name}` has more than {MAX_PARAMETERS:,} parameters.")
    model = weights_file.load(weights, config)
    return Checkpoint(name, card.with_changes(sha256=digest), model.to(device))

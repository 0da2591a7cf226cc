"""Limits of a server, set by environment variables; without them only a UMAP is limited.

CONVAE_TRAINING       off: training, uploads and deletion are disabled; on: every visitor may;
                      unset: visitors on the same machine may (convae/ui/access.py)
CONVAE_UPLOADS        off: nobody adds images; on: every visitor may also keep them on this machine;
                      unset: visitors on the same machine may keep them, others add them for
                      their session (convae/ui/access.py)
CONVAE_MAX_EPOCHS     maximum number of epochs of a run
CONVAE_MAX_IMAGES     maximum number of training images of a run
CONVAE_MAX_MINUTES    a run is stopped after this time; its model is kept
CONVAE_MAX_RUNS       maximum number of run folders, uploads included
CONVAE_MAX_UMAP_MINUTES  a UMAP of a page is stopped after this time, 10 by default
"""

import math
import os
from dataclasses import replace

from convae.config import TrainConfig
from convae.errors import ConfigError, RunError
from convae.wording import counted

UMAP_MINUTES = 10.0  # 10,000 codes take a minute


def _limit(name: str) -> int:
    """A positive whole number, or 0 for no limit; ConfigError if it is anything else."""
    given = os.environ.get(name, "").strip()
    if not given:
        return 0
    if not given.isdecimal():
        raise ConfigError(f"{name} (={given[:40]!r}) must be a whole number.")
    return int(given)


def training_allowed() -> bool:
    """Whether visitors may train, upload and delete here."""
    return os.environ.get("CONVAE_TRAINING", "").strip().lower() not in ("off", "0", "no", "false")


def training_set() -> bool:
    """Whether CONVAE_TRAINING allows training explicitly."""
    return os.environ.get("CONVAE_TRAINING", "").strip().lower() in ("on", "1", "yes", "true")


def uploads_allowed() -> bool:
    """Whether visitors may add images of their own."""
    return os.environ.get("CONVAE_UPLOADS", "").strip().lower() not in ("off", "0", "no", "false")


def uploads_set() -> bool:
    """Whether CONVAE_UPLOADS allows every visitor to keep images on this machine."""
    return os.environ.get("CONVAE_UPLOADS", "").strip().lower() in ("on", "1", "yes", "true")


def check_allowed(what: str = "train") -> None:
    """RunError where training is disabled; `what` completes the sentence."""
    if not training_allowed():
        raise RunError(
            f"Training is disabled on this server: to {what}, run convae on your own machine."
        )


def capped(config: TrainConfig) -> tuple[TrainConfig, list[str]]:
    """The nearest settings that the limits allow, and a sentence for each that was reduced, and
    for the limit on training time."""
    notes = []
    epochs, images = _limit("CONVAE_MAX_EPOCHS"), _limit("CONVAE_MAX_IMAGES")
    if epochs and config.epochs > epochs:
        notes.append(
            f"This server trains for at most {counted(epochs, 'epoch')}, not {config.epochs:,}."
        )
        config = replace(config, epochs=epochs)
    if minutes := _limit("CONVAE_MAX_MINUTES"):
        notes.append(f"This server stops a training after {counted(minutes, 'minute')}.")
    if images and not 0 < config.data.limit <= images:
        notes.append(f"This server trains on at most {counted(images, 'image')}.")
        config = replace(config, data=replace(config.data, limit=images))
    return config, notes


def longer(config: TrainConfig, epochs: int, trained: int) -> TrainConfig:
    """The settings of a run, which has trained for so many epochs, with a new total of `epochs`, or
    as many as the limit allows. RunError where that leaves nothing to train."""
    most = _limit("CONVAE_MAX_EPOCHS")
    if most and min(most, epochs) <= trained < epochs:
        raise RunError(
            f"This server trains for at most {counted(most, 'epoch')}; this run has trained for "
            f"{trained:,}."
        )
    return replace(config, epochs=min(epochs, most or epochs))


def check_room(count: int) -> None:
    """RunError where `count` run folders reach the limit."""
    most = _limit("CONVAE_MAX_RUNS")
    if most and count >= most:
        raise RunError(
            f"This server keeps at most {counted(most, 'run')}: delete one under Runs first."
        )


def out_of_time(elapsed_s: float) -> bool:
    """Whether a run has trained for as long as the limit allows."""
    minutes = _limit("CONVAE_MAX_MINUTES")
    return bool(minutes) and elapsed_s > 60 * minutes


def time_limit_note() -> str:
    """What a run that was stopped by the limit on training time says."""
    minutes = counted(_limit("CONVAE_MAX_MINUTES"), "minute")
    return f"Stopped: this server trains for at most {minutes}."


def umap_minutes() -> float:
    """How long a UMAP of a page may take; ConfigError unless it is a number above 0."""
    given = os.environ.get("CONVAE_MAX_UMAP_MINUTES", "").strip()
    if not given:
        return UMAP_MINUTES
    try:
        minutes = float(given)
    except ValueError:
        minutes = math.nan
    if not 0 < minutes < 1e6:
        raise ConfigError(
            f"CONVAE_MAX_UMAP_MINUTES (={given[:40]!r}) must be a number of minutes above 0; "
            f"without it a UMAP takes at most {UMAP_MINUTES:g} minutes."
        )
    return minutes

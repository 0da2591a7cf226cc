"""What a public host allows. Nothing is set on a machine of one's own: then all is allowed.

CONVAE_TRAINING=off   nobody trains, uploads or deletes: the models at hand are there to look at
CONVAE_MAX_EPOCHS     a run has at most so many epochs
CONVAE_MAX_IMAGES     a run learns from at most so many images
CONVAE_MAX_MINUTES    a run is stopped after so long; its model is kept
CONVAE_MAX_RUNS       so many run folders, uploads included, are kept at most
"""

import os
from dataclasses import replace

from convae.config import TrainConfig
from convae.errors import ConfigError, RunError


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


def check_allowed(what: str = "train") -> None:
    """RunError where visitors may not; `what` completes the sentence."""
    if not training_allowed():
        raise RunError(f"This host is for looking only: to {what}, run convae on your own machine.")


def capped(config: TrainConfig) -> tuple[TrainConfig, list[str]]:
    """The nearest settings that this host allows, and a sentence for each that was cut."""
    notes = []
    epochs, images = _limit("CONVAE_MAX_EPOCHS"), _limit("CONVAE_MAX_IMAGES")
    if epochs and config.epochs > epochs:
        notes.append(f"This host trains for at most {epochs:,} epochs, not {config.epochs:,}.")
        config = replace(config, epochs=epochs)
    if images and not 0 < config.data.limit <= images:
        notes.append(f"This host learns from at most {images:,} images.")
        config = replace(config, data=replace(config.data, limit=images))
    return config, notes


def check_room(count: int) -> None:
    """RunError where `count` run folders are as many as this host keeps."""
    most = _limit("CONVAE_MAX_RUNS")
    if most and count >= most:
        raise RunError(f"This host keeps at most {most} runs: delete one under Runs first.")


def out_of_time(elapsed_s: float) -> bool:
    """Whether a run has trained for as long as this host allows."""
    minutes = _limit("CONVAE_MAX_MINUTES")
    return bool(minutes) and elapsed_s > 60 * minutes

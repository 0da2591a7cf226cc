"""Checks and preparation before a run is resumed, for the app and the command line."""

import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from convae import files
from convae.config import TrainConfig
from convae.errors import RunError
from convae.runs import settings_file

if TYPE_CHECKING:
    from convae.runs.run import Run

RATE_KEYS = ("learning_rate", "learning_rate_asked_at")  # of control.json


def diverged_rate(run: "Run") -> float:
    """The highest learning rate of the epoch in which this run diverged; 0 if it did not."""
    status = run.status()
    if status.state != "diverged":
        return 0.0
    return status.learning_rate or run.config().learning_rate


def smaller_rate(rate: float) -> float:
    """A learning rate to suggest after a divergence at `rate`: a tenth of it."""
    return max(float(f"{rate / 10:.2g}"), 1e-7)


def prepare(
    run: "Run", longer: TrainConfig | None = None, learning_rate: float | None = None
) -> None:
    """Prepare a run without a process for resuming.

    longer: its settings with another number of epochs. learning_rate: the rate from now on, which
    decays with the rest of the schedule. Without either, a rate asked for earlier stays in force;
    stop and pause are over. Raises RunError for an uploaded or damaged run, and for a diverged one
    without a smaller learning rate, as it would diverge again; ConfigError for a rate out of range.
    """
    run.check_resumable()
    control = files.read_json(run.path / "control.json")
    control = {key: control[key] for key in RATE_KEYS if RATE_KEYS[1] in control and key in control}
    if learning_rate is not None:
        learning_rate = replace(run.config(), learning_rate=learning_rate).learning_rate
        control = dict(zip(RATE_KEYS, (learning_rate, time.time()), strict=True))
    elif longer is not None:
        control = {}  # it was requested for the previous schedule
    limit = diverged_rate(run)
    if limit and (learning_rate is None or learning_rate >= limit):
        given = f"`learning_rate` (={learning_rate:g}) is too high: " if learning_rate else ""
        example = f"{smaller_rate(limit):g}"
        raise RunError(
            f"{given}`{run.id}` diverged at step {run.status().step} with a learning rate of "
            f"{limit:g} and would diverge again; resume it with a smaller one, for example "
            f"{example}.",
            f"That is --learning-rate {example}.",
        )
    if longer is not None:
        settings_file.write(run.path, longer)
    files.write_atomically(run.path / "control.json", json.dumps(control).encode())

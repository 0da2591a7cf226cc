"""What the training loop reports, and what the user requests of it."""

import math
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True)
class EpochRecord:
    """One pass over the training images: a row of history.jsonl. Losses are of the configured kind,
    per value.

    val_noise: standard deviation of the noise on the validation input, as a share of the pixel
    range, or the mean of several. Above 0, val_loss and val_psnr compare the reconstruction of
    noisy images with the clean ones.
    train_kl: KL divergence of a variational model's codes from the standard normal distribution, in
    nats per image; train_loss is its reconstruction term alone.
    """

    epoch: int
    step: int
    train_loss: float
    val_loss: float
    val_psnr: float
    learning_rate: float
    images_per_s: float
    elapsed_s: float
    memory_mb: float
    val_noise: float = 0.0
    train_kl: float = 0.0

    @property
    def is_finite(self) -> bool:
        """False where the training diverged in this epoch."""
        return math.isfinite(self.train_loss) and math.isfinite(self.val_loss)


class Progress(NamedTuple):
    """Where the run is inside an epoch. `remaining_s` is an estimate."""

    epoch: int
    step: int
    steps: int
    train_loss: float
    learning_rate: float
    images_per_s: float
    elapsed_s: float
    remaining_s: float


class Event(NamedTuple):
    """A change made by the user or the trainer: 'paused', 'learning rate 0.001', ..."""

    epoch: int
    step: int
    what: str


class Ended(NamedTuple):
    """The last item of every ``fit``: state is done, stopped or diverged."""

    state: str
    message: str


@dataclass
class Requests:
    """What the user requests of a run right now. ``learning_rate`` 0 means as scheduled, None that
    nothing was requested; ``asked_at`` differs between two requests for the same rate."""

    stop: bool = False
    pause: bool = False
    learning_rate: float | None = None
    asked_at: float = 0.0

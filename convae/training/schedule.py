"""The learning rate over a run: the schedule, and a rate that the user requests while it trains."""

import math
from typing import Any

from convae.config import TrainConfig

WARM_UP = 0.05  # share of a onecycle run in which the rate rises


def learning_rate_share(schedule: str, progress: float) -> float:
    """The schedule as a share of its peak, for progress in [0, 1]."""
    if schedule == "constant":
        return 1.0
    if schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * progress))
    return max(min(progress / WARM_UP, (1 - progress) / (1 - WARM_UP)), 1e-4)


def remaining_share(schedule: str, progress: float) -> float:
    """The highest share from here to the end of the schedule; it never rises with progress."""
    if schedule == "onecycle":
        progress = max(progress, WARM_UP)
    return learning_rate_share(schedule, progress)


class LearningRate:
    """The learning rate as a function of progress in [0, 1].

    requested: the rate that the user requested, 0 for as scheduled; requested_at tells one request
    from the next.
    """

    def __init__(self, config: TrainConfig):
        self.config = config
        self.requested, self.requested_at = 0.0, 0.0
        self.share_at_request = 1.0  # remaining share of the schedule at the time of the request

    def at(self, progress: float) -> float:
        """As scheduled, or the requested rate with its decay since the request."""
        schedule = self.config.schedule
        if not self.requested:
            return self.config.learning_rate * learning_rate_share(schedule, progress)
        remaining = remaining_share(schedule, progress)
        return self.requested * min(remaining / self.share_at_request, 1.0)

    def request(self, rate: float, progress: float, requested_at: float = 0.0) -> None:
        """Set the rate now. It decays with the rest of the schedule and never rises above `rate`,
        not even in a warm-up; 0 returns to the schedule."""
        self.requested, self.requested_at = rate, requested_at
        self.share_at_request = max(remaining_share(self.config.schedule, progress), 1e-12)

    def state(self) -> dict[str, Any]:
        """Plain values, a part of `Trainer.state`."""
        return {
            "asked_rate": self.requested, "asked_share": self.share_at_request,
            "asked_at": self.requested_at, "epochs": self.config.epochs,
        }  # fmt: skip

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from `state`. A request made for another number of epochs is dropped: its
        schedule no longer applies."""
        self.requested = state.get("asked_rate", self.requested)
        self.share_at_request = state.get("asked_share", self.share_at_request)
        self.requested_at = state.get("asked_at", self.requested_at)
        if state.get("epochs") != self.config.epochs:
            self.requested = 0.0

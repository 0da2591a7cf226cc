"""Sums over the steps of one epoch: mean losses, speed and the highest learning rate."""

import time

import torch
from torch import Tensor
from torch import distributed as dist

from convae.models.devices import world


class EpochSums:
    """Counts the steps of one epoch in this session; new for each epoch.

    The sums stay on the device, so that a step does not wait for it.
    """

    def __init__(self, device: torch.device, batch_size: int):
        """batch_size: images per step, over all processes."""
        self.batch_size = batch_size
        self.began = time.perf_counter()
        self.steps = 0
        self.highest_rate = 0.0
        self.loss = torch.zeros((), device=device)
        self.kl = torch.zeros((), device=device)  # nats per image

    def add(self, loss: Tensor, kl: Tensor | None, rate: float) -> None:
        """Count one step: its reconstruction loss, its KL divergence and its learning rate."""
        self.steps += 1
        self.loss += loss
        if kl is not None:
            self.kl += kl
        self.highest_rate = max(rate, self.highest_rate)

    def mean_loss(self) -> float:
        """Mean reconstruction loss, over all processes; 0.0 before a step."""
        return self._mean(self.loss)

    def mean_kl(self) -> float:
        """Mean KL divergence in nats per image, over all processes; 0.0 before a step."""
        return self._mean(self.kl)

    def _mean(self, total: Tensor) -> float:
        if not self.steps:
            return 0.0
        _, processes = world()
        if processes > 1:
            total = total / processes
            dist.all_reduce(total)
        return (total / self.steps).item()

    def exclude(self, seconds: float) -> None:
        """Leave this time out of the speed: a pause."""
        self.began += seconds

    def images_per_s(self) -> float:
        """Training speed over all processes, without pauses."""
        return self.steps * self.batch_size / (time.perf_counter() - self.began)

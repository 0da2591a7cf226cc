"""Validation: loss and PSNR of a model on the images that are never trained on."""

import time
from collections.abc import Callable

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from convae.config import TrainConfig
from convae.evaluation import metrics
from convae.models.autoencoder import BATCH
from convae.training import noise
from convae.training.optim import loss_of


class Validation:
    """The validation images on the device, with the network input for each noise level.

    images: uint8 (M, 32, 32, 3), M >= 1. With ``noise_std`` the input is noisy: the same at each
    epoch, in each training session and on any device.
    """

    def __init__(
        self,
        images: np.ndarray,
        config: TrainConfig,
        device: torch.device,
        layout: torch.memory_format,
    ):
        self.loss, self.layout = config.loss, layout
        self.images = torch.from_numpy(np.ascontiguousarray(images)).to(device)
        self.inputs = [self.images]
        if config.noise_std:
            self.inputs = [
                torch.from_numpy(noisy).to(device)
                for noisy in noise.validation_inputs(images, config)
            ]

    @property
    def reconstructions(self) -> int:
        """Images that one validation reconstructs, over all noise levels."""
        return len(self.images) * len(self.inputs)

    @torch.no_grad()
    def measure(
        self, model: nn.Module, heartbeat: Callable[[], object]
    ) -> tuple[float, float, float]:
        """(loss, PSNR in dB, at most EXACT_DB, seconds per reconstruction), without flips.

        With ``noise_std`` it is the denoising PSNR: noisy input, clean target. With ``noise_range``
        both are means over the levels of `noise.validation_sigmas`. heartbeat is called after each
        batch.
        """
        count = len(self.images)
        was_training, began = model.training, time.perf_counter()
        model.eval()
        losses, psnrs = [], []
        for noisy in self.inputs:
            loss, squared = 0.0, 0.0
            for start in range(0, count, BATCH):
                target, x = (
                    images[start : start + BATCH]
                    .permute(0, 3, 1, 2)
                    .to(torch.float32, memory_format=self.layout)
                    .div_(255)
                    for images in (self.images, noisy)
                )
                rebuilt = model(x)
                loss += loss_of(self.loss, rebuilt, target).item() * len(target)
                squared += F.mse_loss(rebuilt.clamp(0, 1), target).item() * len(target)
                heartbeat()
            losses.append(loss / count)
            psnrs.append(metrics.capped_psnr(squared / count))
        model.train(was_training)
        seconds = (time.perf_counter() - began) / self.reconstructions
        return sum(losses) / len(losses), sum(psnrs) / len(psnrs), seconds

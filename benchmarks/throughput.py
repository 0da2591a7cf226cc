"""Images per second of training and encoding: ours against the loop everyone writes, paired.

    python benchmarks/throughput.py [--device cpu|cuda] [--threads 2] [--rounds 3] [--steps 6]
                                    [--precision auto|float32]

Each round times every variant once, in turn, so that a noisy machine is noisy for all; a figure is
the median over rounds. "Straightforward" is float32, a DataLoader over a torchvision data set with
RandomHorizontalFlip and ToTensor, and Adam. "Limit" is our step on one batch that is already there:
what no way of feeding can pass. Codes are made in float32, and at the precision that `auto` picks
("ours"). Images are random: speed does not depend on what they show. With
ONEDNN_MAX_CPU_ISA=AVX2 ATEN_CPU_CAPABILITY=avx2 and --precision float32 a processor computes as one
that has neither AVX-512 nor bfloat16.
"""

import argparse
import os
import platform
import statistics
import time

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

from convae import images as pixels
from convae.config import ModelConfig, TrainConfig
from convae.flat_config import from_flat
from convae.models.autoencoder import BATCH as BATCH_OF_CODES
from convae.models.autoencoder import ConvAutoencoder
from convae.models.card import Card
from convae.models.checkpoints import Checkpoint
from convae.models.devices import pick_precision
from convae.training.trainer import Trainer

BATCH = 256
MODELS = {"classic": 256, "residual": 128, "strided": 128}


class Images(datasets.VisionDataset):
    """As torchvision's CIFAR10 hands images out: one PIL image a time, through the transform."""

    def __init__(self, images, transform):
        super().__init__(root="", transform=transform)
        self.images = images

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return self.transform(Image.fromarray(self.images[index]))


def loader(images, training):
    steps = [transforms.RandomHorizontalFlip()] if training else []
    data = Images(images, transforms.Compose([*steps, transforms.ToTensor()]))
    return DataLoader(data, batch_size=BATCH, shuffle=training, drop_last=training)


def synchronize(device):
    if device.type == "cuda":
        torch.cuda.synchronize()


class Straightforward:
    def __init__(self, architecture, latent_dim, images, device):
        self.model = ConvAutoencoder(ModelConfig(architecture, latent_dim)).to(device)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3)
        self.images, self.device = images, device

    def train(self, steps):
        for step, x in enumerate(loader(self.images, True)):
            if step == steps:
                break
            x = x.to(self.device)
            loss = F.mse_loss(self.model(x), x)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            loss.item()

    def encode(self, images):
        self.model.eval()
        with torch.no_grad():
            codes = [self.model.f(x.to(self.device)).cpu() for x in loader(images, False)]
        self.model.train()
        return torch.cat(codes).numpy()


class Ours:
    def __init__(self, architecture, latent_dim, images, device, layout=None, **changes):
        asked = {"architecture": architecture, "latent_dim": latent_dim, "batch_size": BATCH,
                 "optimizer": "adam", "device": device.type} | changes  # fmt: skip
        self.trainer = Trainer.create(from_flat(asked), images, images[:2], layout=layout)
        self.order = self.trainer.order()

    def train(self, steps):
        for step in range(steps):
            at = step * BATCH % (len(self.order) - BATCH + 1)
            self.trainer.train_step(self.order[at : at + BATCH])


class Encoding:
    """Codes as the app makes them; `limit` runs the encoder alone, on a batch that is there."""

    def __init__(self, architecture, latent_dim, device, precision, limit=False):
        model = ConvAutoencoder(ModelConfig(architecture, latent_dim)).to(device)
        self.checkpoint = Checkpoint("untrained", Card(TrainConfig()), model)
        self.precision, self.limit = precision, limit

    def encode(self, images):
        if not self.limit:
            return self.checkpoint.encode(images, self.precision)
        model = self.checkpoint.model
        x = pixels.to_batch(images[:BATCH_OF_CODES], model.device)
        dtype = pick_precision(self.precision, model.device)
        mixed = dtype != torch.float32  # which autocast refuses, with a warning
        with torch.no_grad(), torch.autocast(model.device.type, dtype, enabled=mixed):
            for _ in range(0, len(images), BATCH_OF_CODES):
                model.f(x)


class Limit(Ours):
    """The same step on a batch that stays where it is."""

    def train(self, steps):
        batch = self.trainer.batches.clean(self.order[:BATCH])
        self.trainer.batches.clean = lambda chosen: batch
        super().train(steps)
        del self.trainer.batches.clean


def speeds(variants, work, count, device, rounds):
    """Median images/s of each variant: one warm-up, then `rounds` rounds in turn."""
    found = {name: [] for name in variants}
    for round_ in range(rounds + 1):
        for name, variant in variants.items():
            synchronize(device)
            began = time.perf_counter()
            work(variant)
            synchronize(device)
            if round_:
                found[name].append(count / (time.perf_counter() - began))
    return {name: statistics.median(values) for name, values in found.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--precision", default="auto", choices=("auto", "float32"), help="of ours")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    device = torch.device(asked.device)
    images = np.random.default_rng(0).integers(0, 256, (asked.images, 32, 32, 3), np.uint8)
    name = torch.cuda.get_device_name() if device.type == "cuda" else (
        torch.cpu.get_capabilities().get("cpu_name") or platform.processor())  # fmt: skip
    print(f"{name}, {asked.threads} threads, torch {torch.__version__}, batch {BATCH}")
    print("\ntraining, images/s")
    print(f"{'':10}{'straightforward':>16}{'float32':>9}{'ours':>8}{'limit':>8}"
          f"{'ratio':>8}{'of limit':>10}")  # fmt: skip
    for architecture, latent_dim in MODELS.items():
        make = (architecture, latent_dim, images, device)
        variants = {
            "straight": Straightforward(*make),
            "float32": Ours(*make, precision="float32"),
            "ours": Ours(*make, precision=asked.precision),
            "limit": Limit(*make, precision=asked.precision),
        }
        s = speeds(variants, lambda v: v.train(asked.steps), asked.steps * BATCH, device,
                   asked.rounds)  # fmt: skip
        print(f"{architecture:10}{s['straight']:>16,.0f}{s['float32']:>9,.0f}{s['ours']:>8,.0f}"
              f"{s['limit']:>8,.0f}{s['ours'] / s['straight']:>7.2f}x"
              f"{s['ours'] / s['limit']:>10.0%}", flush=True)  # fmt: skip
    print("\nencoding, images/s")
    print(f"{'':10}{'straightforward':>16}{'float32':>9}{'ours':>8}{'limit':>8}{'ratio':>8}")
    part = images[:2000] if device.type == "cpu" else images
    for architecture, latent_dim in MODELS.items():
        make = (architecture, latent_dim)
        variants = {
            "straight": Straightforward(*make, images, device),
            "float32": Encoding(*make, device, "float32"),
            "ours": Encoding(*make, device, asked.precision),
            "limit": Encoding(*make, device, asked.precision, limit=True),
        }
        s = speeds(variants, lambda v: v.encode(part), len(part), device, asked.rounds)
        print(f"{architecture:10}{s['straight']:>16,.0f}{s['float32']:>9,.0f}{s['ours']:>8,.0f}"
              f"{s['limit']:>8,.0f}{s['ours'] / s['straight']:>7.2f}x", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()

"""What each of our means of speed brings by itself, paired in one run.

    python -m benchmarks.ablation [--device cpu|cuda] [--threads 2] [--rounds 5] [--compile]
                                  [--precision auto|float32]

Training: a step as `Trainer` makes it, with each memory layout and precision, whatever
`convae.models.devices` would pick. Encoding: from float32, laid out color by color, 500 images a
batch, one change after the other, then a few that were not taken. `--compile` adds torch.compile,
which needs a C++ compiler on the CPU and half a minute for each model; on a GPU also with CUDA
graphs. With `--precision float32`, and where convae would not use bfloat16, rows of bfloat16 are
left out and torch.compile is measured in float32.
"""

import argparse
import copy
import os

import numpy as np
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from benchmarks.throughput import BATCH, MODELS, Ours, Straightforward, speeds
from convae.config import ModelConfig
from convae.models.autoencoder import ConvAutoencoder
from convae.models.devices import pick_precision

PLAIN, LAST = torch.contiguous_format, torch.channels_last


class Step(Ours):
    """`Trainer`'s step with this precision and layout; `mode` is torch.compile's, "" is none."""

    def __init__(self, make, precision, layout, mode=""):
        super().__init__(*make, layout, precision=precision)
        if mode:
            self.trainer.network = torch.compile(self.trainer.network, mode=mode)


class Encoder:
    """The encoder alone, fed with `batch` images at a time; its weights are cast once."""

    def __init__(self, model, device, batch=500, layout=PLAIN, dtype=torch.float32, mode=""):
        self.device, self.batch, self.layout, self.dtype = device, batch, layout, dtype
        own = copy.deepcopy(model).to(device, dtype, memory_format=layout)
        self.encode_batch = own.encoder_output
        if mode:
            self.encode_batch = torch.compile(self.encode_batch, mode=mode)

    @torch.inference_mode()
    def encode(self, images):
        for start in range(0, len(images), self.batch):
            x = torch.from_numpy(images[start : start + self.batch]).to(self.device)
            x = x.permute(0, 3, 1, 2).to(self.dtype, memory_format=self.layout).div_(255)
            self.encode_batch(x).float().cpu()


class Autocast(Encoder):
    """float32 weights, cast by torch as it goes: what `ConvAutoencoder.encode` does."""

    def encode(self, images):
        with torch.autocast(self.device.type, torch.bfloat16):
            super().encode(images)


def folded(model):
    """A copy whose encoder has its batch normalization inside the convolutions before it."""
    model = copy.deepcopy(model)
    layers = []
    for layer in model.encoder.children():
        if isinstance(layer, nn.BatchNorm2d):
            layers[-1] = fuse_conv_bn_eval(layers[-1], layer)
        else:
            layers.append(layer)
    model.encoder = nn.Sequential(*layers)
    return model


def steps(make, modes, precision):
    """name -> a way to train; `modes` are those of torch.compile, by name; the precision is the
    lowest to measure: bf16 or float32."""
    found = {
        "float32": Step(make, "float32", PLAIN),
        "channels_last": Step(make, "float32", LAST),
    }
    best = "channels_last"
    if precision == "bf16":
        best = "both"
        found |= {"bfloat16": Step(make, "bf16", PLAIN), "both": Step(make, "bf16", LAST)}
    return found | {f"{best}, {n}": Step(make, precision, LAST, mode) for n, mode in modes.items()}


def encoders(architecture, latent_dim, images, device, modes, precision):
    """name -> a way to encode, the first what everyone writes; arguments as for `steps`."""
    model = ConvAutoencoder(ModelConfig(architecture, latent_dim)).eval().requires_grad_(False)
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    found = {
        "straightforward": Straightforward(architecture, latent_dim, images, device),
        "uint8 fed at once": Encoder(model, device),
        "+ 125 a batch": Encoder(model, device, 125),
        "+ channels_last": Encoder(model, device, 125, LAST),
    }
    if precision == "bf16":
        found["+ bfloat16"] = Autocast(model, device, 125, LAST)
        found["weights cast once"] = Encoder(model, device, 125, LAST, dtype)
    if architecture == "classic":
        found["and folded"] = Encoder(folded(model), device, 125, LAST, dtype)
    for name, mode in modes.items():
        found[f"and {name}"] = Encoder(model, device, 125, LAST, dtype, mode)
    return found


def show(title, variants, work, count, device, rounds):
    print(f"\n{title}", flush=True)
    found = speeds(variants, work, count, device, rounds)
    first = next(iter(found.values()))
    for name, speed in found.items():
        print(f"  {name:22}{speed:>9,.0f}{speed / first:>7.2f}x", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--precision", choices=("auto", "float32"), default="auto")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    device = torch.device(asked.device)
    native = pick_precision(asked.precision, device) == torch.bfloat16
    precision = "bf16" if native else "float32"
    modes = {"compiled": "default"} if asked.compile else {}
    if asked.compile and device.type == "cuda":
        modes["CUDA graphs"] = "reduce-overhead"
    many = 2 if device.type == "cpu" else 50
    images = np.random.default_rng(0).integers(0, 256, (2_000, 32, 32, 3), np.uint8)
    print(f"{device.type}, {asked.threads} threads, torch {torch.__version__}; images/s")
    for architecture, latent_dim in MODELS.items():
        make = (architecture, latent_dim, images, device)
        training = steps(make, modes, precision)
        encoding = encoders(*make, modes, precision)
        show(f"training {architecture}", training, lambda v: v.train(many),
             many * BATCH, device, asked.rounds)  # fmt: skip
        show(f"encoding {architecture}", encoding, lambda v: v.encode(images),
             len(images), device, asked.rounds)  # fmt: skip


if __name__ == "__main__":
    main()

"""Training speed on this machine: one second of training in a process of its own, cached on disk.

The page calls `known` and, where nothing is known yet, `start`: the result is in the cache a few
seconds later. Neither imports torch.
"""

import json
import os
import sys
import time
from pathlib import Path

from convae import files, processes
from convae.config import TrainConfig, from_json
from convae.errors import ConvaeError
from convae.runs import forecast, snapshots

KEPT_S = 3600.0  # a machine that was busy may be idle later
SECONDS = 1.0  # of training steps, after two to warm up
# images of the training splits, less those kept for validation: known without making them
IMAGES = {"cifar10": 49_000, "shapes": 9_800, "digits": 1_409, "photos": 4_419}
TEST_IMAGES = {"cifar10": 10_000, "shapes": 2_000, "digits": 360, "photos": 1_923}


def _path(config: TrainConfig) -> Path:
    model = config.model
    words = [model.architecture, *model.channels, model.latent_dim, config.batch_size]
    words += [config.device, config.precision]
    words += [name for name in ("nested_dropout", "variational") if getattr(model, name)]
    folder = files.folder("CACHE")
    return folder / f"speed-{'-'.join(map(str, words))}.json"


def known(config: TrainConfig) -> float | None:
    """Training speed in images/s where it was measured; None where it was not yet.

    Raises ConvaeError with the message of the measurement where such a model cannot be trained.
    """
    result = files.read_json(_path(config))
    if not time.time() - KEPT_S < result.get("measured", 0) <= time.time():
        return None
    if "error" in result:
        raise ConvaeError(str(result["error"]))
    speed = result.get("images_per_s")
    return float(speed) if isinstance(speed, int | float) and speed > 0 else None


def start(config: TrainConfig) -> bool:
    """Start a measurement in the background; False where one is running already."""
    path = _path(config)
    lock = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = processes.take_lock(path.parent / "speed.lock")
        if lock is None:
            return False
        processes.spawn(["convae.training.speed_probe", config.to_json()], Path(os.devnull), [lock])
        return True
    except OSError:  # the cache is not writable, or no process can be started: no estimate
        return False
    finally:
        if lock is not None:
            os.close(lock)


def measure(config: TrainConfig, seconds: float = SECONDS) -> float:
    """Images per second of training with these settings on this machine, on random images."""
    import numpy as np
    import torch

    from convae.training.trainer import Trainer

    count = config.batch_size
    images = np.random.default_rng(0).integers(0, 256, (count, 32, 32, 3), np.uint8)
    weights = torch.ones(config.model.latent_dim) if config.model.nested_dropout else None
    trainer = Trainer.create(config, images, images[:1], length_weights=weights)
    trainer.model.train()
    order = trainer.order()
    for _ in range(2):
        trainer.train_step(order).item()
    began, steps = time.perf_counter(), 0
    while not steps or time.perf_counter() - began < seconds:
        trainer.train_step(order).item()
        steps += 1
    return steps * len(order) / (time.perf_counter() - began)


def estimate_s(config: TrainConfig, images: int, images_per_s: float, test_images: int) -> float:
    """Seconds that the whole run will take, from the start to the figures on the test images."""
    per_image_s = forecast.evaluation_s(images_per_s, config.model.refinement_steps)
    validation = min(max(images // 49, 1), 1000)  # besides the training images

    def others(epochs: int) -> float:
        per_epoch = validation + snapshots.IMAGES
        return STARTUP_S + forecast.after_training_s(per_image_s, epochs, per_epoch, test_images)

    if config.time_budget_s:
        return config.time_budget_s + others(1)
    used = min(config.data.limit or images, images)
    return config.epochs * used / max(images_per_s, 1e-9) + others(config.epochs)


STARTUP_S = 6.0  # importing torch, reading the images, PCA


def main(text: str) -> None:
    from convae.training.failures import is_out_of_memory

    processes.keep_locks()
    config = from_json(text)
    os.nice(5)
    try:
        result = {"images_per_s": round(measure(config), 1)}
    except (ConvaeError, RuntimeError, MemoryError) as error:
        sentence = str(error)
        if is_out_of_memory(error):
            sentence = "Out of memory: use a smaller batch or fewer channels."
        elif not isinstance(error, ConvaeError):
            sentence = f"The training speed could not be measured: {sentence[:200]}"
        result = {"error": sentence}
    result["measured"] = time.time()
    _path(config).parent.mkdir(parents=True, exist_ok=True)
    files.write_atomically(_path(config), json.dumps(result).encode())


if __name__ == "__main__":
    main(sys.argv[1])

"""A run's curves as TensorBoard events, if it is installed: `tensorboard --logdir runs`."""

import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Any

from convae.training.reports import EpochRecord

NAMES = {
    "train_loss": "loss/training",
    "val_loss": "loss/validation",
    "val_psnr": "PSNR (dB)/validation",
    "learning_rate": "learning rate",
    "images_per_s": "speed/images per second",
}


class Scalars:
    """Writes to runs/<id>/tensorboard/, or does nothing where tensorboard is not installed.

    TensorBoard is imported at the first epoch, because that takes a second.
    """

    def __init__(self, folder: Path):
        self.folder, self.writer, self.tried = folder / "tensorboard", None, False

    def add(self, record: EpochRecord) -> None:
        if not self.tried:
            self.tried = True
            self.writer = _writer(self.folder, purge_step=record.step)
        if self.writer is None:
            return
        values = asdict(record)
        for key, name in NAMES.items():
            if key == "val_psnr" and record.val_noise:
                name = f"denoising {name}"
            self.writer.add_scalar(name, values[key], record.step)
        if record.train_kl:
            self.writer.add_scalar("KL (nats per image)/training", record.train_kl, record.step)
        self.writer.flush()

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()


def _writer(folder: Path, purge_step: int) -> Any:  # a SummaryWriter or None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # from its dependencies
            from torch.utils.tensorboard import SummaryWriter
    except Exception:  # absent or broken: a run must not fail because of it
        return None
    return SummaryWriter(str(folder), purge_step=purge_step)

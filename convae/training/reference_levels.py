"""Reference levels for a loss curve: the baselines that a run is compared with.

They are measured on the validation images of the run, as its curve is.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from convae import files, records
from convae.evaluation import metrics
from convae.evaluation.pca import PCA

Levels = dict[str, dict[str, float]]
FLOOR = "floor: entropy of the pixels"
PCA_PREFIX = "PCA, "  # of the name of its level; it may have fewer values than the run


def measure(
    loss: str,
    latent_dim: int,
    pca: PCA,
    validation: np.ndarray,
    inputs: Sequence[np.ndarray] | None = None,
) -> Levels:
    """{"PCA, 16 values": {"psnr": dB, "loss": as configured}}; for bce the floor too, loss alone.

    validation: uint8 (N, 32, 32, 3), N >= 1. inputs: the noisy copies of them that a denoiser is
    validated on (`noise.validation_inputs`); PCA gets these, is compared with the clean ones,
    and its figures are the mean over the copies. The floor is the mean entropy of the pixels: no
    model's cross-entropy is below it.
    """
    rebuilt = [pca.reconstruct(noisy, latent_dim) for noisy in inputs or [validation]]
    levels = {f"{PCA_PREFIX}{latent_dim} values": level(loss, validation, rebuilt)}
    if loss == "bce":
        levels[FLOOR] = {"loss": float(metrics.pixel_entropy(validation))}
    return levels


def level(loss: str, validation: np.ndarray, rebuilt: Sequence[np.ndarray]) -> dict[str, float]:
    """{"psnr": dB, "loss": as configured}, the mean over several reconstructions of the validation
    images, uint8 (N, 32, 32, 3) each."""
    psnrs = [min(metrics.set_psnr(validation, item), metrics.EXACT_DB) for item in rebuilt]
    losses = [_loss(loss, validation, item) for item in rebuilt]
    return {"psnr": float(np.mean(psnrs)), "loss": float(np.mean(losses))}


def _loss(kind: str, images: np.ndarray, rebuilt: np.ndarray) -> float:
    x, y = images.astype(np.float32) / 255, rebuilt.astype(np.float32) / 255
    if kind == "mse":
        return float(np.mean((x - y) ** 2, dtype=np.float64))
    if kind == "l1":
        return float(np.mean(np.abs(x - y), dtype=np.float64))
    y = y.clip(1e-4, 1 - 1e-4)
    return float(np.mean(-x * np.log(y) - (1 - x) * np.log1p(-y), dtype=np.float64))


def write(folder: Path, levels: Levels, images: str = "") -> None:
    """Write the levels; `images` identifies the images they were measured on."""
    content = {"images": images} | levels if images else levels
    files.write_atomically(folder / "rungs.json", json.dumps(content).encode())


def pca_psnr(folder: Path) -> float | None:
    """The PSNR in dB of PCA beside a run; None where it was not measured."""
    levels = [level for name, level in read(folder).items() if name.startswith(PCA_PREFIX)]
    return levels[0].get("psnr") if levels else None


def images_of(folder: Path) -> str:
    """Identifies the images the levels were measured on; "" where that is not known."""
    return records.value(files.read_json(folder / "rungs.json").get("images"), str) or ""


def read(folder: Path) -> Levels:
    """The levels that ``write`` wrote; {} where there are none or the file is damaged."""
    levels = {}
    for name, level in files.read_json(folder / "rungs.json").items():
        if isinstance(level, dict):
            levels[records.value(name, str)] = records.typed(level, {"psnr": float, "loss": float})
    return levels


def passed(history: Sequence[Mapping[str, Any]], levels: Levels) -> dict[str, int | None]:
    """Name -> the first epoch whose validation PSNR is above the level, or None. Levels without a
    PSNR, such as the floor, are left out."""
    rows = records.comparable(history)
    return {
        name: next((row["epoch"] for row in rows if row["val_psnr"] > level["psnr"]), None)
        for name, level in levels.items()
        if "psnr" in level
    }


def sentence(history: Sequence[Mapping[str, Any]], levels: Levels) -> str:
    """The run compared with its levels: 'Above PCA, 16 values (20.10 dB) since epoch 7.'"""
    if not history:
        return ""
    best = max(row["val_psnr"] for row in records.comparable(history))
    noise = records.val_noise(history)
    parts = [f"{records.psnr_title(noise)}:"] if noise else []
    for name, epoch in passed(history, levels).items():
        level = levels[name]["psnr"]
        if epoch is not None:
            parts.append(f"Above {name} ({level:.2f} dB) since epoch {epoch}.")
        else:
            parts.append(f"{level - best:.2f} dB below {name} ({level:.2f} dB).")
    return " ".join(parts)

"""The quality table: every shipped checkpoint beside PCA with as many values, on the same images.

    python -m benchmarks.quality --data SPEC --fit-data SPEC [NAME ...] [--curves]

NAMEs are further checkpoints or runs, such as a reference trained by the same budget. PSNR is that
of the whole set, 10 log10(1 / mean squared error), of 8-bit images; "guess" is that of the encoder
alone, where codes are refined after it. --curves adds, for runs here, when each passed PCA and
the others of its size on its own validation images.
"""

import argparse
import platform

import torch

from convae import data, files
from convae.evaluation import compare
from convae.evaluation.pca import pca_for
from convae.models import checkpoints
from convae.training import reference_levels


def first_above(path, level: float) -> str:
    """'epoch 1, 40 s' for the first epoch of a run above this PSNR; '-' where none is."""
    rows, _ = files.read_lines(path / "history.jsonl")
    for row in rows:
        if row["val_psnr"] > level:
            return f"epoch {row['epoch']}, {row['elapsed_s']:,.0f} s"
    return "-"


def passed(path, others) -> str:
    """When a run passed PCA and the best of each other run with as many values in its codes, on
    its own validation images."""
    levels = {k: v["psnr"] for k, v in reference_levels.read(path).items() if "psnr" in v}
    for other in others:
        rows, _ = files.read_lines(other / "history.jsonl")
        if rows and other != path:
            levels[other.name] = max(row["val_psnr"] for row in rows)
    crossings = [
        f"{name} ({psnr:.2f} dB): {first_above(path, psnr)}" for name, psnr in levels.items()
    ]
    return "; ".join(crossings) or "-"


def effort(card) -> tuple[int, float]:
    """Epochs and seconds of a model's training, those of the models it started from included."""
    epochs, seconds = 0, 0.0
    while card:
        training = card.get("training") or {}
        epochs += training.get("epoch", 0)
        seconds += training.get("elapsed_s", 0.0)
        card = card.get("started_from")
    return epochs, seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="further checkpoints or runs")
    parser.add_argument("--data", required=True, help="images to measure on: the test split")
    parser.add_argument("--fit-data", required=True, help="PCA is fitted on the training split")
    parser.add_argument("--refinement-steps", type=int, help="refinement steps for all codes")
    parser.add_argument("--curves", action="store_true", help="when each run passed PCA")
    asked = parser.parse_args()
    test = data.load(asked.data, "test")
    pca = pca_for(data.load(asked.fit_data, "train"))
    classes = set(test.class_names)
    shipped = [
        e.name for e in checkpoints.listing()
        if e.path.parent == checkpoints.root() and classes <= set(e.card.classes)
    ]  # fmt: skip
    print(
        f"{len(test)} test images of {test.name}; PCA fitted on {asked.fit_data}; torch "
        f"{torch.__version__}, Python {platform.python_version()}\n"
    )
    print(
        "| model | values | parameters | epochs | training | PSNR (dB) | guess (dB) | PCA (dB) | "
        "gain | SSIM |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    curves = []
    for name in dict.fromkeys([*shipped, *asked.names]):
        checkpoint = checkpoints.load(name)
        if asked.refinement_steps is not None:
            checkpoint = checkpoint.with_refinement_steps(asked.refinement_steps)
        dims = checkpoint.config.latent_dim
        found = compare.measure(checkpoint, test.images)
        guess = compare.measure(checkpoint.with_refinement_steps(0), test.images)["psnr"]
        straight = compare.measure(_Linear(pca, dims), test.images)["psnr"]
        epochs, seconds = effort(checkpoint.card.to_dict())
        print(
            f"| {name} | {dims} | {checkpoint.model.parameter_count:,} | "
            f"{epochs} | {seconds / 60:.0f} min | "
            f"{found['psnr']:.2f} | {guess:.2f} | {straight:.2f} | "
            f"{found['psnr'] - straight:+.2f} | {found['ssim']:.4f} |"
        )
        curves.append((dims, checkpoints.find(name)))
    if asked.curves:
        print("\nWhen each passed, on its own validation images:")
        for dims, path in curves:
            others = [other for size, other in curves if size == dims]
            print(f"* {path.name}: {passed(path, others)}")


class _Linear:
    """PCA with so many values, as something that reconstructs."""

    def __init__(self, pca, latent_dim):
        self.pca, self.latent_dim = pca, latent_dim

    def reconstruct(self, images):
        return self.pca.reconstruct(images, self.latent_dim)


if __name__ == "__main__":
    main()

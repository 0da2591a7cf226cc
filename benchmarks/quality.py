"""Quality tables: shipped models beside PCA, JPEG, WebP and published figures, at equal size.

    python -m benchmarks.quality --data SPEC --fit-data SPEC [NAME ...] [--bits 16 5] [--curves]

One table for each number of bits of a latent value, grouped by latent dimension: each model with
its encoder only and, where its codes are refined, with its refinement steps; a model trained with
nested dropout also with the first K values of its codes; PCA with as many values; JPEG and WebP of
at most as many bytes. NAMEs are further checkpoints or runs. PSNR is that of the whole set,
10 log10(1 / mean squared error), of 8-bit images, beside the mean of the PSNRs of single images.
--curves adds, for runs here, when each passed PCA and the others of its size on its own validation
images.
"""

import argparse
import platform
from collections.abc import Iterator

import torch

from convae import data, files
from convae.data import ImageSet
from convae.evaluation import metrics
from convae.evaluation.compressors import (
    FLOAT,
    code_bytes,
    codec_methods,
    model_method,
    pca_method,
    reference_of,
    stored_codes,
)
from convae.evaluation.pca import pca_for
from convae.models import checkpoints
from convae.models.checkpoints import Checkpoint
from convae.training import reference_levels

# Published PSNR (dB) on all 10,000 CIFAR-10 test images, float32 codes, by latent dimension.
# UvA tutorial 9: P. Lippe, UvA Deep Learning Tutorials, deep autoencoders on CIFAR-10, 145 to 297
# epochs on an RTX 3090; of the whole set. COIN++: Dupont et al. 2022, codes found by 50 gradient
# steps; the mean of the PSNRs of single images.
PUBLISHED = {64: 21.51, 128: 23.87, 256: 26.81, 384: 28.82}
PUBLISHED_MEANS = {128: 24.69, 256: 27.87}
PREFIXES = (32, 64, 128)  # lengths at which a nested model is measured, besides its whole code
HEADER = (
    "| latent dimension | bytes | method | parameters | epochs | training | PSNR (dB) | "
    "mean of images (dB) | SSIM |\n|---|---|---|---|---|---|---|---|---|"
)


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


def methods_of(
    checkpoint: Checkpoint, test: ImageSet, reference: ImageSet, bits: int
) -> Iterator[tuple[int, str, metrics.Summary]]:
    """(latent dimension, description, figures) for each way to use this model's codes."""
    name, steps = checkpoint.name, checkpoint.config.refinement_steps
    encoder_only = checkpoint.with_refinement_steps(0)
    dims = checkpoint.config.latent_dim
    rebuilt = model_method(encoder_only, reference, bits).rebuild(test.images)
    yield dims, f"{name}, encoder only", metrics.summary(test.images, rebuilt)
    if steps:
        rebuilt = model_method(checkpoint, reference, bits).rebuild(test.images)
        yield dims, f"{name}, {steps} refinement steps", metrics.summary(test.images, rebuilt)
    if checkpoint.config.nested_dropout:
        codes = stored_codes(encoder_only, test.images, reference, bits)
        for length in PREFIXES:
            if length < dims:
                rebuilt = checkpoint.decode(codes, length)
                yield (
                    length,
                    f"{name}, first {length} values",
                    metrics.summary(test.images, rebuilt),
                )


def table(
    models: list[Checkpoint], test: ImageSet, fitted_on: ImageSet, bits: int
) -> Iterator[str]:
    """The rows of one table in Markdown, as they are measured."""
    pca, reference = pca_for(fitted_on), reference_of(test, fitted_on)
    rows: dict[int, list[tuple[str, str, metrics.Summary]]] = {}
    for checkpoint in models:
        epochs, seconds = effort(checkpoint.card.to_dict())
        made = f"{checkpoint.model.parameter_count:,} | {epochs} | {seconds / 60:.0f} min"
        for dims, name, found in methods_of(checkpoint, test, reference, bits):
            rows.setdefault(dims, []).append((name, made, found))
    for dims in sorted(rows):
        size = code_bytes(dims, bits)
        for name, made, found in rows[dims]:
            yield line(dims, size, name, made, found)
        for method in [pca_method(pca, fitted_on, dims, bits), *codec_methods(test.images, size)]:
            found = metrics.summary(test.images, method.rebuild(test.images))
            codec = method.values is None
            name = f"{method.name}, {method.details}" if codec else method.name
            yield line("-" if codec else dims, method.bytes_per_image, name, "- | - | -", found)
        if dims in PUBLISHED and bits == FLOAT:
            psnr = PUBLISHED[dims]
            yield f"| {dims} | - | UvA tutorial 9, published | - | - | - | {psnr:.2f} | - | - |"
        if dims in PUBLISHED_MEANS and bits == FLOAT:
            mean = PUBLISHED_MEANS[dims]
            yield f"| {dims} | - | COIN++, 50 steps, published | - | - | - | - | {mean:.2f} | - |"


def line(dims: int | str, size: float, name: str, made: str, found: metrics.Summary) -> str:
    figures = f"{found.psnr:.2f} | {found.psnr_mean:.2f} | {found.ssim:.4f}"
    return f"| {dims} | {size:.1f} | {name} | {made} | {figures} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="further checkpoints or runs")
    parser.add_argument("--data", required=True, help="images to measure on: the test split")
    parser.add_argument("--fit-data", required=True, help="PCA is fitted on the training split")
    parser.add_argument("--bits", type=int, nargs="+", default=[FLOAT], help="bits per value")
    parser.add_argument("--refinement-steps", type=int, help="refinement steps for all codes")
    parser.add_argument("--curves", action="store_true", help="when each run passed PCA")
    options = parser.parse_args()
    test = data.load(options.data, "test")
    fitted_on = data.load(options.fit_data, "train")
    classes = set(test.class_names)
    shipped = [
        e.name for e in checkpoints.listing()
        if e.path.parent == checkpoints.root() and classes <= set(e.card.classes)
    ]  # fmt: skip
    names = list(dict.fromkeys([*shipped, *options.names]))
    models = [checkpoints.load(name) for name in names]
    if options.refinement_steps is not None:
        models = [model.with_refinement_steps(options.refinement_steps) for model in models]
    print(
        f"{len(test)} test images of {test.name}; PCA fitted on {options.fit_data}; torch "
        f"{torch.__version__}, Python {platform.python_version()}"
    )
    for bits in options.bits:
        print(f"\n{bits} bits per value:\n\n{HEADER}")
        for row in table(models, test, fitted_on, bits):
            print(row, flush=True)
    if options.curves:
        print("\nWhen each passed, on its own validation images:")
        runs = [(m.config.latent_dim, checkpoints.find(m.name)) for m in models]
        for dims, path in runs:
            others = [other for size, other in runs if size == dims]
            print(f"* {path.name}: {passed(path, others)}")


if __name__ == "__main__":
    main()

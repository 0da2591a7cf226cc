"""What the shipped models are good for, beside the usual baselines.

    python -m benchmarks.tasks denoising --data SPEC --fit-data SPEC
    python -m benchmarks.tasks anomalies --data SPEC
    python -m benchmarks.tasks generation --data SPEC [--fit-limit N]
    python -m benchmarks.tasks features --data SPEC [--fit-limit N] [--labels]

denoising: PSNR (dB) of every method over the strength of Gaussian noise, on the test split of
--data; PCA is fitted on the training split of --fit-data; every shipped CIFAR-10 model is a method.
anomalies: AUROC (%) of every score with one class as normal and the others as suspects, the mean
over all classes, and with the whole set as normal against far image sets.
generation: figures of merit of every prior, alone and by class, of the baselines and of training
images. features: accuracies of both probes in every space; --labels adds those over label counts.
Both fit to --fit-limit training images, as the pages and the commands do.
"""

import argparse
import platform
import time

import numpy as np
import torch

from convae import data
from convae.data.corruptions import CORRUPTIONS
from convae.evaluation.pca import pca_for
from convae.latent.encode_cache import codes_for
from convae.models import checkpoints
from convae.progress import Bars
from convae.tasks import (
    anomaly,
    anomaly_groups,
    denoising,
    dimensionality,
    features,
    generation,
    merits,
    separation,
)
from convae.tasks.anomaly_groups import Choice

SIGMAS = (10.0, 25.0, 50.0, 75.0)
FAR = ("digits", "shapes", "noise", "checkerboards")
FAR_LIMIT, FAR_FIT = 1_000, 5_000


def shipped(classes) -> list:
    """Every shipped checkpoint that has seen these classes."""
    return [
        checkpoints.load(entry.name) for entry in checkpoints.listing()
        if entry.path.parent == checkpoints.root()
        and set(classes) <= set(entry.card.classes)
    ]  # fmt: skip


def row(cells) -> None:
    print("| " + " | ".join(cells) + " |", flush=True)


def denoise(asked: argparse.Namespace, bars: Bars) -> None:
    test = data.load(asked.data, "test")
    test = test.sample(asked.limit) if asked.limit else test
    pca = pca_for(data.load(asked.fit_data, "train"))
    models = [checkpoints.load(name) for name in asked.models] or shipped(test.class_names)
    by = denoising.methods(models[0], pca)
    del by[denoising.MODEL]
    by |= {model.name: denoising.by_model(model) for model in models}
    strengths = asked.strengths or SIGMAS
    found = denoising.curve(test.images, by, asked.corruption, strengths, progress=bars)
    bars.close()
    about = CORRUPTIONS[asked.corruption]
    print(
        f"{len(test)} test images of {test.name}; PCA fitted on {asked.fit_data}; {about.label}, "
        f"strength in {about.unit}; seed 0; {versions()}\n"
    )
    row([f"PSNR (dB) at {about.label}", *(f"{strength:g}" for strength in strengths)])
    row(["---"] * (len(strengths) + 1))
    for name, values in found.psnr.items():
        best = [
            value == max(row[n] for row in found.psnr.values()) for n, value in enumerate(values)
        ]
        cells = [f"**{v:.2f}**" if top else f"{v:.2f}" for v, top in zip(values, best, strict=True)]
        row([denoising.LABELS.get(name, name), *cells])


def anomalies(asked: argparse.Namespace, bars: Bars) -> None:
    whole = data.load(asked.data, "test")
    models = [checkpoints.load(name) for name in asked.models] or shipped(whole.class_names)
    print(f"AUROC (%), {asked.data}; {versions()}\n")
    for model in models:
        columns = {"mean of classes": np.mean([
            aurocs(model, Choice(asked.data, (name,)), Choice(asked.data), asked.limit, 0, bars)
            for name in whole.class_names
        ], axis=0)}  # fmt: skip
        for spec in FAR:
            columns[spec] = aurocs(
                model, Choice(asked.data), Choice(spec), FAR_LIMIT, FAR_FIT, bars
            )
        bars.close()
        row([model.name, *columns])
        row(["---"] * (len(columns) + 1))
        for place, score in enumerate(anomaly.SCORES.values()):
            row([score.label, *(f"{values[place]:.1f}" for values in columns.values())])
        print()
    pca = pca_for(data.load(asked.data, "train"))
    for size in sorted({model.config.latent_dim for model in models}):
        values = [
            pca_of_all_classes(pca, size, Choice(asked.data, (name,)), asked)
            for name in whole.class_names
        ]
        print(f"kNN distance, PCA of all classes, {size} values: {np.mean(values):.1f}")


def pca_of_all_classes(pca, size: int, normal: Choice, asked: argparse.Namespace) -> float:
    """AUROC (%) of the kNN distance in a PCA that has seen what a model sees: all classes."""
    chosen = anomaly_groups.groups(normal, Choice(asked.data), asked.limit)
    fitted, *measured = (pca.encode(images.images, size) for images in chosen)
    scores = (anomaly.knn_distance(fitted, codes) for codes in measured)
    return 100 * separation.measure(*scores, 2).auroc


def aurocs(model, normal: Choice, suspects: Choice, limit: int, fit_limit: int, bars) -> np.ndarray:
    """AUROC (%) of every score, in the order of SCORES."""
    chosen = anomaly_groups.groups(normal, suspects, limit, fit_limit)
    detector = anomaly.fit(model, chosen.fit.images, bars)
    scores = [detector.scores(images.images, bars) for images in (chosen.normal, chosen.suspects)]
    measured = [separation.measure(*(each[name] for each in scores), 2) for name in anomaly.SCORES]
    return np.array([100 * each.auroc for each in measured])


def generate(asked: argparse.Namespace, bars: Bars) -> None:
    train, real = generation.fit_and_real(asked.data, asked.fit_limit or 10**9, bars)
    models = [checkpoints.load(name) for name in asked.models] or shipped(train.class_names)
    print(
        f"{len(train):,} training images, {generation.COUNT:,} samples against {len(real):,} "
        f"{real.split} images of {asked.data}, {merits.space(len(train))}, k = {merits.K}; "
        f"{versions()}\n"
    )
    row(["model", "prior", *merits.Figures._fields, "seconds"])
    row(["---"] * (len(merits.Figures._fields) + 3))
    for model in models:
        encoder = model.with_refinement_steps(0)
        codes = codes_for(encoder, train.images, train.fingerprint, bars)
        material = generation.prepare(encoder, train, codes, real)
        for name, images in _generators(material, train.labels, encoder.config).items():
            began = time.time()
            found = generation.measure(material, images())
            bars.close()
            cells = [*(f"{value:.3f}" for value in found[:4]), f"{found.nearest_copies:,}"]
            row([model.name, name, *cells, f"{time.time() - began:.1f}"])


def _generators(material, labels, config) -> dict:
    """Name -> a function that gives the images of one prior, baseline or temperature."""

    def drawn(kind, labels=None, temperature=1.0):
        prior = generation.fit_prior(kind, material.codes, labels)
        return generation.generate(material, prior, generation.COUNT, 0, temperature).images

    found = {}
    for kind in generation.kinds_for(config):
        name = generation.NAMES[kind]
        found[name] = lambda kind=kind: drawn(kind)
        if kind not in ("normal", "vae"):
            found[f"{name}, by class"] = lambda kind=kind: drawn(kind, labels)
    for temperature in (0.0, 0.8):
        found[f"Gaussian, temperature {temperature:g}"] = lambda t=temperature: drawn(
            "gaussian", None, t
        )
    for name in generation.BASELINES:
        found[generation.NAMES[name]] = lambda name=name: generation.baseline_images(
            material, name, generation.COUNT
        )
    ceiling = generation.NAMES[generation.CEILING]
    found[ceiling] = lambda: generation.ceiling_images(material, generation.COUNT)
    return found


def probe(asked: argparse.Namespace, bars: Bars) -> None:
    train = data.load(asked.data, "train").sample(asked.fit_limit or 10**9)
    test = data.load(asked.data, "test").sample(features.TESTED)
    models = [checkpoints.load(name) for name in asked.models] or shipped(train.class_names)
    print(f"{len(train):,} training and {len(test):,} test images of {asked.data}; {versions()}\n")
    row(["model", "features", *features.PROBES.values(), "effective dimension", "seconds"])
    row(["---"] * 6)
    curves = {}
    for model in models:
        encoders = features.encoders(model.with_refinement_steps(0), lambda: pca_for(train), bars)
        for name, encode in encoders.items():
            began, labels = time.time(), (train.labels, test.labels)
            points = features.space(encode, train, test)
            bars.close()
            results = {each: features.classify(each, points, *labels) for each in features.PROBES}
            cells = [f"{100 * r.accuracy:.2f} ± {100 * r.error:.2f}" for r in results.values()]
            seconds = f"{time.time() - began:.1f}"
            used = f"{dimensionality.dimensions(points.train).participation:.1f}"
            row([model.name, features.SPACES[name], *cells, used, seconds])
            if asked.labels:
                curves[model.name, name] = {
                    each: features.label_curve(each, points, *labels, results[each])
                    for each in features.PROBES
                }
    if curves:
        print_curves(curves)


def print_curves(curves) -> None:
    counts = [f"{point.labels:,}" for point in next(iter(curves.values()))["logistic"]]
    print()
    row(["model", "features", "probe", *counts])
    row(["---"] * (len(counts) + 3))
    for (model, space), of in curves.items():
        for name, points in of.items():
            cells = (f"{100 * point.accuracy:.1f} ± {100 * point.error:.1f}" for point in points)
            row([model, features.TITLES[space], features.PROBES[name], *cells])


def versions() -> str:
    return f"torch {torch.__version__}, Python {platform.python_version()}"


TASKS = {"denoising": denoise, "anomalies": anomalies, "generation": generate, "features": probe}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("task", choices=list(TASKS))
    parser.add_argument("--models", nargs="+", default=[], help="default: the shipped ones")
    parser.add_argument("--data", required=True, help="images to measure on: the test split")
    parser.add_argument("--fit-data", default="", help="PCA is fitted on the training split")
    parser.add_argument("--limit", type=int, default=0, help="images of each group; 0: all")
    parser.add_argument("--corruption", default="gaussian", choices=list(CORRUPTIONS))
    parser.add_argument("--strengths", nargs="+", type=float, help="default: 10 25 50 75")
    parser.add_argument(
        "--fit-limit", type=int, default=5_000, help="training images; 0: all; default: 5,000"
    )
    parser.add_argument("--labels", action="store_true", help="accuracy over label counts too")
    parser.add_argument("--progress", action="store_true", help="a progress bar")
    asked = parser.parse_args()
    asked.fit_data = asked.fit_data or asked.data
    TASKS[asked.task](asked, Bars(not asked.progress))


if __name__ == "__main__":
    main()

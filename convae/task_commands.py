"""The commands that use a trained model: denoise, anomaly, generate, probe; their arguments are in
task_parsers."""

import argparse
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

from convae import data, files, images
from convae.data.corruptions import CORRUPTIONS, check_corruption
from convae.errors import ConvaeError
from convae.model_commands import image_set
from convae.progress import Bars
from convae.wording import counted

if TYPE_CHECKING:
    from convae.models.checkpoints import Checkpoint

GRID = 100  # samples on the picture that `generate --to` writes


def denoise(asked: argparse.Namespace) -> int:
    """PSNR and SSIM of every method; see `tasks.denoising`."""
    from convae.evaluation import shipped_pca
    from convae.evaluation.metrics import EXACT_DB
    from convae.evaluation.pca import pca_for
    from convae.models import checkpoints
    from convae.tasks import denoising

    _check("--limit", asked.limit)
    _check("--seed", asked.seed)
    kind = asked.corruption
    strength = CORRUPTIONS[kind].default if asked.strength is None else asked.strength
    check_corruption(kind, strength)
    checkpoint = checkpoints.load(asked.checkpoint)
    beside = [_encoder(name) for name in asked.beside]
    spec = image_set(asked, checkpoint, few=True)
    fit_spec = asked.fit_data or spec
    data.check_spec(fit_spec)
    with Bars(asked.json) as bars:
        test = data.load(spec, "test", bars)
        fitted_on = shipped_pca.fit_images(fit_spec, bars)
        pca = None if fitted_on is None else pca_for(fitted_on)
        test = test.sample(asked.limit) if asked.limit else test
        by = denoising.methods(checkpoint, pca)
        by |= {other.name: denoising.by_model(other) for other in beside}
        quality = denoising.compare(test.images, by, kind, strength, asked.seed, bars).quality
    if asked.json:
        result = {"checkpoint": checkpoint.name, "data": spec, "n": len(test), "corruption": kind}
        result |= {"strength": strength, "seed": asked.seed}
        result["methods"] = {
            name: item._asdict() | ({"psnr": None} if item.psnr >= EXACT_DB else {})
            for name, item in quality.items()
        }
        print(json.dumps(result))
        return 0
    labels = denoising.LABELS | {other.name: other.name for other in beside}
    width = max(18, *(len(labels[name]) + 2 for name in quality))
    print(f"{'':{width}}{'PSNR (dB)':>10}{'SSIM':>9}")
    for name, item in quality.items():
        psnr = "exact" if item.psnr >= EXACT_DB else f"{item.psnr:.2f}"
        print(f"{labels[name]:{width}}{psnr:>10}{item.ssim:>9.4f}")
    print(
        f"{counted(len(test), 'test image')} of {spec}; {CORRUPTIONS[kind].label}, "
        f"strength {strength:g} ({CORRUPTIONS[kind].unit})."
    )
    print(denoising.verdict(quality, labels))
    return 0


def anomaly(asked: argparse.Namespace) -> int:
    """AUROC and average precision of every score; see `tasks.anomaly`."""
    from convae.models import checkpoints
    from convae.tasks import anomaly as detection
    from convae.tasks import anomaly_groups, separation

    _check("--limit", asked.limit)
    _check("--fit-limit", asked.fit_limit)
    normal, suspects = (anomaly_groups.parse(text) for text in (asked.normal, asked.suspects))
    checkpoint = checkpoints.load(asked.checkpoint)
    chosen = anomaly_groups.groups(normal, suspects, asked.limit, asked.fit_limit)
    with Bars(asked.json) as bars:
        detector = detection.fit(checkpoint, chosen.fit.images, bars, chosen.fit.real_dimension)
        scores = [detector.scores(part.images, bars) for part in (chosen.normal, chosen.suspects)]
        measured = separation.measure_all(*scores)
    if asked.json:
        result = {"checkpoint": checkpoint.name, "normal": asked.normal, "suspects": asked.suspects}
        result |= {"n_fit": len(detector.codes), "n_normal": len(chosen.normal)}
        result["n_suspects"] = len(chosen.suspects)
        result["scores"] = {name: _finite(item._asdict()) for name, item in measured.items()}
        print(json.dumps(result))
        return 0
    print(f"{'':30}{'AUROC (%)':>16}{'avg. precision (%)':>22}")
    for name, item in measured.items():
        cells = (
            _with_error(item.auroc, item.auroc_se),
            _with_error(item.average_precision, item.average_precision_se),
        )
        print(f"{detection.SCORES[name].label:30}{cells[0]:>16}{cells[1]:>22}")
    print(
        f"Fitted on {counted(len(detector.codes), 'normal image')}; measured on "
        f"{counted(len(chosen.normal), 'normal image')} and "
        f"{counted(len(chosen.suspects), 'suspect')}."
    )
    _name_components(chosen.fit, checkpoint.config.latent_dim)
    print(detection.verdict(measured, len(chosen.normal), len(chosen.suspects)))
    return 0


def generate(asked: argparse.Namespace) -> int:
    """Quality figures of new images; see `tasks.generation`."""
    from convae.latent.encode_cache import codes_for
    from convae.tasks import generation, merits

    _check("--count", asked.count, merits.K + 1)
    _check("--components", asked.components, 1)
    _check("--neighbors", asked.neighbors, 1)
    _check("--seed", asked.seed)
    _check("--temperature", asked.temperature)
    target = _picture(asked.to) if asked.to else None
    checkpoint = _encoder(asked.checkpoint)
    generation.check_prior(asked.prior, checkpoint.name, checkpoint.config)
    limit = _limit(asked)
    spec = image_set(asked, checkpoint)
    with Bars(asked.json) as bars:
        train, real = generation.fit_and_real(spec, limit, bars)
        codes = codes_for(checkpoint, train.images, train.fingerprint, bars)
        material = generation.prepare(checkpoint, train, codes, real)
        prior = generation.fit_prior(
            asked.prior, codes, train.labels if asked.by_class else None,
            components=asked.components, neighbors=asked.neighbors, seed=asked.seed,
        )  # fmt: skip
        samples = generation.generate(
            material, prior, asked.count, asked.seed, asked.temperature, bars
        )
        figures = generation.measure(material, samples.images)
    if target is not None:
        sheet = images.contact_sheet(samples.images[:GRID], columns=10)
        files.write_atomically(target, images.png_bytes(sheet))
    result = figures._asdict() | {
        "prior": asked.prior, "count": asked.count, "seed": asked.seed,
        "space": merits.space(len(train)), "k": merits.K,
        "n_train": len(train), "n_real": len(real),
        "fit_split": train.split, "real_split": real.split,
    }  # fmt: skip
    if asked.json:
        print(json.dumps(result))
        return 0
    for name in merits.Figures._fields:
        value = result[name]
        print(f"{name.replace('_', ' '):16}{value:>8.3f}" if isinstance(value, float) else
              f"{name.replace('_', ' '):16}{value:>8,}")  # fmt: skip
    kind = "training" if train.split == "train" else train.split
    print(
        f"{asked.count:,} samples of {generation.NAMES[asked.prior]}, fitted to "
        f"{counted(len(train), f'{kind} image')}, compared with "
        f"{counted(len(real), f'{real.split} image')} in {merits.space(len(train))}, "
        f"k = {merits.K}."
    )
    if train.split == real.split:
        print(f"{spec} has no other split: the figures are of images that the prior has seen.")
    return 0


def probe(asked: argparse.Namespace) -> int:
    """The accuracy of every probe in every space; see `tasks.features`."""
    from convae.evaluation.pca import pca_for
    from convae.tasks import features, probe_results, probe_verdict

    limit = _limit(asked)
    checkpoint = _encoder(asked.checkpoint)
    spec = image_set(asked, checkpoint)
    with Bars(asked.json) as bars:
        train = features.labeled(data.load(spec, "train", bars)).sample(limit)
        test = features.labeled(data.load(spec, "test", bars)).sample(features.TESTED)
        results = probe_results.probe_all(checkpoint, lambda: pca_for(train), train, test, bars)
    if asked.json:
        print(json.dumps({
            "n_train": len(train),
            "n_test": len(test),
            "accuracy": {
                name: {probe: result.accuracy for probe, result in row.items()}
                for name, row in results.items()
            },
            "standard_error": {
                name: {probe: result.error for probe, result in row.items()}
                for name, row in results.items()
            },
        }))  # fmt: skip
        return 0
    print(f"{'accuracy (%)':32}" + "".join(f"{name:>22}" for name in features.PROBES.values()))
    for name, row in results.items():
        cells = (f"{100 * item.accuracy:.2f} +- {100 * item.error:.2f}" for item in row.values())
        print(f"{features.SPACES[name]:32}" + "".join(f"{cell:>22}" for cell in cells))
    print(
        f"{counted(len(train), 'training image')} and {counted(len(test), 'test image')} of {spec}."
    )
    _name_components(train, checkpoint.config.latent_dim)
    print(probe_verdict.verdict(results, features.chance_level(test.labels), len(test)))
    return 0


def _name_components(fitted_on: data.ImageSet, latent_dim: int) -> None:
    """Say where PCA has fewer components than the model has dimensions."""
    from convae.evaluation.pca import fewer_components

    if fewer := fewer_components(latent_dim, fitted_on.real_dimension, len(fitted_on)):
        print(f"PCA has {fewer}.")


COMMANDS = {"denoise": denoise, "anomaly": anomaly, "generate": generate, "probe": probe}


def _finite(values: dict[str, float]) -> dict[str, float | None]:
    """NaN is not valid JSON: None instead."""
    return {name: value if math.isfinite(value) else None for name, value in values.items()}


def _with_error(share: float, error: float) -> str:
    """A share and its standard error in percent; without the error where it is not known (nan)."""
    known = f" +- {100 * error:.1f}" if math.isfinite(error) else ""
    return f"{100 * share:.1f}{known}"


def _check(flag: str, value: float, least: int = 0) -> None:
    if not least <= value < float("inf"):
        raise ConvaeError(f"`{flag}` (={value}) must be {least} or more.")


def _encoder(name: str) -> "Checkpoint":
    """The checkpoint of this name without refinement steps."""
    from convae.models import checkpoints

    return checkpoints.load(name).with_refinement_steps(0)


def _limit(asked: argparse.Namespace) -> int:
    _check("--limit", asked.limit)
    return asked.limit or 10**9


def _picture(path: str) -> Path:
    target = Path(path)
    if target.suffix.lower() != ".png" or target.is_dir() or not target.parent.is_dir():
        raise ConvaeError(
            f"`--to` (={path}) must name a PNG file in a folder that exists, such as samples.png."
        )
    return target

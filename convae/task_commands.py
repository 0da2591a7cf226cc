"""The commands that use a trained model: denoise, anomaly. `__main__` adds them to the others."""

import argparse
import json
import math

from convae import data
from convae.data.corruptions import CORRUPTIONS, check_corruption
from convae.errors import ConvaeError
from convae.progress import Bars


def add_commands(verbs) -> None:
    """Add the parsers of COMMANDS to the subparsers of the command line."""
    denoise_parser = verbs.add_parser(
        "denoise", help="restore corrupted images, beside classical filters"
    )
    anomaly_parser = verbs.add_parser(
        "anomaly", help="tell suspect images from normal ones, beside baselines"
    )
    for parser in (denoise_parser, anomaly_parser):
        parser.add_argument("checkpoint", help="a name that `list` shows, or a folder")
        parser.add_argument("--json", action="store_true", help="machine-readable output")
    denoise_parser.add_argument(
        "--data", default="", help="test split of this data; default: the model's own"
    )
    denoise_parser.add_argument(
        "--fit-data", default="", help="fit PCA on the training split of this data"
    )
    denoise_parser.add_argument(
        "--corruption", default="gaussian", choices=list(CORRUPTIONS),
        help="; ".join(f"{name}: strength in {each.unit}" for name, each in CORRUPTIONS.items())
        + ". Default: gaussian",
    )  # fmt: skip
    denoise_parser.add_argument(
        "--strength", type=float, help="strength of the corruption; default: one that is visible"
    )
    denoise_parser.add_argument(
        "--seed", type=int, default=0, help="seed of the corruption; default: 0"
    )
    suspects = "SPEC or SPEC:class,class; also noise and checkerboards"
    anomaly_parser.add_argument(
        "--normal", required=True, help="normal images, SPEC or SPEC:class; fitted to its training "
        "split, measured on its test split",
    )  # fmt: skip
    anomaly_parser.add_argument(
        "--suspects", required=True,
        help=f"images to tell from them, {suspects}. The same SPEC without a class: its others",
    )  # fmt: skip
    anomaly_parser.add_argument(
        "--fit-limit", type=int, default=0, help="normal images to fit to; 0, the default: all"
    )
    for parser, what in (
        (denoise_parser, "measure on"),
        (anomaly_parser, "measure on, each group"),
    ):
        parser.add_argument(
            "--limit", type=int, default=0, help=f"images to {what}; 0, the default: all"
        )


def denoise(asked: argparse.Namespace, command: str) -> int:
    """PSNR and SSIM of every method; see `tasks.denoising`."""
    from convae.evaluation.pca import pca_for
    from convae.models import checkpoints
    from convae.tasks import denoising

    _check("--limit", asked.limit)
    _check("--seed", asked.seed)
    kind = asked.corruption
    strength = CORRUPTIONS[kind].default if asked.strength is None else asked.strength
    check_corruption(kind, strength)
    checkpoint = checkpoints.load(asked.checkpoint)
    bars = Bars(asked.json)
    spec = asked.data or checkpoint.train_config.data.spec
    test = data.load(spec, "test", bars)
    fit_spec = asked.fit_data or spec
    pca = None
    if "train" in data.splits(fit_spec):
        pca = pca_for(data.load(fit_spec, "train", bars))
    test = test.sample(asked.limit) if asked.limit else test
    by = denoising.methods(checkpoint, pca)
    quality = denoising.compare(test.images, by, kind, strength, asked.seed, bars).quality
    bars.close()
    if asked.json:
        found = {"checkpoint": checkpoint.name, "data": spec, "n": len(test), "corruption": kind}
        found |= {"strength": strength, "seed": asked.seed}
        found["methods"] = {name: each._asdict() for name, each in quality.items()}
        print(json.dumps(found))
        return 0
    print(f"{'':18}{'PSNR (dB)':>10}{'SSIM':>9}")
    for name, each in quality.items():
        print(f"{denoising.LABELS[name]:18}{each.psnr:>10.2f}{each.ssim:>9.4f}")
    print(
        f"{len(test):,} test images of {spec}; {CORRUPTIONS[kind].label}, strength {strength:g} "
        f"({CORRUPTIONS[kind].unit})."
    )
    print(denoising.verdict(quality))
    return 0


def anomaly(asked: argparse.Namespace, command: str) -> int:
    """AUROC and average precision of every score; see `tasks.anomaly`."""
    from convae.models import checkpoints
    from convae.tasks import anomaly as detection
    from convae.tasks import anomaly_groups, separation

    _check("--limit", asked.limit)
    _check("--fit-limit", asked.fit_limit)
    normal, suspects = (anomaly_groups.parse(text) for text in (asked.normal, asked.suspects))
    checkpoint = checkpoints.load(asked.checkpoint)
    chosen = anomaly_groups.groups(normal, suspects, asked.limit, asked.fit_limit)
    bars = Bars(asked.json)
    detector = detection.fit(checkpoint, chosen.fit.images, bars)
    scores = [detector.scores(images.images, bars) for images in (chosen.normal, chosen.suspects)]
    measured = separation.measure_all(*scores)
    bars.close()
    if asked.json:
        found = {"checkpoint": checkpoint.name, "normal": asked.normal, "suspects": asked.suspects}
        found |= {"n_fit": len(detector.codes), "n_normal": len(chosen.normal)}
        found["n_suspects"] = len(chosen.suspects)
        found["scores"] = {name: _finite(each._asdict()) for name, each in measured.items()}
        print(json.dumps(found))
        return 0
    print(f"{'':30}{'AUROC (%)':>16}{'avg. precision (%)':>22}")
    for name, each in measured.items():
        cells = (
            f"{100 * each.auroc:.1f} +- {100 * each.auroc_se:.1f}",
            f"{100 * each.average_precision:.1f} +- {100 * each.average_precision_se:.1f}",
        )
        print(f"{detection.SCORES[name].label:30}{cells[0]:>16}{cells[1]:>22}")
    print(
        f"Fitted to {len(detector.codes):,} normal images; measured on {len(chosen.normal):,} "
        f"normal images and {len(chosen.suspects):,} suspects."
    )
    print(detection.verdict(measured))
    return 0


COMMANDS = {"denoise": denoise, "anomaly": anomaly}


def _finite(values: dict[str, float]) -> dict[str, float | None]:
    """JSON has no nan."""
    return {name: value if math.isfinite(value) else None for name, value in values.items()}


def _check(flag: str, value: int) -> None:
    if value < 0:
        raise ConvaeError(f"`{flag}` (={value}) must be 0 or more.")

"""The arguments of the commands that use a trained model: denoise, anomaly, generate, probe."""

import argparse

from convae.data.corruptions import CORRUPTIONS


def add_commands(verbs: argparse._SubParsersAction) -> None:
    """Add the parsers of COMMANDS to the subparsers of the command line."""
    _add_denoise_and_anomaly(verbs)
    _add_generate_and_probe(verbs)


def _add_denoise_and_anomaly(verbs: argparse._SubParsersAction) -> None:
    denoise_parser = verbs.add_parser(
        "denoise", help="restore corrupted images, compared with classical filters"
    )
    anomaly_parser = verbs.add_parser(
        "anomaly", help="separate suspect images from normal ones, compared with baselines"
    )
    for parser in (denoise_parser, anomaly_parser):
        parser.add_argument("checkpoint", help="a name that `list` shows, or a folder")
        parser.add_argument("--json", action="store_true", help="machine-readable output")
    denoise_parser.add_argument(
        "--data",
        default="",
        help="image set, whose test split is measured; default: the set the model was trained on",
    )
    denoise_parser.add_argument(
        "--fit-data",
        default="",
        help="image set, on whose training split PCA is fitted; default: that of --data",
    )
    denoise_parser.add_argument(
        "--corruption", default="gaussian", choices=list(CORRUPTIONS),
        help="; ".join(f"{name}: strength in {item.unit}" for name, item in CORRUPTIONS.items())
        + ". Default: gaussian",
    )  # fmt: skip
    denoise_parser.add_argument(
        "--strength",
        type=float,
        help="strength of the corruption; default: a visible one for each kind",
    )
    denoise_parser.add_argument(
        "--beside", nargs="+", default=[], metavar="NAME", help="other checkpoints to compare with"
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
        help=f"images to separate from them, {suspects}. The same SPEC without a class: its others",
    )  # fmt: skip
    anomaly_parser.add_argument(
        "--fit-limit", type=int, default=0, help="normal images to fit on; default: 0 (all)"
    )
    for parser, what in (
        (denoise_parser, "measure on"),
        (anomaly_parser, "measure on, each group"),
    ):
        parser.add_argument(
            "--limit", type=int, default=0, help=f"images to {what}; default: 0 (all)"
        )


def _add_generate_and_probe(verbs: argparse._SubParsersAction) -> None:
    from convae.tasks import features, generation

    generate_parser = verbs.add_parser(
        "generate", help="sample new images and measure their quality"
    )
    probe_parser = verbs.add_parser(
        "probe", help="classify images by their codes, compared with three baselines"
    )
    for parser in (generate_parser, probe_parser):
        parser.add_argument("checkpoint", help="a name that `list` shows, or a folder")
        parser.add_argument(
            "--data", default="", help="image set; default: the set the model was trained on"
        )
        parser.add_argument("--json", action="store_true", help="machine-readable output")
    generate_parser.add_argument(
        "--prior", default="gmm", choices=list(generation.PRIORS),
        help="distribution of the codes: "
        + "; ".join(f"{name}: {text}" for name, text in generation.PRIORS.items())
        + ". Default: gmm",
    )  # fmt: skip
    for flag, default, text in (
        ("--count", generation.COUNT, "samples"),
        ("--seed", 0, "seed of the fit and of the samples"),
        ("--components", generation.COMPONENTS, "Gaussians in the mixture"),
        (
            "--neighbors",
            generation.NEIGHBORS,
            "nearest codes that set the noise of kNN jitter",
        ),
    ):
        generate_parser.add_argument(
            flag, type=int, default=default, help=f"{text}; default: {default}"
        )
    generate_parser.add_argument(
        "--temperature", type=float, default=1.0,
        help="scale of the standard deviation of the prior; default: 1, as fitted",
    )  # fmt: skip
    generate_parser.add_argument(
        "--by-class", action="store_true", help="fit a separate prior to each class"
    )
    generate_parser.add_argument("--to", default="", help="write a PNG of up to 100 samples here")
    for parser, default in (
        (generate_parser, generation.TRAINING),
        (probe_parser, features.TRAINING),
    ):
        parser.add_argument(
            "--limit", type=int, default=default,
            help=f"maximum number of training images; 0: all. Default: {default:,}",
        )  # fmt: skip

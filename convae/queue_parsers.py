"""The arguments of the commands sweep, queue and stop."""

import argparse

from convae.flat_config import settings
from convae.runs.sweep import DEFAULT
from convae.setting_flags import add_settings


def add_commands(verbs: argparse._SubParsersAction) -> None:
    """Add the parsers of `queue_commands.COMMANDS` to the subparsers of the command line."""
    sweep = verbs.add_parser(
        "sweep", help="train one model per latent dimension, compared with PCA"
    )
    default = ",".join(map(str, DEFAULT))
    sweep.add_argument(
        "--latent-dim", dest="dimensions", default=default, metavar="K,...",
        help=f"latent dimensions, separated by commas. Default: {default}",
    )  # fmt: skip
    sweep.add_argument(
        "--name", default="",
        help="name of the sweep; its runs are NAME-2, NAME-4, ... Default: sweep-1, sweep-2, ...",
    )  # fmt: skip
    sweep.add_argument("--quiet", action="store_true", help="no progress bar")
    others = [f for f in settings() if f.name != "latent_dim"]
    add_settings(sweep, "the other settings of every run", others)

    queue = verbs.add_parser(
        "queue", help="list the runs that wait for their start, or cancel some"
    )
    queue.add_argument("action", nargs="?", default="list", choices=("list", "cancel"))
    queue.add_argument(
        "ids", nargs="*", metavar="NAME", help="what to cancel: names of waiting runs"
    )
    stop = verbs.add_parser("stop", help="stop a run that is training; its model is kept")
    stop.add_argument("name", help="name of the run")
    for parser in (sweep, queue):
        parser.add_argument("--json", action="store_true", help="machine-readable output")

"""convae app | train | resume | sweep | queue | stop | evaluate | map | download | list |
export, and task_commands: denoise | anomaly | generate | probe"""

import argparse
import os
import sys
from pathlib import Path

from convae import (
    __version__,
    files,
    model_commands,
    processes,
    queue_commands,
    queue_parsers,
    runs,
    task_commands,
    task_parsers,
    torchrun,
)
from convae.config import TrainConfig
from convae.errors import ConfigError, ConvaeError, os_sentence
from convae.flat_config import flag, from_flat, settings, with_names
from convae.option_types import address, lengths, niceness, port
from convae.progress import Bars
from convae.projection import maps
from convae.runs import resuming
from convae.setting_flags import OLD_FLAGS, add_settings

INTERRUPTED = 130  # the exit code of a command that Ctrl+C has ended: 128 + SIGINT


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m convae", description="Train and measure convolutional autoencoders."
    )
    parser.add_argument("--version", action="version", version=__version__)
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")

    app = verbs.add_parser("app", help="open the app in the browser")
    app.add_argument("--port", type=port, default=8501, help="port of the server; default: 8501")
    app.add_argument(
        "--address",
        type=address,
        default="127.0.0.1",
        help="address to listen on; default: 127.0.0.1, this machine only",
    )
    app.add_argument("--headless", action="store_true", help="do not open a browser window")

    train = verbs.add_parser("train", help="train a model into runs/NAME")
    train.add_argument(
        "--name", default="", help="name of the run; default: made from its settings"
    )
    train.add_argument("--run", default="", help=argparse.SUPPRESS)
    add_settings(train, "the experiment", settings())

    resume = verbs.add_parser("resume", help="continue a run that was stopped, killed or is done")
    resume.add_argument("name", help="name of the run")
    resume.add_argument("--epochs", type=int, help="new total number of epochs")
    resume.add_argument(
        "--learning-rate", type=float,
        help="learning rate from this epoch on; it decays with the rest of the schedule. A "
        "diverged run needs a smaller one than the one at which it diverged",
    )  # fmt: skip
    queue_parsers.add_commands(verbs)
    for verb in (train, resume):
        verb.add_argument("--quiet", action="store_true", help="no progress bar")
        verb.add_argument(
            "--nice", type=niceness, default=0, metavar="NICE",
            help="niceness added to the process, 0 to 19: the higher, the lower its priority",
        )  # fmt: skip

    evaluate = verbs.add_parser(
        "evaluate", help="measure a checkpoint and compare it with PCA, JPEG, WebP"
    )
    evaluate.add_argument("checkpoint", help="a name that `list` shows, or a folder")
    evaluate.add_argument(
        "--data",
        default="",
        help="image set, whose test split is measured; default: the set the model was trained on",
    )
    evaluate.add_argument(
        "--fit-data",
        default="",
        help="image set, on whose training split PCA is fitted and, with --bits, the range of each "
        "latent value is measured; default: that of --data",
    )
    evaluate.add_argument(
        "--bits", type=int, default=16, choices=(1, 2, 3, 4, 5, 6, 7, 8, 16),
        help="bits per latent value; default: 16 (float16)",
    )  # fmt: skip
    evaluate.add_argument(
        "--limit", type=int, default=0, help="number of images to measure on; default: 0 (all)"
    )
    evaluate.add_argument(
        "--refinement-steps", type=int, metavar="STEPS",
        help="optimization steps on each code after the encoder (0 to 8); default: the model's own",
    )  # fmt: skip
    evaluate.add_argument(
        OLD_FLAGS["refinement_steps"], dest="refinement_steps", type=int, help=argparse.SUPPRESS
    )
    evaluate.add_argument(
        "--keep", type=lengths, default=[], metavar="K,...",
        help="also decode from the first K values of each code, for each of these K, compared with "
        "PCA of K components; for example 32,64,128",
    )  # fmt: skip
    evaluate.add_argument(
        "--beside", nargs="+", default=[], metavar="NAME", help="other checkpoints to compare with"
    )

    umap = verbs.add_parser(
        "map", help="compute the UMAP of a checkpoint's codes and store it with the model"
    )
    umap.add_argument(
        "--data",
        default="",
        help="image set, whose test split is shown; default: the set the model was trained on",
    )
    add_settings(umap, "the map", maps.UMAP_FIELDS)

    download = verbs.add_parser("download", help="download CIFAR-10 (170 MB, resumable, verified)")
    for verb in (umap, download):
        verb.add_argument("--quiet", action="store_true", help="no progress bar")

    task_parsers.add_commands(verbs)

    listing = verbs.add_parser("list", help="list the available checkpoints and runs")
    for verb in (evaluate, listing):
        verb.add_argument("--json", action="store_true", help="machine-readable output")

    export = verbs.add_parser("export", help="export a checkpoint as one zip file")
    for verb in (umap, export):
        verb.add_argument("checkpoint", help="a name that `list` shows, or a folder")
    export.add_argument("--to", default="", help="the file to write; default: NAME.zip")
    return parser


def run_session(run: runs.Run, quiet: bool, new: bool = False) -> int:
    """Train a run until it ends. Returns 0 if it is done or stopped with a saved model, 130 if
    Ctrl+C stopped it, else 1. A new run that is stopped before its first step is deleted, and one
    that fails before its first epoch because of its settings or data, which raises ConvaeError."""
    alone = torchrun.processes() == 1
    try:
        from convae.training.session import TrainingSession  # takes seconds

        with Bars(quiet or torchrun.rank() > 0) as bars, runs.working_on(run):
            session = TrainingSession(run, bars.train)
            status = session.execute()
    except KeyboardInterrupt:
        if new and alone and not run.history():
            run.delete()
        raise
    good = status.state in ("done", "stopped")
    where = f" The model is in {run.path}." if good else ""
    if not run.history() and alone:
        if new and (session.user_error or good):
            run.delete()
        if new and session.user_error:
            raise ConvaeError(status.message)
        if good:
            where = " The run is deleted." if new else " There is no model yet."
    if session.unmeasured:
        where += f" `python -m convae evaluate {run.id}` measures the test images."
    print(
        f"{run.id}: {status.state}. {status.message}{where}",
        file=sys.stdout if good else sys.stderr,
    )
    if session.interrupted and alone:
        return INTERRUPTED
    return 0 if good else 1


def train(asked: argparse.Namespace) -> int:
    if asked.run:
        return run_session(runs.Run(Path(asked.run)), asked.quiet)
    names = {f.name for f in settings()}
    config = from_flat({k: v for k, v in vars(asked).items() if k in names and v is not None})
    from convae import data

    data.check_spec(config.data.spec)
    if asked.name:
        runs.check_name(asked.name)
    if torchrun.processes() > 1 and not asked.name:
        raise ConvaeError(
            "Under torchrun the run needs a name, the same in all processes: --name NAME."
        )
    run = claim_together(config, asked.name)
    return run_session(run, asked.quiet, new=torchrun.restarts() == 0)


def claim_together(config: TrainConfig, name: str) -> runs.Run:
    """Under torchrun rank 0 claims the folder and the others wait for it. After a restart by
    torchrun the run exists: all processes continue it from its last saved epoch."""
    restarted = torchrun.restarts() > 0
    if torchrun.rank() == 0:
        if restarted and runs.claimed_by_launcher(config, name):
            return runs.get(name)
        return runs.claim(config, name)
    import time

    for _ in range(600):
        if runs.claimed_by_launcher(config, name):
            break
        time.sleep(0.1)
    return runs.get(name)


def resume(asked: argparse.Namespace) -> int:
    from dataclasses import replace

    run = runs.get(asked.name)
    run.check_resumable()
    if processes.HANDED not in os.environ:
        run.end_measuring()
    # the launching process has prepared it; a process restarted by torchrun continues unchanged
    first = torchrun.restarts() == 0
    rank = torchrun.rank()
    if processes.HANDED not in os.environ and first and rank == 0 and not run.locked():
        longer = None if asked.epochs is None else replace(run.config(), epochs=asked.epochs)
        resuming.prepare(run, longer, asked.learning_rate)
    before = run.status()
    code = run_session(run, asked.quiet)
    after = run.status()
    if rank == 0 and before.state == after.state == "done" and before.epoch == after.epoch:
        print("It was complete before: --epochs trains it longer.", file=sys.stderr)
    return code


def app(asked: argparse.Namespace) -> int:
    """Replace this process with the app's server."""
    script = files.app_root() / "app.py"
    options = {"port": asked.port, "address": asked.address, "headless": asked.headless}
    flags = [f"--server.{name}={str(value).lower()}" for name, value in options.items()]
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "streamlit", "run", str(script), *flags])


def in_options(message: str) -> str:
    """A message with the options of the command line in place of the names of settings."""
    fields = (*settings(), *maps.UMAP_FIELDS)
    return with_names(message, fields, lambda name: f"`{flag(name)}`")


def main(arguments: list[str] | None = None) -> int:
    arguments = sys.argv[1:] if arguments is None else arguments
    asked = make_parser().parse_args(arguments)
    if getattr(asked, "nice", 0):
        os.nice(asked.nice)
    verbs = {"app": app, "train": train, "resume": resume, **queue_commands.COMMANDS,
             **model_commands.COMMANDS, **task_commands.COMMANDS}  # fmt: skip
    try:
        code = verbs[asked.verb](asked)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # the reader of our output, such as `head`, has closed it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except ConvaeError as error:
        message = in_options(str(error)) if isinstance(error, ConfigError) else str(error)
        print(f"convae: {' '.join(filter(None, (message, error.command)))}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"convae: {os_sentence(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("convae: interrupted.", file=sys.stderr)
        return INTERRUPTED


if __name__ == "__main__":
    code = main()
    if os.environ.get("WORLD_SIZE", "1") != "1":
        # everything is saved and printed; gloo's threads can abort a normal exit (seen: -6)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)

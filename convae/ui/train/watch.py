"""One run live: state, figures, controls, the curve with its reference levels, the epochs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import streamlit as st

from convae import records, runs
from convae.errors import ConvaeError
from convae.plots import training
from convae.records import Row
from convae.runs import Run, RunStatus, snapshots
from convae.runs.history import Tail
from convae.training import reference_levels
from convae.ui import frame, glossary, pickers
from convae.ui.components.epoch_slider import epoch_slider
from convae.ui.escape import plain, sentence
from convae.ui.train import form, run_controls
from convae.ui.train.forecast import duration

STATES = {
    "starting": ("Starting", "blue", ":material/hourglass_top:"),
    "running": ("Training", "blue", ":material/play_arrow:"),
    "paused": ("Paused", "orange", ":material/pause:"),
    "done": ("Done", "green", ":material/check:"),
    "stopped": ("Stopped", "green", ":material/stop:"),
    "diverged": ("Diverged", "red", ":material/error:"),
    "out of memory": ("Out of memory", "red", ":material/error:"),
    "disk full": ("Disk full", "red", ":material/error:"),
    "killed": ("Killed", "red", ":material/error:"),
    "failed": ("Failed", "red", ":material/error:"),
}
BY = {"epoch": "epochs", "step": "steps", "elapsed_s": "seconds"}
TICK_S = 1.0
WAITING_PX = 560  # height of the images and the map while a run has no epoch yet
IDLE_TICK_S = 5.0  # a run that has ended may be resumed in another window


@st.cache_resource(max_entries=64, show_spinner=False)
def _tail(path: str) -> Tail:
    clean = records.history if path.endswith("history.jsonl") else records.events
    return Tail(Path(path), clean)


def history_of(run: Run) -> list[dict[str, Any]]:
    """The epochs of a run so far; only lines that are new are read."""
    return _tail(str(run.path / "history.jsonl")).rows()


def events_of(run: Run) -> list[dict[str, Any]]:
    return _tail(str(run.path / "events.jsonl")).rows()


@st.cache_data(max_entries=64, show_spinner=False)
def levels_of(run_id: str, changed: float) -> reference_levels.Levels:
    """The reference levels of a run, measured on its own validation images."""
    return reference_levels.read(runs.root() / run_id)


def best_and_last(run: Run) -> tuple[Row | None, Row | None]:
    """The records of the epoch whose model is kept, the best one, and of the last epoch."""
    rows = records.comparable(history_of(run))
    if not rows:
        return None, None
    return max(rows, key=lambda row: row["val_psnr"]), rows[-1]


def elapsed_s(status: RunStatus, history: Sequence[Row]) -> float:
    """Seconds of training so far: a status is newer than the last epoch; a model that was imported
    has a history only."""
    return max(status.elapsed_s, history[-1]["elapsed_s"] if history else 0.0)


def pick_run(key: str = "train-run") -> Run | None:
    """The run to show: the chosen one; without a choice the active run, else the newest."""
    listed = runs.listing()
    if not listed:
        return None
    names = [run.id for run in listed]
    at_work = runs.active()
    if st.session_state.get(f"{key}-next") in names:
        st.session_state[key] = st.session_state.pop(f"{key}-next")
    with frame.steady():
        if st.session_state.get(key, names[0]) not in names:
            st.session_state[key] = names[0]
            st.info("That run no longer exists: it was deleted.", icon=":material/info:")
    default = at_work.id if at_work else names[0]
    name = st.selectbox(
        "Run", names, index=names.index(default), key=key, bind="query-params",
        persist_state="session", label_visibility="collapsed",
    )  # fmt: skip
    return runs.Run(runs.root() / name)


def watch(run: Run) -> None:
    """Everything about a run; refreshed every second while it is active."""
    if run.damage():  # `run_table.actions` shows the reason
        return
    status = run.status()
    st.session_state["train-watched"] = (run.id, status.state)
    if status.alive:
        frame.follow(run)
    st.fragment(_watch, run_every=TICK_S if status.alive else IDLE_TICK_S)(run)


def _watch(run: Run) -> None:
    if run.damage():
        st.rerun()
    status = run.status()
    before = st.session_state.get("train-watched")
    if before is not None and before[1] != status.state and before[0] == run.id:
        alive = before[1] not in runs.ENDED
        if alive != status.alive:
            st.rerun()
    history = history_of(run)
    _headline(run, status, history)
    if status.alive:
        run_controls.show_controls(run, status)
    if not history and not status.alive:
        if run.uploaded:
            st.caption("This model was imported: its training history is not available.")
        return
    has_images = (run.path / "snapshots/pinned.npz").exists()
    if not has_images and not status.alive:  # such as an imported model
        _curve(run, history, None)
        return
    left, right = st.columns([10, 11], gap="medium")
    with right:
        shown = (
            "The same noisy test images, restored after every epoch, the clean ones below,"
            if snapshots.noisy(run.path / "snapshots") is not None
            else "The same test images after every epoch,"
        )
        st.caption(
            f"{shown} and a map of the codes of up to 500 images, colored by class. Drag the "
            "slider to see earlier epochs; epoch 0 is the model before training."
        )
        with st.container(height="content" if history else WAITING_PX, border=False):
            epoch = epoch_slider(run)
            if not history and epoch is None and not has_images:
                st.caption("Reading the images.")
    with left:
        _curve(run, history, epoch)


def _headline(run: Run, status: RunStatus, history: Sequence[Row]) -> None:
    word, color, icon = STATES.get(status.state, (status.state.capitalize(), "red", None))
    with st.container(horizontal=True, vertical_alignment="center", key="train-headline"):
        st.badge(plain(word), color=color, icon=icon)
        st.markdown(_facts(run))
    if color == "red":
        st.error(
            sentence(form.in_labels(status.message)) or "The run ended without an error message.",
            icon=":material/error:",
        )
    elif status.message and not status.alive:
        st.caption(sentence(status.message))
    if status.alive:
        share = min(status.step / status.steps, 1.0) if status.steps else 0.0
        label = (
            f"Epoch {status.epoch:,} of {status.epochs:,}, step {status.step:,} of {status.steps:,}"
        )
        if status.remaining_s and status.state != "paused":
            label += f"; {duration(status.remaining_s)} left"
        if status.message or not status.epochs:
            label = sentence(status.message) or "Starting"
        st.progress(share, label)  # the message here, so that nothing below it moves
    if history or status.alive:
        last = history[-1] if history else {}
        best = max((row["val_psnr"] for row in records.comparable(history)), default=None)
        noise = records.val_noise(history)
        loss = status.train_loss or last.get("train_loss", 0.0)
        speed = status.images_per_s or last.get("images_per_s", 0.0)
        memory = status.memory_mb or last.get("memory_mb", 0.0)
        frame.figures(
            {
                "Best PSNR": f"{best:.2f} dB" if best is not None else "-",
                "Loss": f"{loss:.5f}" if loss else "-",
                "Images per second": f"{speed:,.0f}" if speed else "-",
                "Time": duration(elapsed_s(status, history)),
                "Memory": f"{memory:,.0f} MB" if memory else "-",
            },
            {
                "Best PSNR": "On validation images, which are not trained on. The saved model is "
                "that of the best epoch.",
                "Memory": f"Peak so far. Device: {status.device or 'unknown'}.",
            },
        )
        best_row, last_row = best_and_last(run)
        if best_row is not None and best_row["epoch"] != last_row["epoch"]:
            st.caption(
                f"Kept: epoch {best_row['epoch']}, {best_row['val_psnr']:.2f} dB. The last epoch, "
                f"{last_row['epoch']}, has {last_row['val_psnr']:.2f} dB."
            )
        if noise:
            st.caption(
                f"Best PSNR is the best {records.psnr_name(noise)}: noisy validation images "
                "as input, clean ones as target. The noise is the same at each epoch."
            )


def _facts(run: Run) -> str:
    try:
        config = run.config()
    except ConvaeError as error:
        return sentence(str(error))
    model = config.model
    facts = [
        model.architecture,
        f"latent dimension {model.latent_dim}",
        plain(pickers.spec_name(config.data.spec)),
    ]
    facts += [config.loss, config.optimizer]
    if config.noise_std:
        kind = "" if config.corruption == "gaussian" else f"{config.corruption} "
        facts.append(f"{kind}noise {'0 to ' if config.noise_range else ''}{config.noise_std:g}")
    return f"**{plain(run.id)}**: " + " · ".join(facts)


def _curve(run: Run, history: list[dict[str, Any]], epoch: int | None) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", key="train-chart-options"):
        names = {"psnr": "PSNR", "loss": "Loss"}
        explanation = f"PSNR: {glossary.TERMS['PSNR']} Loss: the quantity minimized."
        if any(row.get("train_kl") for row in history):
            names |= {"loss": "Reconstruction loss", "kl": "KL divergence"}
            explanation += " The loss of a variational model has two terms, one curve each."
        elif st.session_state.get("train-show") == "kl":
            st.session_state["train-show"] = "psnr"  # chosen for another run
        show = st.segmented_control(
            "Show", list(names), default="psnr", required=True, key="train-show",
            format_func=names.get, persist_state="session", help=explanation,
        )  # fmt: skip
        by = st.segmented_control(
            "X axis", list(BY), default="epoch", required=True, key="train-by",
            format_func=BY.get, persist_state="session",
        )  # fmt: skip
        log = st.toggle(
            "Logarithmic", key="train-log", disabled=show != "loss", persist_state="session",
            help="A logarithmic axis for the loss.",
        )  # fmt: skip
        held = st.toggle(
            "Freeze chart", key="train-hold",
            help="The chart stops updating; the training continues.",
        )  # fmt: skip
    if held:
        kept = st.session_state.get("train-held")
        if kept is None or kept[0] != run.id:
            kept = st.session_state["train-held"] = (run.id, len(history))
        history = history[: kept[1]]
    else:
        st.session_state.pop("train-held", None)
    noise = records.val_noise(history)
    levels = levels_of(run.id, _stamp(run.path / "rungs.json"))
    events = events_of(run)
    table = training.table(history, by=by, show=show, levels=levels, events=events, cursor=epoch)
    st.vega_lite_chart(
        pa.table(table),
        training.spec(by=by, show=show, log=log, loss=run.config().loss, noise=noise),
        key=f"train-chart-{run.id}",
        alt="The curve of the run with reference levels and events",
    )
    lines = [f"{n}. {plain(line, 300)}" for n, line in enumerate(training.event_lines(events), 1)]
    if lines:
        with st.expander(f"Events on the chart: {len(lines)}", expanded=len(lines) <= 6):
            st.markdown("\n".join(lines))
    st.markdown(sentence(reference_levels.sentence(history, levels), 2000))
    if epoch is not None:
        if epoch == 0:
            st.caption("Shown: epoch 0, the model before training.")
        record = next((row for row in history if row["epoch"] == epoch), None)
        if record:
            name = records.psnr_name(records.val_noise([record]))
            st.caption(f"Shown: epoch {epoch}, {name} {record['val_psnr']:.2f} dB.")


def _stamp(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0

"""All runs: a table, actions on one run, and a comparison of several."""

from dataclasses import replace
from typing import Any

import numpy as np
import streamlit as st

from convae import records, runs
from convae.config import TrainConfig
from convae.errors import ConvaeError
from convae.models import bundle, checkpoints
from convae.models.card import Card
from convae.runs import Run, resuming
from convae.ui import access, frame, glossary, pickers
from convae.ui.escape import plain, sentence
from convae.ui.train import forecast, form, watch

BEST, LAST = "best epoch", "last epoch"
MOST_CHOSEN = 8  # runs that are compared at once
SPARK = 40  # points of a sparkline


def table() -> list[Run]:
    """A table of all runs; returns those selected by a click on a row or by name."""
    listed = runs.listing()
    damaged = checkpoints.damaged()
    rows = [_row(run) | ({"State": "Damaged"} if run.id in damaged else {}) for run in listed]
    names = [run.id for run in listed]

    place = st.container()  # the table stands above, but shows what is selected below
    if "train-chosen-next" in st.session_state:
        st.session_state["train-chosen"] = st.session_state.pop("train-chosen-next")
    before = st.session_state.get("train-chosen")
    if before is None and "train-chosen" not in st.query_params:
        st.session_state["train-chosen"] = names[:1]
    elif before is not None:
        kept = [name for name in before if name in names][:MOST_CHOSEN]
        if kept != before:
            st.session_state["train-chosen"] = kept
    chosen = st.multiselect(
        "Selected runs", names, key="train-chosen",
        bind="query-params", persist_state="session", max_selections=MOST_CHOSEN,
        placeholder="Choose runs here or in the table",
    )  # fmt: skip
    with place:
        _show(rows, names, chosen)
    return [runs.Run(runs.root() / name) for name in chosen]


def _show(rows: list[dict[str, Any]], names: list[str], chosen: list[str]) -> None:
    """The table of these runs with the chosen ones ticked; a click changes `train-chosen`."""
    ticked = sorted(names.index(name) for name in chosen)
    selection = st.session_state.get("train-table", {}).get("selection", {})
    if sorted(selection.get("rows", [])) != ticked:
        st.session_state["train-table"] = {"selection": {"rows": ticked}}

    def chosen_by_click() -> None:
        picked = st.session_state["train-table"]["selection"]["rows"]
        chosen = [names[i] for i in picked if i < len(names)]
        st.session_state["train-chosen"] = chosen[:MOST_CHOSEN]

    st.dataframe(
        rows,
        hide_index=True,
        key="train-table",
        on_select=chosen_by_click,
        selection_mode="multi-row",
        column_config=glossary.columns(
            rows,
            {
                "Best PSNR": st.column_config.NumberColumn(
                    "Best PSNR (dB)",
                    format="%.2f",
                    help="On validation images. If Noise is given, it is the denoising PSNR at "
                    "that level: noisy input, clean target.",
                ),  # fmt: skip
                "Time": st.column_config.TextColumn("Time"),
                "Curve": st.column_config.LineChartColumn("PSNR by epoch", width="small"),
            },
        ),  # fmt: skip
        alt="All runs",
    )


def _metrics(run: Run) -> dict[str, Any]:
    try:
        return Card.read(run.path).metrics
    except ConvaeError:  # no epoch is saved yet, or the card is damaged
        return {}


def _row(run: Run) -> dict[str, Any]:
    status, history = run.status(), watch.history_of(run)
    try:
        made = run.config()
    except ConvaeError:
        return {"Run": run.id, "State": "Damaged"}
    psnr = [row["val_psnr"] for row in records.comparable(history)]
    card, elapsed_s = _metrics(run), watch.elapsed_s(status, history)
    noise = records.val_noise(history) if history else card.get("val_noise")
    spark = np.asarray(psnr)[np.linspace(0, len(psnr) - 1, min(SPARK, len(psnr))).astype(int)]
    return {
        "Run": run.id,
        "State": watch.STATES.get(status.state, (status.state,))[0],
        "Training data": pickers.spec_name(made.data.spec),
        "Architecture": made.model.architecture,
        "Latent dimension": made.model.latent_dim,
        "Best PSNR": max(psnr) if psnr else card.get("val_psnr"),
        **({"Noise": noise} if noise else {}),
        "Epochs": history[-1]["epoch"] if history else status.epoch,
        "Time": forecast.duration(elapsed_s) if elapsed_s else "",
        "Curve": spark.tolist(),
    }


def actions(run: Run, *, watching: bool = False) -> None:
    """Actions on one run; watching: it is shown already. A damaged run can only be deleted."""
    if reason := run.damage():
        st.error(sentence(reason), icon=":material/error:")
        if access.may_train() and not run.locked():
            _deletion(run)
        return
    status = run.status()
    if reason := checkpoints.damaged().get(run.id):
        st.error(sentence(reason), icon=":material/error:")
    has_model = (run.path / "model.safetensors").is_file() and not reason
    with st.container(horizontal=True, vertical_alignment="center", key="train-actions"):
        if has_model:
            # a link, as st.switch_page raises while widgets are bound to query parameters
            st.page_link(
                "pages/reconstruct.py", label="**Open in Reconstruct**", icon=":material/compare:",
                query_params={"model": run.id},
            )  # fmt: skip
        if not watching and st.button("Watch", icon=":material/show_chart:", key="train-watch"):
            show_run(run)
        if has_model:
            frame.download("Download", lambda: bundle.export(str(run.path)), f"{run.id}.zip",
                           "application/zip", key="train-download")  # fmt: skip
        if access.may_train():
            _changes(run, status)


def _changes(run: Run, status: runs.RunStatus) -> None:
    if st.button("Duplicate", icon=":material/content_copy:", key="train-duplicate",
                 help="Copy its settings into the form for a new run."):  # fmt: skip
        form.duplicate(run.config())
        show("New")
    if status.alive:
        return
    endings = ("killed", "failed", "diverged")  # without a saved epoch training starts over
    resumable = (run.path / "state.pt").is_file() or status.state in endings
    if resumable and not run.uploaded:
        made = run.config()
        if status.state == "diverged":
            _resume_diverged(run)
        elif status.state != "done":
            if st.button("Resume", icon=":material/play_arrow:", key="train-resume",
                         help="Continue from the last saved epoch."):  # fmt: skip
                resume_run(run)
        if not made.time_budget_s and status.state != "diverged":
            with st.popover("Train longer", icon=":material/forward:"):
                more = st.number_input(
                    "Additional epochs", 1, 10_000, 10, key="train-more",
                    help="The schedule is recomputed for the new total.",
                )  # fmt: skip
                start = _pick_start(run)
                if st.button("Start", key="train-continue", type="primary"):
                    if start == BEST:
                        start_run(replace(made, init_from=run.id, epochs=more))
                    else:
                        resume_run(run, max(made.epochs, status.epoch) + more)
    _deletion(run)


def _pick_start(run: Run) -> str:
    """Whether to go on from the best or from the last epoch; asked only where they differ."""
    best, last = watch.best_and_last(run)
    if best is None or best["epoch"] == last["epoch"]:
        return LAST
    psnr = {BEST: best, LAST: last}
    return st.radio(
        "Start from", [BEST, LAST], key=f"train-from-{run.id}",
        format_func=lambda name: f"{name} (epoch {psnr[name]['epoch']}, "
        f"{psnr[name]['val_psnr']:.2f} dB)",
        help="The best epoch starts a new run from the kept model; the last epoch resumes this run "
        "with the state of its optimizer.",
    )  # fmt: skip


def _resume_diverged(run: Run) -> None:
    """Resume a diverged run with a smaller learning rate."""
    limit = resuming.diverged_rate(run)
    with st.popover("Resume", icon=":material/play_arrow:"):
        st.caption(f"It diverged with a learning rate of {limit:.3g}; resume with a smaller one.")
        rate = st.number_input(
            "New learning rate", 1e-7, 100.0, resuming.smaller_rate(limit), step=1e-4,
            format=form.EXACT, key=f"train-resume-rate-{run.id}",
            help="Applies from the last saved epoch on and decays with the rest of the schedule.",
        )  # fmt: skip
        if st.button("Resume", key="train-resume", type="primary"):
            resume_run(run, learning_rate=float(rate))


def _deletion(run: Run) -> None:
    with st.popover("Delete", icon=":material/delete:"):
        st.write(f"Delete {plain(run.id)} and its model permanently?")
        if st.button("Delete permanently", key="train-delete", type="primary"):
            run.delete()
            if st.session_state.get("model-next") == run.id:
                del st.session_state["model-next"]
            st.rerun()


def resume_run(run: Run, epochs: int = 0, learning_rate: float | None = None) -> None:
    """Resume a run and show it; an error message if it cannot be resumed."""
    try:
        runs.start(None, resume=run.id, epochs=epochs, learning_rate=learning_rate)
    except ConvaeError as error:
        st.error(sentence(form.in_labels(str(error))), icon=":material/error:")
        return
    show_run(run)


def start_run(config: TrainConfig) -> None:
    """Start a new run and show it; an error message if it cannot be started."""
    try:
        run = runs.start(config)
    except ConvaeError as error:
        st.error(sentence(form.in_labels(str(error))), icon=":material/error:")
        return
    show_run(run)


def show(view: str) -> None:
    """Switch to another view of this page."""
    st.session_state["train-view-next"] = view
    st.rerun()


def show_run(run: Run) -> None:
    st.session_state["train-run-next"] = run.id
    show("Watch")


def upload() -> None:
    """Import a checkpoint from a file."""
    if not access.may_train():
        return
    with st.expander("Import a checkpoint", icon=":material/upload:"):
        if not access.may_upload():
            access.explain_uploads()
            return
        file = st.file_uploader(
            "A zip made by Download, or a .safetensors file that contains its card; at most 50 MB",
            type=["zip", "safetensors"], key="train-upload",
        )  # fmt: skip
        if file is None or st.session_state.get("train-uploaded") == file.file_id:
            return
        try:
            run = bundle.accept(file.getvalue())
        except ConvaeError as error:
            st.error(sentence(str(error)), icon=":material/error:")
            return
        st.session_state["train-uploaded"] = file.file_id
        st.session_state["train-chosen-next"] = [run.id]
        message = f"{plain(run.id)} was imported and can be chosen on every page."
        st.toast(message, icon=":material/check:")
        st.rerun()

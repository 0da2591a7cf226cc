"""All runs: a table, what can be done with one, and several side by side."""

from typing import Any

import numpy as np
import streamlit as st

from convae import config, limits, plots, records, runs
from convae.errors import ConvaeError
from convae.evaluation import metrics
from convae.models import bundle, checkpoints
from convae.models.card import Card
from convae.runs import Run, resuming, snapshots
from convae.ui import caches, frame, pickers, pictures
from convae.ui.escape import plain, sentence
from convae.ui.train import form, watch

SPARK = 40  # points of a sparkline


def table() -> list[Run]:
    """Every run, one a line; returns those that are chosen, by a click on their line or by name."""
    found = runs.listing()
    damaged = checkpoints.damaged()
    rows = [_row(run) | ({"State": "Damaged"} if run.id in damaged else {}) for run in found]
    names = [run.id for run in found]

    def chosen_by_click() -> None:
        picked = st.session_state["train-table"]["selection"]["rows"]
        st.session_state["train-chosen"] = [names[i] for i in picked if i < len(names)]

    st.dataframe(
        rows,
        hide_index=True,
        key="train-table",
        on_select=chosen_by_click,
        selection_mode="multi-row",
        column_config={
            "Best PSNR": st.column_config.NumberColumn(
                "Best PSNR (dB)",
                format="%.2f",
                help="On validation images. Where Noise is given it is the denoising PSNR at that "
                "noise: noisy images in, the output compared with the clean ones.",
            ),  # fmt: skip
            "Time": st.column_config.TextColumn("Time"),
            "Curve": st.column_config.LineChartColumn("PSNR by epoch", width="small"),
        },
        alt="All runs",
    )
    if "train-chosen-next" in st.session_state:
        st.session_state["train-chosen"] = st.session_state.pop("train-chosen-next")
    before = st.session_state.get("train-chosen")
    if before is None and "train-chosen" not in st.query_params:
        st.session_state["train-chosen"] = names[:1]
    elif before is not None and not set(before) <= set(names):
        st.session_state["train-chosen"] = [name for name in before if name in names]
    chosen = st.multiselect(
        "Look at one, or compare several", names, key="train-chosen",
        bind="query-params", persist_state="session", max_selections=8,
        placeholder="Choose runs, here or in the table",
    )  # fmt: skip
    return [runs.Run(runs.root() / name) for name in chosen]


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
    card = _metrics(run)
    noise = records.val_noise(history) if history else card.get("val_noise")
    spark = np.asarray(psnr)[np.linspace(0, len(psnr) - 1, min(SPARK, len(psnr))).astype(int)]
    return {
        "Run": run.id,
        "State": watch.STATES.get(status.state, (status.state,))[0],
        "Learned from": pickers.spec_name(made.data.spec),
        "Architecture": made.model.architecture,
        "Code": made.model.latent_dim,
        "Best PSNR": max(psnr) if psnr else card.get("val_psnr"),
        **({"Noise": noise} if noise else {}),
        "Epochs": history[-1]["epoch"] if history else status.epoch,
        "Time": form.duration(history[-1]["elapsed_s"]) if history else "",
        "Curve": spark.tolist(),
    }


def actions(run: Run, *, watching: bool = False) -> None:
    """What can be done with one run; `watching` where it is looked at already. A damaged one can
    be deleted."""
    if reason := run.damage():
        st.error(sentence(reason), icon=":material/error:")
        if limits.training_allowed() and not run.locked():
            _deletion(run)
        return
    status = run.status()
    if reason := checkpoints.damaged().get(run.id):
        st.error(sentence(reason), icon=":material/error:")
    has_model = (run.path / "model.safetensors").is_file() and not reason
    with st.container(horizontal=True, vertical_alignment="center", key="train-actions"):
        if has_model:
            # a link: st.switch_page refuses while widgets are bound to the address
            st.page_link(
                "pages/reconstruct.py", label="**See what it keeps**", icon=":material/compare:",
                query_params={"model": run.id},
            )  # fmt: skip
        if not watching and st.button("Watch", icon=":material/show_chart:", key="train-watch"):
            show_run(run)
        if has_model:
            frame.download("Download", lambda: bundle.export(str(run.path)), f"{run.id}.zip",
                           "application/zip", key="train-download")  # fmt: skip
        if limits.training_allowed():
            _changes(run, status)


def _changes(run: Run, status: runs.RunStatus) -> None:
    if st.button("Duplicate", icon=":material/content_copy:", key="train-duplicate",
                 help="Put its settings into the form."):  # fmt: skip
        form.duplicate(run.config())
        show("New")
    if status.alive:
        return
    endings = ("killed", "failed", "diverged")  # with no whole epoch it begins anew
    resumable = (run.path / "state.pt").is_file() or status.state in endings
    if resumable and not run.uploaded:
        made = run.config()
        if status.state == "diverged":
            _calmer(run)
        elif status.state != "done":
            if st.button("Resume", icon=":material/play_arrow:", key="train-resume",
                         help="Go on where it ended."):  # fmt: skip
                go_on(run)
        if not made.time_budget_s and status.state != "diverged":
            with st.popover("Continue", icon=":material/forward:"):
                more = st.number_input("More epochs", 1, 10_000, 10, key="train-more",
                                       help="The schedule is stretched to them.")  # fmt: skip
                if st.button("Go on", key="train-continue", type="primary"):
                    go_on(run, max(made.epochs, status.epoch) + more)
    _deletion(run)


def _calmer(run: Run) -> None:
    """Resume a diverged run with a smaller learning rate."""
    limit = resuming.diverged_rate(run)
    with st.popover("Resume", icon=":material/play_arrow:"):
        st.caption(f"It diverged with a learning rate of {limit:.3g}; resume with a smaller one.")
        rate = st.number_input(
            "New learning rate", 1e-7, 100.0, resuming.smaller_rate(limit), step=1e-4,
            format="%.6f", key=f"train-resume-rate-{run.id}",
            help="It holds from the last whole epoch on and decays with the rest of the schedule.",
        )  # fmt: skip
        if st.button("Resume", key="train-resume", type="primary"):
            go_on(run, learning_rate=float(rate))


def _deletion(run: Run) -> None:
    with st.popover("Delete", icon=":material/delete:"):
        st.write(f"Delete {plain(run.id)} and its model for good?")
        if st.button("Delete for good", key="train-delete", type="primary"):
            run.delete()
            st.rerun()


def go_on(run: Run, epochs: int = 0, learning_rate: float | None = None) -> None:
    """Resume a run and watch it; a sentence where that cannot be."""
    try:
        runs.start(None, resume=run.id, epochs=epochs, learning_rate=learning_rate)
    except ConvaeError as error:
        st.error(sentence(str(error)), icon=":material/error:")
        return
    show_run(run)


def show(view: str) -> None:
    """Turn to another view of this page."""
    st.session_state["train-view-next"] = view
    st.rerun()


def show_run(run: Run) -> None:
    st.session_state["train-run-next"] = run.id
    show("Watch")


def compare(chosen: list[Run]) -> None:
    """Several runs: their curves on one chart, what sets them apart, the same images rebuilt."""
    for reason in filter(None, (run.damage() for run in chosen)):
        st.warning(sentence(reason), icon=":material/warning:")
    chosen = [run for run in chosen if not run.damage()]
    with st.container(horizontal=True, key="train-compare-options"):
        what = st.segmented_control(
            "Show", ["psnr", "loss"], default="psnr", required=True, key="train-compare-show",
            format_func={"psnr": "PSNR", "loss": "Loss"}.get, persist_state="session",
        )  # fmt: skip
        by = st.segmented_control(
            "Over", list(watch.BY), default="epoch", required=True, key="train-compare-by",
            format_func=watch.BY.get, persist_state="session",
        )  # fmt: skip
    histories = {run.id: watch.history_of(run) for run in chosen}
    told = {name: history for name, history in histories.items() if history}
    if told:
        figure = plots.compare_runs(told, by=by, show=what)
        st.plotly_chart(figure, key="train-compare")
        noises = {name: records.val_noise(history) for name, history in told.items()}
        if noisy := [f"{name}: {records.psnr_name(n)}" for name, n in noises.items() if n]:
            st.caption("Noisy validation images in, clean ones as the target. " + "; ".join(noisy))
    else:
        st.caption("None of them has a history here.")
    _differences(chosen)
    _same_images(chosen)


def _differences(chosen: list[Run]) -> None:
    configs = {run.id: run.config() for run in chosen}
    apart, same = config.compared(configs)
    changes = {run.id: records.rate_changes(run.events()) or "none" for run in chosen}
    if set(changes.values()) != {"none"}:
        if len(set(changes.values())) > 1:
            apart["learning_rate_changes"] = changes
        else:
            same["learning_rate_changes"] = changes[chosen[0].id]
    st.subheader("What sets them apart", anchor=False)
    if apart:
        rows = [{"Setting": _label(name)} | {r: str(v) for r, v in values.items()}
                for name, values in apart.items()]  # fmt: skip
        st.dataframe(rows, hide_index=True)
    else:
        st.caption("Nothing: they have the same settings.")
    with st.expander(f"The same in all: {len(same)} settings"):
        rows = [{"Setting": _label(name), "Value": str(value)} for name, value in same.items()]
        st.dataframe(rows, hide_index=True)


def _label(name: str) -> str:
    return form.LABELS.get(name, name.replace("_", " ").capitalize())


def _same_images(chosen: list[Run]) -> None:
    """The pinned images of the first run that has some, rebuilt by the model of each."""
    pinned = next((p for run in chosen if (p := snapshots.pinned(run.path / "snapshots"))), None)
    if pinned is None:
        return
    images, rows, words = pinned[0], {"original": pinned[0]}, []
    for run in chosen:
        try:
            rebuilt = caches.load_checkpoint(run.id).reconstruct(images)
        except ConvaeError:
            continue
        rows[run.id] = rebuilt
        words.append(f"{plain(run.id)} {metrics.set_psnr(images, rebuilt):.2f} dB")
    st.subheader("The same images", anchor=False)
    pictures.image_rows(rows)
    if words:
        st.caption("On these images: " + ", ".join(words) + ".")


def upload() -> None:
    """Take in a checkpoint that was made elsewhere."""
    if not limits.training_allowed():
        return
    with st.expander("Bring a model along", icon=":material/upload:"):
        file = st.file_uploader(
            "A zip downloaded here, or one .safetensors with its card inside; at most 50 MB",
            type=["zip", "safetensors"], key="train-upload",
        )  # fmt: skip
        if file is None or st.session_state.get("train-uploaded") == file.file_id:
            if file is not None and (told := st.session_state.get("train-upload-told")):
                st.success(sentence(told), icon=":material/check:")
            return
        try:
            run = bundle.accept(file.getvalue())
        except ConvaeError as error:
            st.error(sentence(str(error)), icon=":material/error:")
            return
        st.session_state["train-uploaded"] = file.file_id
        st.session_state["train-upload-told"] = f"{run.id} is here and can be chosen on every page."
        st.session_state["train-chosen-next"] = [run.id]
        st.rerun()

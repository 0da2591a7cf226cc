"""Several runs side by side: curves, settings that differ, the same images."""

import streamlit as st

from convae import flat_config, plots, records
from convae.errors import ConvaeError
from convae.evaluation import metrics
from convae.runs import Run, snapshots
from convae.ui import caches, pictures
from convae.ui.escape import plain, sentence
from convae.ui.train import form, watch


def compare(chosen: list[Run]) -> None:
    """Several runs: their curves, the settings that differ, the same images reconstructed."""
    for reason in filter(None, (run.damage() for run in chosen)):
        st.warning(sentence(reason), icon=":material/warning:")
    chosen = [run for run in chosen if not run.damage()]
    if not chosen:
        return
    with st.container(horizontal=True, key="train-compare-options"):
        what = st.segmented_control(
            "Show", ["psnr", "loss"], default="psnr", required=True, key="train-compare-show",
            format_func={"psnr": "PSNR", "loss": "Loss"}.get, persist_state="session",
        )  # fmt: skip
        by = st.segmented_control(
            "X axis", list(watch.BY), default="epoch", required=True, key="train-compare-by",
            format_func=watch.BY.get, persist_state="session",
        )  # fmt: skip
    histories = {run.id: watch.history_of(run) for run in chosen}
    recorded = {name: history for name, history in histories.items() if history}
    if recorded:
        figure = plots.compare_runs(recorded, by=by, show=what)
        st.plotly_chart(figure, key="train-compare")
        noises = {name: records.val_noise(history) for name, history in recorded.items()}
        if noisy := [f"{name}: {records.psnr_name(n)}" for name, n in noises.items() if n]:
            st.caption("Validation: noisy input, clean target. " + "; ".join(noisy))
    else:
        st.caption("None of these runs has a history on this machine.")
    _differences(chosen)
    _same_images(chosen)


def _differences(chosen: list[Run]) -> None:
    configs = {run.id: run.config() for run in chosen}
    differing, same = flat_config.compared(configs)
    changes = {run.id: records.rate_changes(run.events()) or "none" for run in chosen}
    if set(changes.values()) != {"none"}:
        if len(set(changes.values())) > 1:
            differing["learning_rate_changes"] = changes
        else:
            same["learning_rate_changes"] = changes[chosen[0].id]
    st.subheader("Settings that differ", anchor=False)
    if differing:
        rows = [{"Setting": form.label(name)} | {r: str(v) for r, v in values.items()}
                for name, values in differing.items()]  # fmt: skip
        st.dataframe(rows, hide_index=True)
    else:
        st.caption("All settings are the same.")
    with st.expander(f"Settings that are the same: {len(same)}"):
        rows = [{"Setting": form.label(name), "Value": str(value)} for name, value in same.items()]
        st.dataframe(rows, hide_index=True)


def _same_images(chosen: list[Run]) -> None:
    """The snapshot images of the first run that has any, reconstructed by the model of each."""
    pinned = next((p for run in chosen if (p := snapshots.pinned(run.path / "snapshots"))), None)
    if pinned is None:
        return
    images, rows, figures = pinned[0], {"original": pinned[0]}, []
    for run in chosen:
        try:
            rebuilt = caches.load_checkpoint(run.id).reconstruct(images)
        except ConvaeError:
            continue
        rows[run.id] = rebuilt
        figures.append(f"{plain(run.id)} {metrics.set_psnr(images, rebuilt):.2f} dB")
    st.subheader("The same images", anchor=False)
    pictures.image_rows(rows)
    if figures:
        st.caption("PSNR on these images: " + ", ".join(figures) + ".")

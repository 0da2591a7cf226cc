"""The sweeps: PSNR over latent dimension with PCA beside it, a table, and the runs behind it."""

import streamlit as st

from convae.csv_export import to_csv
from convae.plots.sweep import psnr_over_dimension
from convae.records import psnr_title
from convae.runs import sweep
from convae.training import sweep_results
from convae.ui import access, frame, glossary
from convae.ui.train import run_table, watch

TICK_S = 2.0


def choose(chosen: sweep.Sweep) -> None:
    """Show this sweep the next time the view is drawn."""
    st.session_state["train-sweep-next"] = chosen.name


def show() -> None:
    """The chosen sweep, refreshed while its runs wait or train."""
    found = {item.name: item for item in sweep.listing()}
    if not found:
        st.info(
            "No sweeps yet. Choose settings under New and press Sweep latent dimensions.",
            icon=":material/info:",
        )
        return
    if st.session_state.get("train-sweep-next") in found:
        st.session_state["train-sweep"] = st.session_state.pop("train-sweep-next")
    if st.session_state.get("train-sweep", next(iter(found))) not in found:
        del st.session_state["train-sweep"]
    name = st.selectbox(
        "Sweep", list(found), key="train-sweep", bind="query-params", persist_state="session",
        label_visibility="collapsed",
    )  # fmt: skip
    chosen = found[name]
    unfinished = any(not row.ended and row.state != sweep_results.REMOVED
                     for row in sweep_results.rows(chosen))  # fmt: skip
    st.fragment(_show, run_every=TICK_S if unfinished else None)(chosen, unfinished)


def _show(chosen: sweep.Sweep, was_unfinished: bool) -> None:
    rows = sweep_results.rows(chosen)
    ended = [row for row in rows if row.ended]
    waiting = [row for row in rows if row.state == sweep_results.QUEUED]
    unfinished = any(not row.ended and row.state != sweep_results.REMOVED for row in rows)
    if was_unfinished and not unfinished:
        st.rerun()
    if unfinished:
        st.progress(len(ended) / len(rows), f"{len(ended)} of {len(rows)} runs have ended")
    shown = [row for row in ended if row.psnr is not None]
    if shown:
        title = psnr_title(max(row.noise for row in shown))
        curves = {
            "autoencoder": [row.psnr for row in shown],
            "PCA": [row.pca_psnr for row in shown],
        }
        st.plotly_chart(
            psnr_over_dimension([row.dimension for row in shown], curves, title),
            key="train-sweep-chart",
        )
        st.markdown(sweep_results.sentence(rows))
        st.caption(
            "Best epoch of each run and PCA with as many values, both on the same validation "
            "images."
        )
    else:
        st.caption("The curve appears when the first run has ended.")
    table = sweep_results.table(rows)
    words = {state: word for state, (word, *_) in watch.STATES.items()}
    st.dataframe(
        [row | {"State": words.get(row["State"], row["State"].capitalize())} for row in table],
        hide_index=True,
        key="train-sweep-table",
        placeholder="",
        column_config=glossary.columns(table, {
            name: st.column_config.NumberColumn(format="%.2f")
            for name in table[0] if name.endswith("(dB)")
        }),
    )  # fmt: skip
    with st.container(horizontal=True, key="train-sweep-actions"):
        frame.download("Download CSV", to_csv(table), f"{chosen.name}.csv", "text/csv",
                       key="train-sweep-csv")  # fmt: skip
        present = [row.run for row in rows if chosen.run(row.dimension) is not None]
        if len(present) > 1 and st.button(
            "Compare the runs", icon=":material/compare_arrows:", key="train-sweep-compare"
        ):
            st.session_state["train-chosen-next"] = present[: run_table.MOST_CHOSEN]
            run_table.show("Runs")
        if waiting and access.may_train():
            st.button(
                "Cancel the waiting runs", icon=":material/close:", key="train-sweep-cancel",
                on_click=chosen.cancel,
            )  # fmt: skip
        elif not unfinished and access.may_train() and st.button(
            "Remove the sweep", icon=":material/delete:", key="train-sweep-remove",
            help="Its runs and their models stay.",
        ):  # fmt: skip
            sweep.forget(chosen)
            st.rerun()

"""Train: start a training run, follow it live, compare all runs."""

import streamlit as st

from convae import data, runs, ui
from convae.ui import access
from convae.ui.escape import plain
from convae.ui.train import form, queue_list, run_comparison, run_table, starting, sweeps
from convae.ui.train import watch as run_watch
from convae.ui.train.change_of_view import without_the_last

arrived = st.session_state.get("page") != "Train"
ui.page("Train")

VIEWS = ["New", "Watch", "Runs", "Sweeps"]
at_work = runs.active()
if arrived and at_work is not None and "train-view" not in st.query_params:
    st.session_state["train-view-next"] = "Watch"
    st.session_state["train-run-next"] = at_work.id
if "train-view-next" in st.session_state:
    st.session_state["train-view"] = st.session_state.pop("train-view-next")
if "train-view" not in st.session_state and st.query_params.get("train-view") not in VIEWS:
    visitor = not access.may_train() and runs.listing()  # there are runs to look at
    watching = at_work is not None or visitor
    st.session_state["train-view"] = "Watch" if watching else "New"
view = st.segmented_control(
    "View",
    VIEWS,
    required=True,
    key="train-view",
    bind="query-params",
    persist_state="session",
    label_visibility="collapsed",
)


def new() -> None:
    if not access.may_train():
        access.explain()
        return
    st.markdown(
        f"Choose a preset or your own settings, press **{starting.start_label()}**, and follow the "
        "training live."
    )
    config, name, problem, place = form.settings_form()
    with place:
        if config is not None and config.data.spec == "cifar10" and not data.cifar10_present():
            ui.offer_cifar10()
            return
        starting.buttons(config, name, problem)


def watch() -> None:
    run = run_watch.pick_run()
    if run is None:
        st.info("No runs yet. Start one under New.", icon=":material/info:")
        return
    if run.damage() or not run.status().alive:
        run_table.actions(run, watching=True)
    if at_work is not None and at_work.id != run.id:
        with st.container(horizontal=True, vertical_alignment="center", key="train-other"):
            st.caption(f"{plain(at_work.id)} is training now.")
            if st.button("Watch it", icon=":material/show_chart:", key="train-watch-other"):
                run_table.show_run(at_work)
    run_watch.watch(run)


def all_runs() -> None:
    chosen = run_table.table() if runs.listing() else []
    if len(chosen) == 1:
        run_table.actions(chosen[0])
        run_watch.watch(chosen[0])
    elif chosen:
        run_comparison.compare(chosen)
    run_table.upload()


with without_the_last(view):
    with ui.error_boundary():
        queue_list.show(expanded=view == "New")
        {"New": new, "Watch": watch, "Runs": all_runs, "Sweeps": sweeps.show}[view]()
    ui.end_of_page()

"""Start a run now, put it into the queue, or put one per latent dimension into it."""

import streamlit as st

from convae import runs
from convae.config import TrainConfig
from convae.errors import ConvaeError
from convae.runs import queue, sweep
from convae.ui.escape import plain, sentence
from convae.ui.train import forecast, form, run_table, sweeps
from convae.wording import counted

QUEUED = "Add to queue"


def start_label() -> str:
    """The label of the button: Start, or Add to queue while a run trains or others wait."""
    waits = runs.active() is not None or any(not entry.problem for entry in queue.entries())
    return QUEUED if waits else "Start"


def buttons(config: TrainConfig | None, name: str, problem: str) -> None:
    """The button to start a run or to put it into the queue; and a sweep."""
    at_work, label = runs.active(), start_label()
    waits = label == QUEUED
    icon, key = ("playlist_add", "train-enqueue") if waits else ("play_arrow", "train-start")
    if config is None or problem:
        st.button(label, type="primary", disabled=True, key=key, help=sentence(problem))
        if config is not None:  # the settings are good, and the name is in a folded box
            st.caption(f"Name, under Settings: {sentence(problem)}")
        return
    processes = form.pick_processes(config)
    with st.container(horizontal=True, vertical_alignment="center", key="train-start-row"):
        if st.button(label, type="primary", icon=f":material/{icon}:", key=key):
            if waits:
                entry = queue.add(config, name, processes)
                form.name_used()
                st.toast(f"{plain(entry.name)} is in the queue.", icon=":material/queue:")
                st.rerun()
            run = runs.start(config, name, processes=processes)
            form.name_used()
            run_table.show_run(run)
        if at_work is not None and st.button(
            f"Watch {plain(at_work.id)}", icon=":material/show_chart:", key="train-watch-active"
        ):
            run_table.show_run(at_work)
        with st.popover("Sweep latent dimensions", icon=":material/stacked_line_chart:"):
            _sweep(config, name, processes)


def _sweep(config: TrainConfig, name: str, processes: int) -> None:
    st.markdown(
        "Trains one model per latent dimension, one after the other, with all other settings from "
        "the form, and compares them with PCA."
    )
    text = st.text_input(
        "Latent dimensions", ", ".join(map(str, sweep.DEFAULT)), key="train-sweep-dimensions",
        max_chars=80, persist_state="session",
    )  # fmt: skip
    try:
        made = sweep.configs(config, sweep.parse(text))
    except ConvaeError as error:
        st.error(sentence(form.in_labels(str(error))), icon=":material/error:")
        return
    times = [forecast.estimated_s(item) for item in made.values()]
    if all(times):
        st.caption(f"About {forecast.roughly(sum(times))} in all on this machine.")
    if st.button(f"Train {counted(len(made), 'run')}", type="primary", key="train-sweep-start"):
        started = sweep.start(config, list(made), name, processes)
        form.name_used()
        sweeps.choose(started)
        run_table.show("Sweeps")

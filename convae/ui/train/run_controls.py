"""Pause, stop and the learning rate of the active run."""

import streamlit as st

from convae import files
from convae.config import TrainConfig
from convae.errors import ConvaeError
from convae.runs import Run, RunStatus
from convae.ui import access
from convae.ui.train import form


def show_controls(run: Run, status: RunStatus) -> None:
    """Pause, stop, learning rate: requests that the training process reads four times a second."""
    if not access.may_train():
        return
    with st.container(horizontal=True, key="train-controls"):
        # callbacks: a click reruns either the fragment or the whole page
        paused = bool(files.read_json(run.path / "control.json").get("pause"))
        st.button(
            "Resume" if paused else "Pause",
            icon=":material/play_arrow:" if paused else ":material/pause:",
            key="train-pause",
            disabled=status.state == "starting",
            on_click=run.ask,
            kwargs={"pause": not paused},
        )
        if st.button("Stop and keep the model", icon=":material/stop:", key="train-stop"):
            with st.spinner("Stopping and saving the model"):
                run.stop()
            st.rerun()
        with st.popover("Learning rate", icon=":material/speed:"):
            peak = _peak_rate(run)
            st.caption(
                f"Now {status.learning_rate:.3g}; the schedule's peak is {peak:.3g}. A new rate "
                "applies at once and decays with the rest of the schedule."
            )
            rate = st.number_input(
                "New learning rate", 1e-7, 100.0, peak,
                step=1e-4, format=form.EXACT, key=f"train-rate-{run.id}",
                help="Usual range: 0.0003 to 0.003 (SGD: 0.1 to 1).",
            )  # fmt: skip
            st.button(
                "Apply", key="train-rate-apply", type="primary",
                on_click=run.ask, kwargs={"learning_rate": float(rate)},
            )  # fmt: skip
            st.button(
                "Use the schedule", key="train-rate-schedule",
                on_click=run.ask, kwargs={"learning_rate": 0.0},
            )  # fmt: skip


def _peak_rate(run: Run) -> float:
    try:
        return run.config().learning_rate
    except ConvaeError:
        return TrainConfig().learning_rate

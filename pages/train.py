"""Train: a model of one's own, followed while it learns."""

import streamlit as st

from convae import data, runs, ui

PRESETS = {
    "First try, a minute": {"spec": "shapes", "latent_dim": 32, "base_channels": 16, "epochs": 4},
    "Photographs": {"spec": "cifar10", "latent_dim": 128, "epochs": 20},
    "Repair noise": {"spec": "shapes", "latent_dim": 64, "noise_std": 0.2, "epochs": 8},
    "The classic model": {
        "spec": "shapes", "architecture": "classic", "latent_dim": 256, "loss": "bce",
        "optimizer": "adam", "learning_rate": 1e-3, "schedule": "constant", "weight_decay": 0.0,
        "flip": False, "epochs": 10,
    },
}  # fmt: skip

ui.page("Train")
st.markdown("Choose what to learn from, start, and watch the loss fall. You may leave meanwhile.")


def latest() -> runs.Run | None:
    """The run at work, else the one that was looked at last."""
    found = runs.active()
    if found is None and (seen := st.session_state.get("train-run")):
        found = next((run for run in runs.listing() if run.id == seen), None)
    return found


def watch() -> None:
    """Drawn once a second while the run is at work; its end draws the whole page anew."""
    run = latest()
    status = run.status()
    if not status.alive:
        st.rerun()
    show(run, status)
    if st.button("Stop and keep the model", icon=":material/stop:", key="train-stop"):
        with st.spinner("Stopping; the model so far is saved"):
            run.stop()
        st.rerun()


def show(run: runs.Run, status: runs.Status) -> None:
    ui.run_progress(status)
    if history := run.history():
        ui.loss_chart(history, key="train-loss")
        best = max(row["val_psnr"] for row in history)
        st.caption(f"Best so far: {best:.2f} dB on images that are not trained on.")
    elif status.alive:
        st.caption("The chart begins with the end of the first epoch.")


run = latest()
if run is not None:
    st.session_state["train-run"] = run.id
    status = run.status()
    st.header(f"Run {run.id}", anchor=False)
    if status.alive:
        ui.follow(run)
        st.fragment(watch, run_every=1)()
        st.stop()
    show(run, status)
    if (run.path / "card.json").is_file():
        st.page_link(
            "pages/reconstruct.py", label="See what it rebuilds", icon=":material/compare:"
        )
    st.header("Another one", anchor=False)

with ui.error_boundary():
    config = ui.settings_form(PRESETS)
    if config is not None:
        if config.data.spec == "cifar10" and not data.cifar10_present():
            ui.offer_cifar10()
        st.session_state["train-run"] = runs.start(config).id
        st.rerun()

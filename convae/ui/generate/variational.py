"""The Generate page: offers a variational model where the chosen one is not."""

import streamlit as st

from convae.models.checkpoints import Checkpoint
from convae.ui import frame, pickers
from convae.ui.escape import plain

SHIPPED = "cifar10-vae"


def preferred() -> str | None:
    """The shipped variational model, else the first one available; None if there is none."""
    names = [
        entry.name
        for entry in pickers.checkpoint_options().values()
        if entry.config.model.variational
    ]
    return SHIPPED if SHIPPED in names else next(iter(names), None)


def offer(checkpoint: Checkpoint) -> None:
    """States that the model is not variational, with a button that selects one that is."""
    with frame.steady():
        if checkpoint.config.variational:
            return
        text = (
            f"{plain(checkpoint.name)} is not a variational autoencoder: its codes follow no known "
            "distribution, so a prior is fitted to them."
        )
        name = preferred()
        if name is None:
            st.caption(text)
            return
        with st.container(horizontal=True, vertical_alignment="center", key="generate-offer"):
            st.button(
                f"Use {plain(name)}",
                icon=":material/casino:",
                key="generate-variational",
                on_click=_choose,
                args=(name,),
            )
            st.markdown(f"{text} {plain(name)} was trained for sampling from N(0, I).")


def _choose(name: str) -> None:
    # the model's widget has been drawn when the button is, so the choice waits for the next run
    st.session_state["model-next"] = name
    st.session_state["generate-prior"] = "vae"

"""The queue of runs: what waits, for how long, and a button to cancel each."""

import streamlit as st

from convae import runs
from convae.errors import ConvaeError
from convae.runs import queue
from convae.ui import access, frame, pickers
from convae.ui.escape import plain, sentence
from convae.ui.train import forecast
from convae.wording import counted

TICK_S = 2.0


def show(*, expanded: bool) -> None:
    """The waiting runs in their order; nothing where none waits. A run that could not be started
    is always in the open."""
    queue.ensure()
    with frame.steady():  # the boxes below it stay as they are when it appears
        if queue.entries():
            st.fragment(_show, run_every=TICK_S)(expanded)


def _show(expanded: bool) -> None:
    waiting = queue.entries()
    ids = [entry.id for entry in waiting]
    known = st.session_state.get("train-queue-ids")
    st.session_state["train-queue-ids"] = ids
    if not ids or (known is not None and not set(known) <= set(ids)):
        st.rerun()  # one was started or canceled: the page shows another run
    title = f"Queue: {counted(len(waiting), 'run')}"
    opened = expanded or any(entry.problem for entry in waiting)
    with st.expander(title, expanded=opened, icon=":material/queue:", key="train-queue"):
        for place, entry in enumerate(waiting, 1):
            with st.container(
                horizontal=True, vertical_alignment="center", key=f"train-queue-{place}"
            ):
                st.markdown(f"{place}. **{plain(entry.name)}**{_facts(entry)}")
                if access.may_train():
                    st.button(
                        "Cancel", key=f"train-queue-cancel-{entry.id}", icon=":material/close:",
                        type="tertiary", on_click=queue.cancel, args=(entry.id,),
                        help=f"Take {plain(entry.name)} out of the queue.",
                    )  # fmt: skip
            if entry.problem:
                st.error(sentence(entry.problem), icon=":material/error:")
        at_work = runs.active()
        if at_work is not None and at_work.status().state == "paused":
            st.caption(f"{plain(at_work.id)} is paused: the queue waits until it has ended.")
        else:
            st.caption(
                "The next run starts when the current one has ended, also while this page is "
                "closed."
            )


def _facts(entry: queue.Entry) -> str:
    config = entry.config
    if config is None:
        return ""
    facts = [
        f"latent dimension {config.model.latent_dim}",
        plain(pickers.spec_name(config.data.spec)),
        counted(config.epochs, "epoch") if not config.time_budget_s else "",
    ]
    try:
        seconds = forecast.estimated_s(config)
    except ConvaeError:
        seconds = None
    facts.append(f"~ {forecast.roughly(seconds)}" if seconds else "time unknown")
    return ": " + " · ".join(filter(None, facts))

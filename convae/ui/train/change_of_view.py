"""No elements of the view before are shown below those of the new one.

Streamlit leaves the elements of the last script run on the page until the script has ended, marked
with data-stale: after Start the form would stay under the new run for about a second.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st
from streamlit.runtime.scriptrunner import StopException

MAIN = '[data-testid="stMain"]'
STALE, FRESH = '[data-stale="true"]', '[data-stale="false"]'
BOX = '[data-testid="stExpander"]'
HIDDEN = (
    f"<style>{MAIN} {STALE}, {MAIN} {BOX}:has({STALE}):not(:has({FRESH})) {{ display: none; }}"
    "</style><span></span>"  # with a style alone st.html could not be removed again
)


@contextmanager
def without_the_last(view: str) -> Iterator[None]:
    """Draw this view; where it is another one than before, stale elements are hidden meanwhile."""
    before = st.session_state.get("train-view-drawn", view)
    style = st.empty()
    if before != view:
        style.html(HIDDEN)
    try:
        yield
    except StopException:  # after an error message: nothing else is drawn
        style.empty()
        raise
    st.session_state["train-view-drawn"] = view  # not where the view asked for another run
    style.empty()

"""A line in the browser while the server loads PyTorch, which the first visitor waits for.

Imported before everything that loads PyTorch. The style is no part of the layout, so no widget
changes its position, and it hides itself as soon as the page has a title.
"""

import sys

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

STARTING = """<style>
.stApp:not(:has(h1))::before {
  content: "convae: an interactive demo of a convolutional autoencoder.\\A"
    "Loading PyTorch, once per server.";
  position: fixed; inset: 38% 1rem auto; text-align: center; white-space: pre-line; opacity: .75;
  line-height: 1.6; }
.stApp:not(:has(h1)) [data-testid="stStatusWidget"] { display: none; }
</style>"""


def announce() -> None:
    """Draw the line, if a page is waiting for PyTorch."""
    if "torch" not in sys.modules and get_script_run_ctx(suppress_warning=True) is not None:
        st.html(STARTING)


announce()

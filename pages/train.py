"""Train: a model of one's own, followed while it learns."""

import streamlit as st

from convae import ui

ui.page("Train")
st.write("Choose what to learn from, start, and watch.")

"""Anomalies: which images are unlike the normal ones?"""

import streamlit as st

from convae import ui
from convae.ui.anomalies import detection, panels

ui.page("Anomalies")
st.markdown(
    "A detector is fitted to **normal** images, without any label. Every image gets a score; does "
    "it separate **suspects** from normal images, and better than scores that need no model?"
)

checkpoint = ui.pick_checkpoint()
whole = ui.pick_set(checkpoint)

left, middle, right = st.columns(3, gap="medium")
with left:
    normal = detection.pick_normal(whole)
with middle:
    suspects = detection.pick_suspects(normal)
with right:
    limits = detection.pick_limits()

with ui.error_boundary():
    found = detection.find(checkpoint, normal, suspects, limits)

panels.show_table(found)

st.header("Threshold", anchor=False)
left, right = st.columns(2, gap="large")
with left:
    score = panels.pick_score(found)
with right:
    above = panels.pick_threshold(found, score)
panels.show_threshold(found, score, above)

st.header("What is missed, what is flagged", anchor=False)
panels.gallery(found, score, above)

st.header("Every threshold at once", anchor=False)
panels.show_curves(found, score)

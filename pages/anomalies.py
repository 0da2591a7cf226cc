"""Anomalies: scores that separate unusual images from normal ones."""

import streamlit as st

from convae import ui
from convae.ui.anomalies import detection, panels

ui.page("Anomalies")
st.markdown(
    "A detector is fitted to **normal** images, without any label. Every image gets a "
    "score: does it separate **suspects** from normal images, and better than baselines that need "
    "no model?"
)

checkpoint = ui.pick_checkpoint()
whole = ui.pick_set(checkpoint, held_out=True)

left, middle, right = st.columns(3, gap="medium")
with left:
    normal = detection.pick_normal(whole)
with middle:
    suspects = detection.pick_suspects(normal)
with right:
    limits = detection.pick_limits()

with ui.error_boundary():
    detected = detection.detect(checkpoint, normal, suspects, limits)

panels.show_table(detected)

st.header("Threshold", anchor=False)
left, right = st.columns(2, gap="large")
with left:
    score = panels.pick_score(detected)
with right:
    above = panels.pick_threshold(detected, score)
panels.show_threshold(detected, score, above)

st.header("Missed and flagged images", anchor=False)
panels.gallery(detected, score, above)

st.header("ROC and precision-recall curves", anchor=False)
panels.show_curves(detected, score)
ui.end_of_page()

"""Latent map: all codes at a glance, and whatever lies between them."""

import streamlit as st

from convae import ui
from convae.ui import latent, latent_chart, latent_group, latent_near, latent_panel, latent_truth

ui.page("Latent map")
st.markdown(
    "Every dot is an image, placed by its code. **Hover** to see it, **click** it to meet its "
    "neighbours, click **where nothing is** to see what could live there, **draw a loop** around a "
    "group."
)

checkpoint = ui.pick_checkpoint()
with ui.error_boundary():
    view = latent.pick_view(checkpoint, ui.pick_set())

chart, beside = st.columns([3, 2], gap="medium")
with beside, st.container(horizontal=True, vertical_alignment="bottom", key="latent-points"):
    chosen, start = latent_chart.pick_points(view)
    view = latent_near.pick(view)

event = latent_chart.happened(view)
if event["kind"] == "spot":
    lines, dots = latent_panel.marks_of_spot(event["at"])
elif event["kind"] == "lasso":
    lines, dots = [], []
else:
    lines, dots = latent_panel.marks_of_point(view, chosen)
    way, first = latent_panel.marks_of_walk(view, start, chosen)
    lines, dots = lines + way, dots + first

with chart:
    place = st.container()
    guests = latent_panel.uploads(view)
    with place:
        latent_chart.show(view, lines, dots + guests, event.get("ids"))

with beside:
    if event["kind"] == "spot":
        latent_panel.spot(view, event["at"])
    elif event["kind"] == "lasso":
        latent_group.group(view, event["ids"])
    else:
        latent_panel.point(view, chosen)

latent_panel.walk(view, start, chosen)
latent_truth.how_true(view)
latent_panel.take_along(view)

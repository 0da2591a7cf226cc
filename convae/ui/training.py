"""What the Train page is made of: a form from the settings, and the picture of a run under way."""

from collections.abc import Mapping, Sequence
from dataclasses import Field
from typing import Any

import streamlit as st

from convae import config, data, plots
from convae.config import TrainConfig
from convae.runs import Status
from convae.ui import pickers

LABELS = {
    "spec": "Learn from",
    "limit": "Images at most",
    "latent_dim": "Code size",
    "base_channels": "Channels",
    "init_from": "Start from",
    "time_budget_s": "Time budget (s)",
    "flip": "Mirror images",
    "noise_std": "Noise on the input",
    "ema_decay": "Average of weights",
}
STATES = {
    "starting": ("Getting ready", "blue"),
    "running": ("Training", "blue"),
    "paused": ("Paused", "orange"),
    "done": ("Done", "green"),
    "stopped": ("Stopped", "orange"),
}


def settings_form(
    presets: Mapping[str, Mapping[str, Any]], key: str = "train"
) -> TrainConfig | None:
    """A form of every setting, filled in by a preset; the settings when it is sent, else None.

    Raises ConfigError where values do not fit together.
    """
    fields = config.settings()

    def fill() -> None:
        preset = presets.get(st.session_state[f"{key}-preset"] or "", {})
        for f in fields:
            st.session_state[f"{key}-{f.name}"] = preset.get(f.name, f.default)

    if f"{key}-{fields[0].name}" not in st.session_state:
        st.session_state[f"{key}-preset"] = next(iter(presets))
        fill()
    st.pills("Begin with", list(presets), key=f"{key}-preset", on_change=fill, required=True)
    with st.form(f"{key}-form"):
        main = [f for f in fields if not f.metadata["advanced"]]
        values = _widgets(main, key)
        with st.expander("More settings"):
            rest = [f for f in fields if f.metadata["advanced"]]
            values |= _widgets(rest, key)
        sent = st.form_submit_button(
            "Start training", type="primary", icon=":material/play_arrow:", key=f"{key}-start"
        )
    return config.from_flat(values) if sent else None


def _widgets(fields: Sequence[Field], key: str) -> dict[str, Any]:
    """Four on a line, each line its own: so the order stays when a phone stacks them."""
    values = {}
    for start in range(0, len(fields), 4):
        for place, f in zip(st.columns(4), fields[start : start + 4], strict=False):
            values[f.name] = _widget(place, f, key)
    return values


def _widget(place, f: Field, key: str) -> Any:
    meta = f.metadata
    label = LABELS.get(f.name, f.name.replace("_", " ").capitalize())
    told = {"key": f"{key}-{f.name}", "help": meta["help"], "persist_state": "session"}
    if f.name == "spec":
        return place.selectbox(label, list(data.SPECS), format_func=pickers.spec_name, **told)
    if f.name == "init_from":
        names = ["", *pickers.checkpoint_options()]
        return place.selectbox(label, names, format_func=lambda n: n or "from scratch", **told)
    if meta["choices"]:
        return place.selectbox(label, meta["choices"], **told)
    if isinstance(f.default, bool):
        return place.toggle(label, **told)
    if isinstance(f.default, int):
        step = 8 if f.name == "base_channels" else 1
        return place.number_input(label, meta["low"], meta["high"], step=step, **told)
    small = f.name == "learning_rate"
    return place.number_input(
        label,
        meta["low"],
        meta["high"],
        step=0.0005 if small else 0.01,
        format="%.5f" if small else "%.3f",
        **told,
    )


def duration(seconds: float) -> str:
    """42 s, 3 min 5 s, 2 h 10 min."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def run_progress(status: Status) -> None:
    """Where a run stands: its state, how far it is, how long it takes still."""
    word, colour = STATES.get(status.state, (status.state.capitalize(), "red"))
    with st.container(horizontal=True, vertical_alignment="center"):
        st.badge(word, color=colour)
        if status.message:
            st.caption(status.message)
    if status.alive:
        share = min(status.step / status.steps, 1.0) if status.steps else 0.0
        left = f", {duration(status.remaining_s)} left" if status.remaining_s else ""
        st.progress(share, f"{share:.0%}{left}")
    if status.epochs:
        with st.container(horizontal=True):
            st.metric("Epoch", f"{status.epoch} of {status.epochs}", width=150)
            st.metric("Loss", f"{status.train_loss:.5f}", width=150)
            st.metric("Images per second", f"{status.images_per_s:,.0f}", width=170)
            st.metric("Time", duration(status.elapsed_s), width=150)


def loss_chart(history: Sequence[Mapping[str, Any]], *, key: str) -> None:
    """Training and validation loss by epoch, for a run under way.

    Vega and not Plotly: Streamlit makes Plotly's node anew at every change of its figure, which
    flickers once a second; Vega's node stays (13 ms a tick).
    """
    rows = [
        {"epoch": row["epoch"], "loss": row[name], "of": of}
        for row in history
        for name, of in (("train_loss", "training"), ("val_loss", "validation"))
    ]
    line = {"type": "line", "point": True, "strokeWidth": 2}
    st.vega_lite_chart(
        {
            "data": {"values": rows},
            "mark": line,
            "height": 300,
            "encoding": {
                "x": {
                    "field": "epoch",
                    "type": "quantitative",
                    "axis": {"tickMinStep": 1, "format": "d", "grid": False},
                },
                "y": {"field": "loss", "type": "quantitative", "scale": {"zero": False}},
                "color": {
                    "field": "of",
                    "type": "nominal",
                    "title": None,
                    "scale": {
                        "domain": ["training", "validation"],
                        "range": [plots.COLOURS["training"], plots.COLOURS["validation"]],
                    },
                    "legend": {"orient": "top"},
                },
            },
        },
        key=key,
        alt="Loss of training and validation by epoch",
    )

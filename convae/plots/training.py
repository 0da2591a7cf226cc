"""The live chart of a training run, as a Vega-Lite specification that does not depend on the data.

It is the only chart that is not drawn by Plotly: Streamlit recreates the node of a Plotly chart
whenever its figure changes, which flickers with every epoch. A Vega chart is kept as long as its
specification is the same, so everything that changes (curves, reference levels, events, the cursor)
is rows of one table. benchmarks/live.py counts the frames.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from convae import plots, records

MOST = 500  # points of a curve: more than a screen can resolve
KL = "KL divergence (nats per image)"
AXES = {"epoch": "Epoch", "step": "Step", "elapsed_s": "Time (s)"}
Row = Mapping[str, Any]


def thinned(history: Sequence[Row], most: int = MOST) -> list[Row]:
    """At most `most` records, evenly spread, the first, the last and the best of them included."""
    if len(history) <= most:
        return list(history)
    chosen = set(np.linspace(0, len(history) - 1, most - 1).round().astype(int).tolist())
    chosen.add(max(range(len(history)), key=lambda i: history[i]["val_psnr"]))
    return [history[i] for i in sorted(chosen)]


def merged(events: Sequence[Row]) -> list[tuple[int, str]]:
    """(step, description) per flag, in order of the steps; events of the same step are joined."""
    by_step: dict[int, list[str]] = {}
    for event in events:
        texts = by_step.setdefault(int(event["step"]), [])
        text = str(event["what"])[:80]
        if text not in texts:
            texts.append(text)
    return [(step, ", ".join(by_step[step])) for step in sorted(by_step)]


def event_lines(events: Sequence[Row]) -> list[str]:
    """A description per flag on the chart: line n belongs to flag n."""
    return [f"Step {step:,}: {text}" for step, text in merged(events)]


def table(
    history: Sequence[Row],
    *,
    by: str = "epoch",
    show: str = "psnr",
    levels: Mapping[str, Mapping[str, float]] | None = None,
    events: Sequence[Row] = (),
    cursor: int | None = None,
) -> dict[str, list]:
    """Columns kind (curve, level, event, cursor), x, y, name: everything that the chart shows.

    show: psnr, loss or kl (the second term of a variational model's loss). levels: name ->
    {"psnr", "loss"}; one without the shown quantity is left out.
    events: dicts with step and what; those of one step share one number, the name of their row.
    ``event_lines`` describes the numbers. cursor: the epoch selected on the epoch slider.
    """
    rows: list[tuple[str, float | None, float | None, str]] = []
    keys = {"val_psnr": "validation"}
    if show == "loss":
        keys = {"train_loss": "training", "val_loss": "validation"}
    elif show == "kl":
        keys = {"train_kl": "training"}
    kept = thinned(history)
    for key, name in keys.items():
        rows += [("curve", r[by], r[key], name) for r in kept if np.isfinite(r.get(key, np.nan))]
    for name, level in (levels or {}).items():
        if show in level:
            rows.append(("level", None, level[show], name))
    if history:
        steps, places = [0, *(r["step"] for r in history)], [0, *(r[by] for r in history)]
        for number, (step, _) in enumerate(merged(events), 1):
            rows.append(("event", float(np.interp(step, steps, places)), None, str(number)))
        selected = next((r for r in history if r["epoch"] == cursor), None)
        if selected is not None:
            rows.append(("cursor", selected[by], None, f"epoch {cursor}"))
    kind, x, y, name = (list(column) for column in zip(*rows, strict=True)) if rows else [[]] * 4
    return {"kind": kind, "x": x, "y": y, "name": name}


def spec(
    *, by: str = "epoch", show: str = "psnr", log: bool = False, loss: str = "", noise: float = 0.0
) -> dict:
    """The chart for ``table`` with the same `by` and `show`. For the axis titles: loss, its kind;
    noise, the standard deviation of that added to the validation input."""
    psnr = f"{records.psnr_title(noise)} (dB)"
    titles = {"psnr": psnr, "loss": f"Loss ({loss.upper()})", "kl": KL}
    x_title, y_title = AXES[by], titles[show]
    x = {"field": "x", "type": "quantitative", "title": x_title}
    whole = by != "elapsed_s"  # the format counts where there is one point: "1.000000" without it
    x["axis"] = {"grid": False, "tickMinStep": 1 if whole else 0.1,
                 "format": ",d" if whole else ",.1~f"}  # fmt: skip
    x["scale"] = {"zero": by != "epoch", "nice": False}
    y = {"field": "y", "type": "quantitative", "title": y_title}
    y["scale"] = {"type": "log" if log and show == "loss" else "linear", "zero": False}
    color = {
        "field": "name", "type": "nominal", "title": None,
        "scale": {"domain": ["training", "validation"],
                  "range": [plots.COLORS["training"], plots.COLORS["validation"]]},
        "legend": {"orient": "top"} if show == "loss" else None,
    }  # fmt: skip
    tooltip = [
        {"field": "name", "type": "nominal", "title": "curve"},
        {"field": "x", "type": "quantitative", "title": x_title.lower()},
        {"field": "y", "type": "quantitative", "title": y_title, "format": ".4~f"},
    ]
    gray = plots.GRAY
    # three alternating heights, so that flags of neighboring steps do not overlap
    flag = {"value": {"expr": "10 + (toNumber(datum.name) - 1) % 3 * 19"}}

    def only(kind: str) -> list[dict]:
        return [{"filter": f"datum.kind === '{kind}'"}]

    layers = [
        {
            "transform": only("curve"),
            "mark": {"type": "line", "strokeWidth": 2, "point": {"size": 16}, "clip": True},
            "encoding": {"x": x, "y": y, "color": color},
        },
        {
            "transform": only("curve"),
            "mark": {"type": "point", "size": 160, "opacity": 0},
            "encoding": {"x": x, "y": y, "tooltip": tooltip},
        },
        {
            "transform": only("level"),
            "mark": {"type": "rule", "strokeDash": [5, 4], "color": gray},
            "encoding": {"y": y},
        },
        {
            "transform": only("level"),
            "mark": {"type": "text", "align": "left", "baseline": "bottom", "dy": -3,
                     "color": gray, "fontSize": 12},
            "encoding": {"x": {"value": 4}, "y": y, "text": {"field": "name"}},
        },
        {
            "transform": only("event"),
            "mark": {"type": "rule", "strokeDash": [2, 3], "color": gray},
            "encoding": {"x": x},
        },
        {
            "transform": only("event"),
            "mark": {"type": "point", "filled": True, "opacity": 1, "size": 240, "color": gray},
            "encoding": {"x": x, "y": flag},
        },
        {
            "transform": only("event"),
            "mark": {"type": "text", "baseline": "middle", "color": "white", "fontSize": 11,
                     "fontWeight": "bold"},
            "encoding": {"x": x, "y": flag, "text": {"field": "name"}},
        },
        {
            "transform": only("cursor"),
            "mark": {"type": "rule", "strokeWidth": 2, "color": plots.TEAL},
            "encoding": {"x": x},
        },
    ]  # fmt: skip
    return {
        "layer": layers,
        "height": 320,
        "autosize": {"type": "fit", "contains": "padding"},
    }

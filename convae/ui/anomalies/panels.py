"""The Anomalies page: the table, the threshold, the gallery and the curves."""

import shlex

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from convae import plots
from convae.csv_export import to_csv
from convae.evaluation.pca import fewer_components
from convae.tasks import anomaly, separation
from convae.tasks.anomaly import SCORES
from convae.ui import caches, charts, frame, glossary, pickers, pictures
from convae.ui.address import BOUND
from convae.ui.anomalies.detection import Detection
from convae.ui.escape import sentence
from convae.wording import counted

SHOWN = 8
Pairs = dict[str, tuple[np.ndarray, np.ndarray]]  # score -> (normal, suspects)
HOT = 0.25  # error, as a share of the pixel range, that is white on a heat map


def show_table(detected: Detection) -> None:
    """All scores on the same images, a sentence about the best one, and the command."""
    chosen = detected.groups
    counts = len(chosen.normal), len(chosen.suspects)
    st.markdown(f"**{sentence(anomaly.verdict(detected.measured, *counts))}**")
    ranked = sorted(detected.measured, key=lambda name: -detected.measured[name].auroc)
    lines = [
        {
            "Score": SCORES[name].label,
            "From": "baseline" if SCORES[name].baseline else "model",
            "AUROC (%)": 100 * detected.measured[name].auroc,
            "AUROC SE": 100 * detected.measured[name].auroc_se,
            "Average precision (%)": 100 * detected.measured[name].average_precision,
            "AP SE": 100 * detected.measured[name].average_precision_se,
        }
        for name in ranked
    ]
    number = st.column_config.NumberColumn
    error = f"Standard error from {separation.RESAMPLES} bootstrap resamples of both groups."
    formats = {
        "Score": st.column_config.Column(width="medium"),
        "AUROC (%)": number(format="%.1f"),
        "AUROC SE": number(format="%.1f", help=error),
        "Average precision (%)": number(format="%.1f"),
        "AP SE": number(format="%.1f", help=error),
    }
    st.dataframe(
        lines,
        hide_index=True,
        column_config=glossary.columns(lines, formats),
        placeholder="-",
        key="anomalies-table",
    )
    wanted = detected.detector.codes.shape[1]
    fewer = fewer_components(wanted, chosen.fit.real_dimension, len(chosen.fit))
    glossary.caption(
        f"Fitted to {counted(len(detected.detector.codes), 'normal image')}; measured on "
        f"{counted(counts[0], 'normal image')} and {counted(counts[1], 'suspect')}. "
        "Scores of the model use the encoder without refinement steps. PCA has "
        f"{fewer or f'the latent dimension of the model, {wanted:,}'}, and is fitted to the same "
        "normal images."
    )
    with st.container(horizontal=True):
        frame.download("Table (CSV)", lambda: to_csv(lines), "anomalies-table.csv", "text/csv")
        frame.download(
            "Every image (CSV)", lambda: to_csv(per_image(detected)), "anomalies.csv", "text/csv"
        )
    if command := command_for(detected):
        st.caption("The same figures on the command line:")
        st.code(command, language="bash", wrap_lines=True)


def per_image(detected: Detection) -> list[dict]:
    """A row for each image: its group, its class and all scores."""
    lines = []
    for group in ("normal", "suspects"):
        images, scores = getattr(detected.groups, group), getattr(detected, group)
        for number, label in enumerate(images.labels):
            line = {"group": group, "image": number + 1, "class": images.class_names[label]}
            lines.append(line | {name: float(values[number]) for name, values in scores.items()})
    return lines


def command_for(detected: Detection) -> str:
    """The command that prints the same figures; "" for uploads, which it does not support."""
    normal, suspects = detected.choices
    if pickers.UPLOADS in (normal.spec, suspects.spec):
        return ""
    words = ["python", "-m", "convae", "anomaly", detected.checkpoint.name]
    for flag, choice in (("--normal", normal), ("--suspects", suspects)):
        words += [flag, ":".join([choice.spec, *filter(None, [",".join(choice.classes)])])]
    words += ["--limit", str(st.session_state["anomalies-limit"])]
    return shlex.join([*words, "--fit-limit", str(st.session_state["anomalies-fit"])])


def pick_score(detected: Detection) -> str:
    """The score that the threshold, the gallery and the curves show."""
    names = list(detected.measured)
    if st.session_state.get("anomalies-score", names[0]) not in names:
        del st.session_state["anomalies-score"]  # too few images for it
    return st.selectbox(
        "Score",
        names,
        index=names.index("knn_codes"),
        format_func=lambda name: SCORES[name].label,
        key="anomalies-score",
        help="\n".join(f"* {score.label}: {score.description}" for score in SCORES.values()),
        **BOUND,
    )


def pick_threshold(detected: Detection, score: str) -> float:
    """The threshold: a percentile of the scores of normal images."""
    percentile = st.slider(
        "Threshold (percentile of normal images)",
        50.0,
        100.0,
        95.0,
        0.5,
        format="%g",
        key="anomalies-percentile",
        help="Images that score above this percentile of normal images are flagged. "
        "Suspects are not used to choose it.",
        **BOUND,
    )
    return separation.threshold(detected.normal[score], percentile)


def show_curves(detected: Detection, score: str) -> None:
    """ROC and precision-recall curves of all scores; the chosen one is drawn thicker."""
    pairs = {name: (detected.normal[name], detected.suspects[name]) for name in detected.measured}
    label = SCORES[score].label
    left, right = st.columns(2, gap="medium")
    left.markdown("**ROC**: suspects flagged over normal images flagged")
    left.plotly_chart(charts.figure(_roc, pairs, label), key="anomalies-roc")
    right.markdown("**Precision-recall**: suspects among flagged images over suspects flagged")
    share = len(detected.groups.suspects) / (
        len(detected.groups.suspects) + len(detected.groups.normal)
    )
    right.plotly_chart(charts.figure(_precision_recall, pairs, share, label), key="anomalies-pr")


def _roc(pairs: Pairs, label: str) -> go.Figure:
    curves = {SCORES[name].label: separation.roc_curve(*pair) for name, pair in pairs.items()}
    return plots.roc(curves, [label])


def _precision_recall(pairs: Pairs, share: float, label: str) -> go.Figure:
    curves = {
        SCORES[name].label: separation.precision_recall_curve(*pair) for name, pair in pairs.items()
    }
    return plots.precision_recall(curves, share, [label])


def show_threshold(detected: Detection, score: str, above: float) -> None:
    """The distribution of the score in both groups, and the images flagged at the threshold."""
    normal, suspects = detected.normal[score], detected.suspects[score]
    chart, numbers = st.columns([3, 2], gap="large")
    label = SCORES[score].label
    chart.plotly_chart(
        charts.figure(plots.score_histogram, normal, suspects, label, above),
        key="anomalies-histogram",
    )
    counts = separation.confusion(normal, suspects, above)
    with numbers:
        st.dataframe(
            {
                "Group": ["Normal", "Suspects"],
                "Passed": [counts.normal_passed, counts.suspects_passed],
                "Flagged": [counts.normal_flagged, counts.suspects_flagged],
            },
            hide_index=True,
            key="anomalies-confusion",
        )
        flagged = counts.suspects_flagged / len(suspects)
        false_alarms = counts.normal_flagged / len(normal)
        st.markdown(
            f"Flagged: **{flagged:.0%}** of the suspects and **{false_alarms:.0%}** of the normal "
            "images."
        )
        st.caption(
            f"The threshold is {above:.4g}. It is a percentile of the normal images measured, so "
            "the share of them that is flagged follows from the percentile."
        )


def gallery(detected: Detection, score: str, above: float) -> None:
    """Missed suspects, falsely flagged normal images and extremes, with error heat maps."""
    normal, suspects = detected.normal[score], detected.suspects[score]
    rising = np.argsort(suspects, kind="stable")
    falling = np.argsort(-normal, kind="stable")
    kinds = {
        "Missed suspects": (detected.groups.suspects, rising[suspects[rising] <= above], suspects),
        "Falsely flagged": (detected.groups.normal, falling[normal[falling] > above], normal),
        "Most anomalous suspects": (detected.groups.suspects, rising[::-1], suspects),
        "Most normal images": (detected.groups.normal, falling[::-1], normal),
    }
    kind = st.segmented_control(
        "Gallery",
        list(kinds),
        default="Missed suspects",
        required=True,
        key="anomalies-gallery",
        label_visibility="collapsed",
        **BOUND,
    )
    images, places, scores = kinds[kind]
    places = places[:SHOWN]
    if not len(places):
        message = (
            "No suspect is missed" if kind == "Missed suspects" else "No normal image is flagged"
        )
        st.info(f"{message} at this threshold.", icon=":material/check:")
        return
    shown = images.take(places)
    # by encoder and decoder alone, as `Detector.rebuild`
    reconstructed = caches.Remembered(detected.detector.model).reconstruct(shown.images)
    heat = anomaly.heat_map(shown.images, reconstructed)
    rows = {
        "image": shown.images,
        "reconstruction": reconstructed,
        "heat map": pictures.heat_picture(heat, full=HOT),
    }
    captions = [
        f"{shown.class_names[label]}\n{scores[place]:.4g}"
        for label, place in zip(shown.labels, places, strict=True)
    ]
    pictures.image_rows(rows, captions, columns=SHOWN)
    glossary.caption(
        f"Below: class and {SCORES[score].label}. The heat map is the smoothed "
        "reconstruction error of the model; white: an error of a quarter of the pixel "
        "range or more."
    )
    frame.download(
        "Gallery (PNG)",
        lambda: pictures.sheet_png(list(rows.values())),
        "anomalies.png",
        "image/png",
    )

"""The Anomalies page: the table, thresholds, galleries and curves."""

import shlex

import numpy as np
import streamlit as st

from convae import plots
from convae.csv_export import to_csv
from convae.tasks import anomaly, separation
from convae.tasks.anomaly import SCORES
from convae.ui import frame, pickers, pictures
from convae.ui.anomalies.detection import KEPT, Found
from convae.ui.escape import plain, sentence

SHOWN = 8
HOT = 0.25  # error, as a share of the pixel range, that is white on a heat map


def show_table(found: Found) -> None:
    """Every score on the same images, the winner in a sentence, and how to get it again."""
    st.markdown(f"**{sentence(anomaly.verdict(found.measured))}**")
    ranked = sorted(found.measured, key=lambda name: -found.measured[name].auroc)
    lines = [
        {
            "Score": SCORES[name].label,
            "From": "baseline" if SCORES[name].baseline else "model",
            "AUROC (%)": 100 * found.measured[name].auroc,
            "AUROC SE": 100 * found.measured[name].auroc_se,
            "Average precision (%)": 100 * found.measured[name].average_precision,
            "AP SE": 100 * found.measured[name].average_precision_se,
        }
        for name in ranked
    ]
    number = st.column_config.NumberColumn
    error = f"Standard error, by {separation.RESAMPLES} resamples of both groups."
    st.dataframe(
        lines,
        hide_index=True,
        column_config={
            "Score": st.column_config.Column(width="medium"),
            "AUROC (%)": number(
                format="%.1f",
                help="The probability that a suspect scores above a normal image; 50: guessing.",
            ),
            "AUROC SE": number(format="%.1f", help=error),
            "Average precision (%)": number(
                format="%.1f", help="Area under precision over recall; depends on the group sizes."
            ),
            "AP SE": number(format="%.1f", help=error),
        },
        placeholder="-",
        key="anomalies-table",
    )
    chosen = found.groups
    st.caption(
        f"Fitted to {len(found.detector.codes):,} normal images; measured on {len(chosen.normal):,}"
        f" normal images and {len(chosen.suspects):,} suspects. Scores of the model use the "
        f"encoder without refinement steps. PCA has {found.detector.codes.shape[1]:,} values, as "
        "the model, and is fitted to the normal images alone."
    )
    with st.container(horizontal=True):
        frame.download("Table (CSV)", lambda: to_csv(lines), "anomalies-table.csv", "text/csv")
        frame.download(
            "Every image (CSV)", lambda: to_csv(each_image(found)), "anomalies.csv", "text/csv"
        )
    if command := same_on_the_command_line(found):
        st.caption("The same figures on the command line:")
        st.code(command, language="bash", wrap_lines=True)


def each_image(found: Found) -> list[dict]:
    """A line for each image: its group, its class and every score."""
    lines = []
    for group in ("normal", "suspects"):
        images, scores = getattr(found.groups, group), getattr(found, group)
        for number, label in enumerate(images.labels):
            line = {"group": group, "image": number + 1, "class": images.class_names[label]}
            lines.append(line | {name: float(values[number]) for name, values in scores.items()})
    return lines


def same_on_the_command_line(found: Found) -> str:
    """The command that prints the same figures; none for uploads, which the command line lacks."""
    normal, suspects = found.choices
    if pickers.UPLOADS in (normal.spec, suspects.spec):
        return ""
    words = ["python", "-m", "convae", "anomaly", found.checkpoint.name]
    for flag, choice in (("--normal", normal), ("--suspects", suspects)):
        words += [flag, ":".join([choice.spec, *filter(None, [",".join(choice.classes)])])]
    words += ["--limit", str(st.session_state["anomalies-limit"])]
    return shlex.join([*words, "--fit-limit", str(st.session_state["anomalies-fit"])])


def pick_score(found: Found) -> str:
    """One score to look into."""
    names = list(found.measured)
    if st.session_state.get("anomalies-score", names[0]) not in names:
        del st.session_state["anomalies-score"]  # too few images for it
    return st.selectbox(
        "Score",
        names,
        index=names.index("knn_codes"),
        format_func=lambda name: SCORES[name].label,
        key="anomalies-score",
        help="\n".join(f"* {each.label}: {each.description}" for each in SCORES.values()),
        **KEPT,
    )


def pick_threshold(found: Found, score: str) -> float:
    """The threshold, as a percentile of normal images alone."""
    percentile = st.slider(
        "Threshold (percentile of normal images)",
        50.0,
        100.0,
        95.0,
        0.5,
        format="%g",
        key="anomalies-percentile",
        help="Images that score above this percentile of normal images are flagged. No suspect is "
        "looked at to choose it.",
        **KEPT,
    )
    return separation.threshold(found.normal[score], percentile)


def show_curves(found: Found, score: str) -> None:
    """ROC and precision-recall curves of every score; the chosen one is drawn thicker."""
    pairs = {name: (found.normal[name], found.suspects[name]) for name in found.measured}
    label = SCORES[score].label
    left, right = st.columns(2, gap="medium")
    curves = {SCORES[name].label: separation.roc_curve(*pair) for name, pair in pairs.items()}
    left.markdown("**ROC**: suspects found over normal images flagged")
    left.plotly_chart(plots.roc(curves, [label]), key="anomalies-roc")
    curves = {
        SCORES[name].label: separation.precision_recall_curve(*pair) for name, pair in pairs.items()
    }
    right.markdown("**Precision and recall**: suspects among those flagged")
    share = len(found.groups.suspects) / (len(found.groups.suspects) + len(found.groups.normal))
    right.plotly_chart(plots.precision_recall(curves, share, [label]), key="anomalies-pr")


def show_threshold(found: Found, score: str, above: float) -> None:
    """How the score spreads over both groups, and what the threshold makes of them."""
    normal, suspects = found.normal[score], found.suspects[score]
    chart, numbers = st.columns([3, 2], gap="large")
    label = SCORES[score].label
    chart.plotly_chart(
        plots.score_histogram(normal, suspects, label, above), key="anomalies-histogram"
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
        caught = counts.suspects_flagged / len(suspects)
        wrong = counts.normal_flagged / len(normal)
        st.markdown(
            f"Flagged: **{caught:.0%}** of the suspects and **{wrong:.0%}** of the normal images."
        )
        st.caption(
            f"The threshold is {above:.4g}. It comes from the normal images measured, so their "
            "share that is flagged follows from the percentile."
        )


def gallery(found: Found, score: str, above: float) -> None:
    """Missed suspects, falsely flagged normal images, and where an image is anomalous."""
    normal, suspects = found.normal[score], found.suspects[score]
    rising = np.argsort(suspects, kind="stable")
    falling = np.argsort(-normal, kind="stable")
    kinds = {
        "Missed suspects": (found.groups.suspects, rising[suspects[rising] <= above], suspects),
        "Falsely flagged": (found.groups.normal, falling[normal[falling] > above], normal),
        "Most anomalous suspects": (found.groups.suspects, rising[::-1], suspects),
        "Most normal images": (found.groups.normal, falling[::-1], normal),
    }
    kind = st.segmented_control(
        "Gallery",
        list(kinds),
        default="Missed suspects",
        required=True,
        key="anomalies-gallery",
        label_visibility="collapsed",
        **KEPT,
    )
    images, places, scores = kinds[kind]
    places = places[:SHOWN]
    if not len(places):
        none = "No suspect is missed" if kind == "Missed suspects" else "No normal image is flagged"
        st.info(f"{none} at this threshold.", icon=":material/check:")
        return
    shown = images.take(places)
    rebuilt = found.detector.rebuild(shown.images)
    heat = anomaly.heat_map(shown.images, rebuilt)
    rows = {
        "image": shown.images,
        "rebuilt": rebuilt,
        "heat map": pictures.heat_picture(heat, full=HOT),
    }
    words = [
        f"{shown.class_names[label]}\n{scores[place]:.4g}"
        for label, place in zip(shown.labels, places, strict=True)
    ]
    pictures.image_rows(rows, words, columns=SHOWN)
    st.caption(
        f"Below: class and {plain(SCORES[score].label)}. The heat map is the reconstruction error "
        "of the model, smoothed over a pixel; white: colors are off by a quarter of their range."
    )
    frame.download(
        "Gallery (PNG)",
        lambda: pictures.sheet_png(list(rows.values())),
        "anomalies.png",
        "image/png",
    )

"""The parts of the Features page about classification: accuracy, fewer labels, confusion."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from convae import plots
from convae.csv_export import to_csv
from convae.evaluation.pca import fewer_components
from convae.tasks import features, probe_verdict
from convae.tasks.evidence import too_few
from convae.tasks.features import PROBES, SPACES, TITLES, LabelPoint
from convae.tasks.probe_results import Found
from convae.ui import charts, frame, glossary, pickers
from convae.ui.address import BOUND
from convae.ui.escape import plain, sentence
from convae.ui.features import probing
from convae.ui.features.probing import Setting
from convae.wording import counted

PARTS = ("Accuracy", "Fewer labels", "Confusion", "Dimensions", "Neighbors")
HELP = (
    f"Linear probe: {glossary.TERMS['Linear probe']} C = {features.INVERSE_PENALTY} in "
    "scikit-learn, the inverse of the strength of the L2 penalty. k nearest neighbors: majority "
    f"vote of {features.NEIGHBORS}, or fewer where classes have fewer labels, by Euclidean "
    "distance."
)


def pick_part() -> str:
    return st.segmented_control(
        "Part",
        PARTS,
        default=PARTS[0],
        required=True,
        key="features-part",
        label_visibility="collapsed",
        **BOUND,
    )


def accuracy(setting: Setting, count: int) -> None:
    """The accuracy of both probes in all spaces, and the best space in a sentence."""
    chance = features.chance_level(setting.test.labels)

    def chart(results: probing.Results) -> charts.Finished:
        values = {
            TITLES[name]: {PROBES[probe]: result[:2] for probe, result in row.items()}
            for name, row in results.items()
        }
        return charts.figure(plots.accuracies, values, chance)

    compute = partial(probing.results_of, setting)
    heading, results = _drawn_as_computed(chart, compute, "features-accuracies")
    heading.markdown(f"**{sentence(probe_verdict.verdict(results, chance, len(setting.test)))}**")
    rows = [
        {"Features": SPACES[name]}
        | {
            title: value
            for probe, result in row.items()
            for title, value in (
                (f"{PROBES[probe].capitalize()} (%)", 100 * result.accuracy),
                (f"± {PROBES[probe]}", 100 * result.error),
            )
        }
        for name, row in results.items()
    ]
    number = st.column_config.NumberColumn(format="%.2f", help=HELP)
    st.dataframe(
        rows,
        hide_index=True,
        column_config=dict.fromkeys([title for title in rows[0] if title != "Features"], number),
        key="features-table",
    )
    glossary.caption(
        f"{measured_on(setting)} ±: binomial standard error over the test images, with one "
        f"success and one failure added (Agresti and Caffo 2000). {HELP}"
    )
    limits = setting.train.real_dimension, len(setting.train)
    if fewer := fewer_components(setting.checkpoint.config.latent_dim, *limits):
        st.caption(f"PCA has {fewer}.")
    if len(setting.test.class_names) < 3:
        st.caption(
            f"{plain(pickers.spec_name(setting.test.name))} has "
            f"{len(setting.test.class_names)} classes only. Choose Digits or Shapes in the "
            "sidebar for a better comparison."
        )
    frame.download("Table (CSV)", lambda: to_csv(rows), "accuracy.csv", "text/csv")
    if command := probing.command(setting, count):
        st.caption("The same figures on the command line:")
        st.code(command, language="bash", wrap_lines=True)


def _drawn_as_computed(
    chart: Callable[[dict], charts.Finished], compute: Callable[[Found], dict], key: str
) -> tuple[DeltaGenerator, dict]:
    """The chart of results by space, drawn anew for each space until all are there; returns the
    place above it, which says meanwhile what is there, and the results."""
    heading, bar, place = st.empty(), st.container(), st.empty()

    def draw_part(results: dict) -> None:
        if len(results) < len(SPACES):
            done = ", ".join(SPACES[name] for name in results)
            heading.markdown(f"Computed so far: {done}.")
            place.plotly_chart(chart(results))

    with bar:
        results = compute(draw_part)
    place.plotly_chart(chart(results), key=key)
    return heading, results


def measured_on(setting: Setting) -> str:
    name = pickers.spec_name(setting.test.name)
    return (
        f"{counted(len(setting.train), 'labeled training image')} and "
        f"{counted(len(setting.test), 'test image')} of {name}."
    )


def _pick_probe() -> str:
    return st.segmented_control(
        "Classifier",
        list(PROBES),
        default="logistic",
        required=True,
        format_func=PROBES.get,
        key="features-probe",
        help=HELP,
        **BOUND,
    )


def fewer_labels(setting: Setting) -> None:
    """Accuracy over the number of labels, with one probe."""
    probing.check(setting)
    probe, chance = _pick_probe(), features.chance_level(setting.test.labels)

    def chart(curves: Mapping[str, Sequence[LabelPoint]]) -> charts.Finished:
        named = {TITLES[name]: points for name, points in curves.items()}
        return charts.figure(plots.label_curves, named, chance)

    compute = partial(probing.curves_of, setting, probe)
    heading, curves = _drawn_as_computed(chart, compute, "features-curves")
    heading.empty()
    st.markdown(sentence(_fewest(curves, len(setting.test))))
    glossary.caption(
        "Labels: the total over all classes, as evenly divided among the classes as possible. Mean "
        f"over {features.DRAWS} random draws with its standard error; the last point uses all "
        f"labels, once. {measured_on(setting)}"
    )
    rows = [
        {"features": name} | point._asdict() for name, points in curves.items() for point in points
    ]
    frame.download("Curves (CSV)", lambda: to_csv(rows), "labels.csv", "text/csv")


def _fewest(curves: Mapping[str, Sequence[LabelPoint]], count: int) -> str:
    """The best space with the fewest labels, and with all. count: of test images."""
    if few := too_few(count):
        return few
    parts = []
    for place in (0, -1):
        best = max(curves, key=lambda name: curves[name][place].accuracy)
        point, codes = curves[best][place], curves["codes"][place]
        text = f"With {point.labels:,} labels: highest accuracy for {SPACES[best]}, "
        text += f"{point.accuracy:.0%}"
        if best != "codes":
            text += f"; {SPACES['codes']}: {codes.accuracy:.0%}"
            if probe_verdict.close(point, codes):
                text += ", a difference below two standard errors"
        parts.append(text + ".")
    return " ".join(dict.fromkeys(parts))


def confusion(setting: Setting) -> None:
    """The confusion matrix of one probe in one space."""
    probing.check(setting)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        name = st.segmented_control(
            "Features",
            list(SPACES),
            default="codes",
            required=True,
            format_func=TITLES.get,
            key="features-space",
            help="\n".join(f"* {TITLES[name]}: {text}" for name, text in SPACES.items()),
            **BOUND,
        )
        probe = _pick_probe()
    result = probing.results_of(setting)[name][probe]
    names, tested = setting.test.class_names, setting.test.labels
    counts = features.confusion(tested, result.predicted, len(names))
    st.plotly_chart(charts.figure(plots.confusion, counts, names), key="features-confusion")
    by_class = features.per_class(tested, result.predicted, names)
    best, worst = max(by_class, key=by_class.get), min(by_class, key=by_class.get)
    st.markdown(
        f"Accuracy {result.accuracy:.1%}. Highest: {plain(best)} ({by_class[best]:.0%}); lowest: "
        f"{plain(worst)} ({by_class[worst]:.0%})."
    )
    glossary.caption(measured_on(setting))
    rows = [
        {"true class": names[true]} | dict(zip(names, map(int, row), strict=True))
        for true, row in enumerate(counts)
    ]
    frame.download("Counts (CSV)", lambda: to_csv(rows), "confusion.csv", "text/csv")

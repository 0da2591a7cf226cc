"""The address, checked before any widget reads it.

Widgets read their values from the address themselves, and one that they cannot take (inf, 1e309,
an empty string) raises an error on the page (seen in Streamlit 1.67). So such values are removed
first, with a note. Names of older versions are replaced by the present ones.
"""

import math
import re
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from typing import Any

import streamlit as st

from convae import runs
from convae.data.corruptions import CORRUPTIONS
from convae.runs import sweep
from convae.tasks.anomaly import SCORES
from convae.tasks.features import PROBES, TITLES
from convae.tasks.generation import NAMES, PRIORS
from convae.ui import tour
from convae.ui.address import RERUNS, SETTINGS, entered
from convae.ui.escape import plain

LARGEST = 1e9  # above every number that a page asks for
# old name of a key -> its present name; what follows the old name (-0, -1, ...) is kept
RENAMED_KEYS = {
    "latent-colour": "latent-color",
    "reconstruct-corrections": "reconstruct-refinement-steps",
}
# (present key, old value) -> its present value
RENAMED_VALUES: dict[tuple[str, str], str] = {
    ("reconstruct-which", "Outside"): "Out of distribution",
    ("reconstruct-beside", "Guess"): "Encoder only",
    ("latent-color", "Oddness"): "Mahalanobis distance",
    ("latent-color", "Neighbors kept"): "Neighborhood preservation",
    ("latent-way", "The map's own inverse"): "Inverse of the map",
}
NUMBER = re.compile(
    r"(overview|reconstruct|interpolate|denoise)-(count|sample|steps|fps|side|knob-\d+)"
    r"|reconstruct-values|denoise-(seed|strength-\w+)|anomalies-percentile"
    r"|generate-(components|neighbors|temperature|seed|steps)"
    r"|latent-(point|from|neighbors|page|n_neighbors|min_dist|seed)"
)
OPTIONS: dict[str, Callable[[], Collection[str]]] = {
    tour.STEP: tour.labels,
    tour.PRESENT: lambda: ("1",),
    "train-view": lambda: ("New", "Watch", "Runs", "Sweeps"),
    "train-sweep": lambda: {item.name for item in sweep.listing()},
    "train-run": lambda: {run.id for run in runs.listing()},
    "train-chosen": lambda: {run.id for run in runs.listing()},
    # as the address writes them: the labels of the widget's options
    "denoise-corruption": lambda: [item.label for item in CORRUPTIONS.values()],
    "denoise-measured": lambda: ("32 images", "100 images", "500 images"),
    "anomalies-limit": lambda: ("200", "500", "1000"),
    "anomalies-fit": lambda: ("500", "1000", "2000", "5000"),
    "anomalies-score": lambda: [item.label for item in SCORES.values()],
    "anomalies-gallery": lambda: (
        "Missed suspects",
        "Falsely flagged",
        "Most anomalous suspects",
        "Most normal images",
    ),
    "generate-part": lambda: ("Samples", "Priors compared", "Random walk"),
    "generate-prior": lambda: [NAMES[kind] for kind in PRIORS],
    "generate-shown": lambda: ("8", "16", "24", "32", "48", "64"),
    "features-part": lambda: (
        "Accuracy",
        "Fewer labels",
        "Confusion",
        "Dimensions",
        "Neighbors",
    ),
    "features-count": lambda: ("1,000", "2,000", "5,000", "10,000"),
    "features-space": lambda: TITLES.values(),
    "features-probe": lambda: PROBES.values(),
    "latent-method": lambda: ("PCA", "UMAP"),
    "latent-dimensions": lambda: ("2", "3"),
    "latent-metric": lambda: ("euclidean", "cosine", "manhattan"),
    "latent-distance": lambda: ("Euclidean", "Cosine"),
    "latent-color": lambda: (
        "Class",
        "PSNR",
        "Mahalanobis distance",
        "Neighborhood preservation",
        "Cluster",
    ),
}


def clean(page: str) -> None:
    """Rename old keys and values in the address and remove what no widget can take; then rerun.

    Call it before the first widget of a page; `notes` says what was removed.
    """
    _rename()
    present = {key: st.query_params.get_all(key) for key in st.query_params}
    removed = {
        key: reason
        for key, values in present.items()
        if not _from_widget(key, values) and (reason := problem(key, values))
    }
    if entered():
        st.session_state[ASKED] = {k: v for k, v in present.items() if k not in removed}
    else:
        st.session_state.pop(ASKED, None)  # the first run has not reached the end of the page
    if not removed or st.session_state.get("address-cleaned") == (page, present):
        return
    st.session_state["address-cleaned"] = (page, present)
    st.session_state["address-notes"] = (
        page,
        [
            f"`{key}` in the address {reason} and is ignored."
            if re.fullmatch(r"[\w-]+", key)
            else f"{plain(key)} in the address {reason} and is ignored."
            for key, reason in removed.items()
            if reason != EMPTY
        ],
    )
    for key in removed:
        try:
            del st.query_params[key]
        except st.errors.StreamlitAPIException:
            return  # Streamlit 1.67 raises if a widget is bound to the key: it has checked it
    st.session_state[RERUNS] = True
    st.rerun()


def _from_widget(key: str, values: list[str]) -> bool:
    """Whether the widget of this key wrote these values: it was drawn with them in the last run of
    the page. A run that was deleted since is for the page to handle."""
    return not entered() and key in st.session_state and not ignored(values, st.session_state[key])


def _rename() -> None:
    before = {key: st.query_params.get_all(key) for key in st.query_params}
    after = renamed(before)
    if after == before:
        return
    try:
        for key in before.keys() - after.keys():
            del st.query_params[key]
        for key, values in after.items():
            if values != before.get(key):
                st.query_params[key] = values
    except st.errors.StreamlitAPIException:
        return  # a widget is bound to one of the keys and has written the present name
    st.session_state[RERUNS] = True
    st.rerun()  # widgets read the address as it was when the script started


def renamed(address: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """The address (key -> values) in present names; a present key wins over its old name."""
    result: dict[str, list[str]] = {}
    for key, values in address.items():
        present = _present_key(key)
        if present == key or present not in address:
            result[present] = [RENAMED_VALUES.get((present, value), value) for value in values]
    return result


def _present_key(key: str) -> str:
    for old, new in RENAMED_KEYS.items():
        if key == old or key.startswith(f"{old}-"):
            return new + key[len(old) :]
    return key


EMPTY = "is empty"
ASKED = "address-asked"  # the values that the address of this page came with, until its end
TEXTS = "address-texts"  # key -> how its widget shows an option, see `shown_as`
# keys of names and switches, whose text is their value
NAMED = re.compile(
    r"[a-z]+-class|[a-z-]+-toward|anomalies-(normal|classes)-.+|latent-classes"
    r"|reconstruct-(beside|all|refinement-steps-\d+)|interpolate-loop|denoise-errors|overview-models"
)


def options_of(key: str) -> Collection[str] | None:
    """What the widget of this key can show, as the address writes it; None if anything."""
    if key in SETTINGS:
        return SETTINGS[key].labels
    return OPTIONS[key]() if key in OPTIONS else None


def _clearable(key: str) -> bool:
    """Whether the widget of this key chooses several by default, so that an empty choice is one."""
    return key == "denoise-methods" or isinstance(getattr(SETTINGS.get(key), "default", None), list)


def problem(key: str, values: list[str]) -> str:
    """What is wrong with the values of one key, as the end of a sentence; "" if nothing is."""
    if not any(values):
        return "" if _clearable(key) else EMPTY
    if NUMBER.fullmatch(key):
        for value in values:
            try:
                number = float(value)
            except ValueError:
                return f"(={plain(value, 40)}) is not a number"
            if not math.isfinite(number) or abs(number) > LARGEST:
                return f"(={plain(value, 40)}) is out of range"
    elif (options := options_of(key)) is not None:
        unknown = [value for value in values if value not in options]
        if unknown:
            return f"(={plain(unknown[0], 40)}) is not an option here"
    return ""


def shown_as(key: str, text: Callable[[Any], str]) -> Callable[[Any], str]:
    """The format_func of the widget of this key, noted for `note_ignored`: the address has the text
    of an option, the session its value. For options that no `Setting` and no OPTIONS list."""
    st.session_state.setdefault(TEXTS, {})[key] = text
    return text


def ignored(values: list[str], value: Any) -> list[str]:
    """Those values of one key in the address that its widget, which has `value` now, did not take:
    a number out of range, the name of a class or a model that is not there."""
    if isinstance(value, bool):
        return [] if values[0].lower() in ("true", "false") else values[:1]
    if isinstance(value, int | float):
        with suppress(ValueError):
            return [] if math.isclose(float(values[0]), value) else values[:1]
    taken = {str(item) for item in value} if isinstance(value, list | tuple) else {str(value)}
    return [text for text in values if text not in taken]


def note_ignored() -> None:
    """At the end of the first run of a page: a note for each value of the address that no widget
    could take, which Streamlit drops in silence; then a rerun that shows it."""
    state = st.session_state
    page, messages = state.get("page", ""), []
    for key, values in state.pop(ASKED, {}).items():
        text = state.get(TEXTS, {}).get(key)
        known = text or NUMBER.fullmatch(key) or NAMED.fullmatch(key)
        if not known or key not in state or not any(values):
            continue
        value = state[key]
        if text:
            value = [text(item) for item in (value if isinstance(value, list) else [value])]
        if unknown := ignored(values, value):
            messages.append(f"`{key}` in the address (={plain(unknown[0], 40)}) is ignored.")
    if messages:
        before = state.get("address-notes", ("", []))
        state["address-notes"] = (page, (before[1] if before[0] == page else []) + messages)
        st.rerun()


def notes(page: str) -> None:
    """Show what `clean` has removed from the address of this page."""
    cleaned, messages = st.session_state.get("address-notes", ("", []))
    if cleaned != page:
        st.session_state.pop("address-notes", None)
        return
    for message in messages:
        st.info(message, icon=":material/info:")

"""The model and the images that all pages share: kept in the session and in the address, so that a
reload, a link, and the browser's Back and Forward show the same view.

Their widgets are not bound to the address. On a change of page, Streamlit 1.67 removes parameters
that a widget of the last page is bound to, and does so in the address that Back would return to. So
`restore` and `keep` read and write these two parameters. The address decides on the first run after
a change of page and after a step in the browser's history; a missing parameter means the default.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from convae.ui import tour

UPLOADS = "uploads"
NAMES = {
    "sample": "CIFAR-10 sample",
    "cifar10": "CIFAR-10",
    "shapes": "Shapes",
    "digits": "Digits",
    "photos": "Photos",
    UPLOADS: "Your images",
    "unknown": "unknown images",  # of a model that was trained elsewhere
}
MAX_NAME = 80
RERUNS = "address-reruns"  # set before a rerun that only changes the address
BOUND: dict[str, Any] = {"bind": "query-params", "persist_state": "session"}  # widget arguments
URL_TEXT = {"model": str, "data": lambda spec: spec_name(spec)}  # key -> its text in the address


@dataclass(frozen=True)
class Setting:
    """A choice from fixed options that one widget makes, kept in the session and in the address.

    options: the values, in the order of the widget. default: one of them, or several for a multiple
    choice; the first if None. text: the label of an option, which is also its text in the address.
    """

    key: str
    options: Sequence[Any]
    default: Any = None
    text: Callable[[Any], str] = str

    def __post_init__(self) -> None:
        if self.default is None:
            object.__setattr__(self, "default", self.options[0])
        SETTINGS[self.key] = self

    @property
    def labels(self) -> list[str]:
        return [self.text(option) for option in self.options]

    @property
    def bound(self) -> dict[str, Any]:
        """The arguments of the widget that its options and its default do not cover."""
        return {"key": self.key, "format_func": self.text, **BOUND}


SETTINGS: dict[str, Setting] = {}  # by key, for `query`; those of the pages imported so far


def spec_name(spec: str) -> str:
    """Display name of an image set: CIFAR-10 for cifar10, the last part of the path of a folder."""
    if spec in NAMES:
        return NAMES[spec]
    kind, _, path = spec.partition(":")
    if kind == "own":
        return path
    name = f"{kind} {path.rstrip('/').rsplit('/', 1)[-1]}"
    return "".join(c if c.isprintable() else "?" for c in name[:MAX_NAME])


def enter(page: str) -> None:
    """Note the page that is drawn; call it before anything reads the address."""
    state = st.session_state
    # after a rerun by `query`, the run before it has drawn nothing
    again = state.pop(RERUNS, False)
    state["address-entered"] = state.get("page") != page or by_history() or again
    if entered():
        state["address-decided"] = set()
        for key in URL_TEXT:
            if key in st.query_params:  # a choice that has waited since an earlier page is over
                state.pop(f"{key}-next", None)
    state["page"] = page


def by_history() -> bool:
    """Whether this run of a page follows a step in the browser's history."""
    return getattr(get_script_run_ctx(), "is_history_navigation", False)


def entered() -> bool:
    """Whether this run of a page follows a change of page or a step in the browser's history."""
    return bool(st.session_state.get("address-entered"))


def decides(key: str) -> bool:
    """Whether the address decides over the value of this key: from a change of page, or a step in
    the history, until `decided`."""
    return key not in st.session_state.get("address-decided", (key,))


def decided(key: str) -> None:
    """The value of this key is drawn: from here on the session decides."""
    st.session_state.setdefault("address-decided", set()).add(key)


def restore(key: str, options: Collection[str], default: str) -> None:
    """Set the value of the widget of this key, which is drawn next."""
    state, text = st.session_state, URL_TEXT[key]
    kept = state.get(f"{key}-kept")
    if decides(key):
        written = st.query_params.get(key)
        named = [option for option in options if text(option) == written]
        # folders of the same name have the same text
        state[key] = kept if kept in named else next(iter(named), default)
    elif state.get(key) not in options:  # deleted, or the widget was missing in the last run
        state[key] = kept if kept in options else default
    if (chosen := state.pop(f"{key}-next", None)) in options:
        state[key] = chosen
    state[f"{key}-default"] = default


def keep(key: str, value: str) -> str:
    """Store the value of the widget of this key, in the session and in the address, where a default
    is left out; returns it."""
    decided(key)
    st.session_state[f"{key}-kept"] = value
    text = URL_TEXT[key](value)
    if st.query_params.get(key) != text:
        if value != st.session_state[f"{key}-default"]:
            st.query_params[key] = text
        else:
            st.query_params.pop(key, None)
    return value


def address(defaults: bool = True) -> dict[str, str]:
    """The choices, tour and presenter mode as query parameters of a link. Without `defaults`, the
    images are left out where they are the default, as each page has a default of its own."""
    state, parameters = st.session_state, tour.kept()
    for key, text in URL_TEXT.items():
        value = state.get(f"{key}-next") or state.get(key) or state.get(f"{key}-kept")
        if decides(key) and f"{key}-next" not in state:
            if key in st.query_params:
                parameters[key] = st.query_params[key]
        elif value and (defaults or key == "model" or value != state.get(f"{key}-default")):
            parameters[key] = text(value)
    return parameters

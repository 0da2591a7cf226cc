"""The model and the images that all pages share: kept in the session and in the address, so that a
reload or a link shows the same view.

Streamlit 1.67 keeps a bound value across pages only if it was chosen by a click, not if it came
with the address. So links carry the choices, and `restore` sets them again on the next page.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

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
    name = f"{kind} {path.rstrip('/').rsplit('/', 1)[-1]}"
    return "".join(c if c.isprintable() else "?" for c in name[:MAX_NAME])


def restore(key: str, options: Collection[str]) -> None:
    """Set the choice made on the previous page; call it before the widget of this key."""
    kept, page = st.session_state.get(f"{key}-kept", ("", ""))
    if page != st.session_state["page"] and key not in st.query_params and kept in options:
        st.session_state[key] = kept


def keep(key: str, value: str) -> str:
    """Store the value of the widget of this key for the next page; returns it."""
    st.session_state[f"{key}-kept"] = (value, st.session_state["page"])
    return value


def address(defaults: bool = True) -> dict[str, str]:
    """The choices, tour and presenter mode as query parameters of a link. Without `defaults`, a
    choice that equals its default is left out, as each page has defaults of its own."""
    parameters = tour.kept()
    for key, text in URL_TEXT.items():
        kept, _ = st.session_state.get(f"{key}-kept", ("", ""))
        value = st.session_state.get(f"{key}-next") or st.session_state.get(key) or kept
        if not defaults and value and value == st.session_state.get(f"{key}-default"):
            continue
        if value:
            parameters[key] = text(value)
        elif key in st.query_params:
            parameters[key] = st.query_params[key]
    return parameters

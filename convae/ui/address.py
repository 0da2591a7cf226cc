"""The model and the images that all pages share, and how they travel: in the session, and in the
address, so that a reload or a link shows the same.

Streamlit 1.67 keeps a bound value over a change of page only if it was clicked, and forgets one
that came with the address: so links carry the choices, and a page that lacks them is reminded.
"""

from collections.abc import Collection

import streamlit as st

UPLOADS = "uploads"
NAMES = {
    "cifar10": "CIFAR-10",
    "shapes": "Shapes",
    "digits": "Digits",
    "photos": "Photos",
    UPLOADS: "Your images",
    "unknown": "unknown images",  # those of a model that was trained elsewhere
}
MAX_NAME = 80
SHOWN = {"model": str, "data": lambda spec: spec_name(spec)}  # key -> how the address says it


def spec_name(spec: str) -> str:
    """What people call an image set: CIFAR-10 for cifar10, the last part of a path for a folder."""
    if spec in NAMES:
        return NAMES[spec]
    kind, _, path = spec.partition(":")
    name = f"{kind} {path.rstrip('/').rsplit('/', 1)[-1]}"
    return "".join(c if c.isprintable() else "?" for c in name[:MAX_NAME])


def remind(key: str, options: Collection[str]) -> None:
    """Bring the choice of the page before to this one; call it before the widget of this key."""
    kept, page = st.session_state.get(f"{key}-kept", ("", ""))
    if page != st.session_state["page"] and key not in st.query_params and kept in options:
        st.session_state[key] = kept


def keep(key: str, value: str) -> str:
    """Remember what the widget of this key gave; returns it."""
    st.session_state[f"{key}-kept"] = (value, st.session_state["page"])
    return value


def address(defaults: bool = True) -> dict[str, str]:
    """The choices as a link says them. Without `defaults` the images are left out where nobody has
    chosen them: each page has a default of its own."""
    told = {}
    for key, shown in SHOWN.items():
        kept, _ = st.session_state.get(f"{key}-kept", ("", ""))
        value = st.session_state.get(f"{key}-next") or st.session_state.get(key) or kept
        if not defaults and value and value == st.session_state.get(f"{key}-default"):
            continue
        if value:
            told[key] = shown(value)
        elif key in st.query_params:
            told[key] = st.query_params[key]
    return told

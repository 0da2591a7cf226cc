"""Plotly figures made once for the same content.

To build a figure takes 15 to 60 ms, and Streamlit 1.67 copies it again at every script run.
"""

import hashlib
import pickle
from collections.abc import Callable, Hashable
from typing import Any

import plotly.graph_objects as go
import streamlit as st


class Finished(go.Figure):
    """A figure that is shared by all sessions and not changed any more: its content as a dictionary
    is made once."""

    def to_dict(self) -> dict[str, Any]:
        if getattr(self, "_content", None) is None:
            self._content = super().to_dict()
        return self._content


def figure(make: Callable[..., go.Figure], *arguments: Any, **options: Any) -> Finished:
    """`make(*arguments, **options)`, kept by the name of this function and the content of its
    arguments (numbers, texts, arrays and collections of them)."""
    digest = hashlib.blake2b(pickle.dumps((arguments, options)), digest_size=16).hexdigest()
    name = f"{make.__module__}.{make.__qualname__}"
    return _finished((name, digest), lambda: make(*arguments, **options))


def keyed(key: Hashable, make: Callable[[], go.Figure]) -> Finished:
    """`make()`, kept by a key that names everything it depends on."""
    return _finished(("keyed", key), make)


@st.cache_resource(max_entries=60, show_spinner=False)
def _finished(key: tuple, _make: Callable[[], go.Figure]) -> Finished:
    return Finished(_make())

"""Parts drawn by JavaScript in the browser, each behind one Python function.

The browser's side of a component stands beside it: `scrubber.py` has scrubber.html, .css and .js.
"""

import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

FOLDER = Path(__file__).parent


def script(*names: str, constants: Mapping[str, Any] | None = None) -> str:
    """The named .js files one after the other, preceded by constants that Python decides."""
    lines = [f"const {name} = {json.dumps(value)};" for name, value in (constants or {}).items()]
    return "\n".join([*lines, *(_text(f"{name}.js") for name in names)])


@cache
def component(name: str, *shared: str, **constants: Any) -> Callable:
    """Register `name`.html, .css and .js as the Streamlit component `convae_<name>`, once.

    shared: further .js files, placed before the component's own. constants: values that its script
    reads by these names. Returns the mounting function of `st.components.v2.component`.
    """
    return st.components.v2.component(
        f"convae_{name}",
        html=_text(f"{name}.html") or None,
        css=_text(f"{name}.css") or None,
        js=script(*shared, name, constants=constants),
    )


def _text(name: str) -> str:
    path = FOLDER / name
    if path.suffix != ".js" and not path.is_file():  # not every component has markup or style
        return ""
    return path.read_text(encoding="utf-8")

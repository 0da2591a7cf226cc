"""The gallery of keyframes: thumbnails, generated codes and means; a click adds or replaces one."""

from collections.abc import Callable
from typing import Any

import numpy as np
import streamlit as st

from convae.latent import keyframes
from convae.latent.keyframes import Keyframe
from convae.ui import pictures
from convae.ui.interpolate.context import Context


def write(key: str, selection: list[Keyframe]) -> None:
    """Set the keyframes of the text field `key`; call it from a callback."""
    st.session_state[key] = keyframes.text_of(selection)


def show_gallery(
    context: Context,
    key: str,
    selection: list[Keyframe],
    slot: int | None,
    most: int,
    fixed: bool,
) -> None:
    """Buttons for all keyframes on offer. slot: the selected keyframe, replaced by a click; None
    appends. fixed: the number of keyframes does not change, and the next slot is selected."""
    known = context.known
    action = "replaces the selected keyframe" if slot is not None else "appends a keyframe"
    st.caption(f"A click on an image {action}. The sidebar has settings for other images.")
    add: Callable = _replace if fixed else _put
    rest = (slot or 0,) if fixed else (slot, most)

    def button(label: str, new: Keyframe, name: str, **options: Any) -> None:
        st.button(
            label, key=f"{key}-{name}", on_click=add, args=(key, selection, new, *rest), **options
        )

    # buttons and not pills: a click is an event here, and pills would send it with every rerun
    with st.container(key=f"thumbs-{key}", horizontal=True, gap="xsmall"):
        for number, new in enumerate(context.gallery):
            kind, n = new
            image = known.uploads[n - 1] if kind == "u" else known.test.images[n]
            name = f"{'your ' * (kind == 'u')}image {n}"
            label = f"![{name}]({pictures.data_url(image)})"
            button(label, new, f"gallery-{number}")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.button(
            "Generated",
            icon=":material/auto_awesome:",
            key=f"{key}-generated",
            on_click=_generated,
            args=(add, key, selection, *rest),
            help="A new code, drawn from a Gaussian mixture fitted to real codes.",
        )
        mean = {"icon": ":material/functions:"}
        button("Mean image", Keyframe("m"), "mean", help="The decoded mean of all codes.", **mean)
        present = [int(n) for n in np.unique(known.sample.labels)]
        if len(present) > 1:
            number = st.selectbox(
                "Class",
                present,
                format_func=lambda n: known.test.class_names[n],
                key=f"{key}-class",
                label_visibility="collapsed",
                width=150,
            )
            help_text = "The decoded mean of the codes of this class."
            button("Class mean", Keyframe("c", number), "class-mean", help=help_text, **mean)


def _put(key: str, selection: list[Keyframe], new: Keyframe, slot: int | None, most: int) -> None:
    """Replace the selected keyframe, or append one if none is selected."""
    if slot is not None:
        selection = [*selection[:slot], new, *selection[slot + 1 :]]
    elif len(selection) == most:
        st.toast(f"A walk has at most {most} keyframes. Select one to replace it.")
        return
    else:
        selection = [*selection, new]
    write(key, selection)


def _replace(key: str, selection: list[Keyframe], new: Keyframe, slot: int) -> None:
    """Replace the selected keyframe and select the next one."""
    _put(key, selection, new, slot, len(selection))
    st.session_state[f"{key}-slot"] = (slot + 1) % len(selection)


def _generated(add: Callable, key: str, selection: list[Keyframe], *rest: int | None) -> None:
    add(key, selection, Keyframe("g", int(np.random.default_rng().integers(1, 10_000))), *rest)

"""The row of keyframes: chosen in the gallery or as text, moved, removed, drawn at random."""

from typing import NamedTuple

import numpy as np
import streamlit as st

from convae.latent import keyframes
from convae.latent.keyframes import Keyframe
from convae.ui import caches, frame, pictures
from convae.ui.address import BOUND
from convae.ui.escape import sentence
from convae.ui.interpolate.context import Context
from convae.ui.interpolate.gallery import show_gallery, write


class Chosen(NamedTuple):
    """K keyframes: their names, images uint8 (K, 32, 32, 3) and codes float32 (K, d)."""

    keyframes: list[Keyframe]
    names: list[str]
    images: np.ndarray
    codes: np.ndarray


def pick_keyframes(
    context: Context,
    key: str,
    least: int,
    most: int,
    *,
    start: list[Keyframe],
    slots: str = "",
) -> Chosen:
    """Between `least` and `most` keyframes chosen by clicks; `start` is the default.

    The address holds them under `key`, in the format of `keyframes.parse`. slots: a letter for each
    keyframe, if each has a role of its own (least = most).
    """
    fixed = least == most
    _forget_other_set(key)
    with st.container(horizontal=True, vertical_alignment="center"):
        place = st.container(key=f"slots-{key}", width="content")
        tools = st.container(
            horizontal=True, width="content", gap="small", vertical_alignment="center"
        )
    with tools:
        popover = st.popover("Change" if fixed else "Add", icon=":material/add_photo_alternate:")
        with popover:
            text = st.text_input(
                "Keyframes as text",
                key=key,
                placeholder=keyframes.text_of(start),
                help="Numbers of test images, separated by commas; `u1` is your first image, `g7` "
                "a generated one, `c3` the mean of class 3, `m` the mean of all.",
                **BOUND,
            )
    st.session_state[f"{key}-seen"] = (st.session_state.get("data-kept"), text)
    selection, problems = keyframes.parse(text, context.known, most)
    with frame.steady():
        for problem in problems:
            st.info(sentence(problem), icon=":material/info:")
    if len(selection) < least:
        selection += start[len(selection) : least if selection else most]
    chosen = _chosen(context, selection)
    slot_key = f"{key}-slot"
    if (st.session_state.get(slot_key) or 0) >= len(selection):
        st.session_state[slot_key] = None
    if fixed and st.session_state.get(slot_key) is None:
        st.session_state[slot_key] = 0
    with place:
        slot = st.pills(
            "Keyframes",
            range(len(selection)),
            format_func=lambda n: _label(chosen, n, slots),
            label_visibility="collapsed",
            key=slot_key,
            required=fixed,
        )
    with popover:
        show_gallery(context, key, selection, slot, most, fixed)
    with tools:
        if not fixed:
            _moves(key, selection, slot, least)
        st.button(
            "Random",
            icon=":material/casino:",
            key=f"{key}-random",
            on_click=_random,
            args=(key, len(selection), context),
            help="Replaces all keyframes with random images, of the chosen class if there is one.",
        )
    return chosen


def _forget_other_set(key: str) -> None:
    """Remove the keyframes that are numbers of another set, once it is no longer chosen: they would
    be other images. A link, which changes both, keeps its keyframes."""
    text = st.session_state.get(key) or ""
    now = st.session_state.get("data-kept")
    before, text_before = st.session_state.get(f"{key}-seen", (now, ""))
    if before != now and text and text == text_before:
        text = ",".join(word for word in text.split(",") if word.strip()[:1] in ("u", "g", "m"))
        st.session_state[key] = text


def _chosen(context: Context, selection: list[Keyframe]) -> Chosen:
    known = context.known
    images, codes = keyframes.look_up(
        selection, known, caches.Remembered(context.checkpoint), lambda: context.prior
    )
    return Chosen(
        selection, [keyframes.named(item, known.test) for item in selection], images, codes
    )


def _label(chosen: Chosen, n: int, slots: str) -> str:
    # names of classes come from folders: no markdown in them
    plain = "".join(
        letter if letter.isalnum() or letter in " -" else " " for letter in chosen.names[n]
    )
    role = f"**{slots[n]}** " if slots else ""
    return f"![{plain}]({pictures.data_url(chosen.images[n])}) {role}{plain}"


def _random(key: str, count: int, context: Context) -> None:
    test, rng = context.known.test, np.random.default_rng()
    pool = [item for item in context.gallery if item.kind == "u"]
    if len(pool) < count:
        name = st.session_state.get("interpolate-class")
        inside = test.labels == test.class_names.index(name) if name in test.class_names else None
        rows = np.arange(len(test)) if inside is None else np.flatnonzero(inside)
        rows = rows if len(rows) else np.arange(len(test))  # none of this class is held out
        chosen = rng.choice(rows, count, replace=len(rows) < count)
        pool = [Keyframe("", int(row)) for row in chosen]
    write(key, [pool[n] for n in rng.permutation(len(pool))[:count]])


def _moves(key: str, selection: list[Keyframe], slot: int | None, least: int) -> None:
    """Buttons that move the selected keyframe or remove it."""
    chosen, last = slot is not None, len(selection) - 1
    moves = [
        ("back", ":material/arrow_back:", -1, "Move left", chosen and slot > 0),
        ("forth", ":material/arrow_forward:", 1, "Move right", chosen and slot < last),
        ("remove", ":material/delete:", 0, "Remove", chosen and len(selection) > least),
    ]
    for name, icon, step, action, possible in moves:
        st.button(
            "",
            icon=icon,
            key=f"{key}-{name}",
            disabled=not possible,
            on_click=_move,
            args=(key, selection, slot, step),
            help=f"{action}: select a keyframe first.",
        )


def _move(key: str, selection: list[Keyframe], slot: int, step: int) -> None:
    rest = [*selection[:slot], *selection[slot + 1 :]]
    if step:
        rest.insert(slot + step, selection[slot])
    st.session_state[f"{key}-slot"] = slot + step if step else None
    write(key, rest)

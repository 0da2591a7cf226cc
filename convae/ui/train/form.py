"""The form for a new run: presets, settings, a preview of the images and a forecast."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import Field
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from convae import data, flat_config, limits, runs
from convae.config import TrainConfig
from convae.data import own_sets
from convae.errors import ConvaeError, RunError
from convae.models import architectures
from convae.models.devices import device_name, gpu_count
from convae.runs import queue
from convae.ui import own_images, pickers
from convae.ui.escape import plain, sentence
from convae.ui.train import forecast
from convae.ui.train.presets import presets

LABELS = {
    "spec": "Training data",
    "limit": "Image limit",
    "latent_dim": "Latent dimension",
    "base_channels": "Channels",
    "encoder_channels": "Encoder channels",
    "refinement_steps": "Refinement steps",
    "init_from": "Initial weights",
    "time_budget_s": "Time budget",
    "flip": "Random horizontal flip",
    "shift": "Random shift",
    "noise_std": "Noise standard deviation",
    "noise_range": "Random noise level",
    "corruption": "Noise type",
    "kl_weight": "KL weight",
    "weights": "Saved weight type",
    "ema_decay": "EMA decay",
    "patience": "Early-stopping patience",
}

PLACEHOLDERS = {"limit": "all", "encoder_channels": "the same"}  # shown for 0
# what a press of + or - adds where it is not 0.01
STEPS = {"learning_rate": 0.0005, "ema_decay": 0.001, "kl_weight": 0.1, "clip": 0.1,
         "time_budget_s": 60.0}  # fmt: skip
EXACT = "%g"  # in Streamlit all digits of a number, as many as it has: 0.99999, 1e-7


def label(name: str) -> str:
    """The label of the control for the setting of this name."""
    return LABELS.get(name, name.replace("_", " ").capitalize())


def in_labels(text: str) -> str:
    """A message or help text in which each `setting` has the label of its control."""
    return flat_config.with_names(text, flat_config.settings(), label)


def duplicate(made: TrainConfig) -> None:
    """Put these settings into the form the next time it is drawn."""
    st.session_state["train-fill"] = flat_config.to_flat(made)


def settings_form(key: str = "train") -> tuple[TrainConfig | None, str, str, Any]:
    """(settings, name, problem, place): settings are None if they are invalid; problem says what is
    wrong with them or with the name; place is the container for the Start button.

    No st.form: the forecast of size and time follows every change of a setting.
    """
    options = presets()
    fields = flat_config.settings()

    def shown(values: dict[str, Any]) -> dict[str, Any]:
        """The values of all controls for these settings; None: a field with its placeholder."""
        filled = {f.name: values.get(f.name, f.default) for f in fields}
        return filled | {name: filled[name] or None for name in PLACEHOLDERS}

    def fill(values: dict[str, Any]) -> None:
        for name, value in shown(values).items():
            st.session_state[f"{key}-{name}"] = value
            st.session_state.pop(f"{key}-{name}-gone", None)

    def is_changed(values: dict[str, Any]) -> bool:
        """Whether a control differs from these settings; those of a preset fit all images."""
        wanted = {f"{key}-{n}": value for n, value in shown(values).items() if n != "spec"}
        return any(st.session_state.get(name, value) != value for name, value in wanted.items())

    def use_preset() -> None:
        chosen = options.get(st.session_state[f"{key}-preset"])
        if chosen:
            spec = st.session_state.get(f"{key}-spec", "")
            own = {"spec": spec} if ":" in spec else {}  # a preset keeps the user's own images
            fill(chosen.values | own)

    if f"{key}-fill" in st.session_state:
        fill(st.session_state.pop(f"{key}-fill"))
        st.session_state[f"{key}-preset"] = None
    elif f"{key}-{fields[0].name}" not in st.session_state:
        st.session_state[f"{key}-preset"] = next(iter(options))
        st.session_state[f"{key}-spec"] = own_images.chosen_kept() or ""
        use_preset()
    chosen = options.get(st.session_state.get(f"{key}-preset"))
    if chosen and is_changed(chosen.values):
        st.session_state[f"{key}-preset"] = None
    chosen = st.pills("Preset", list(options), key=f"{key}-preset", on_change=use_preset,
                      persist_state="session")  # fmt: skip
    about, above, place = st.container(), st.container(), st.container()
    with st.expander("Settings", icon=":material/tune:"):
        values = _widgets([f for f in fields if not f.metadata["advanced"]], key)
        if st.session_state.pop(f"{key}-name-used", False):
            st.session_state[f"{key}-name"] = ""
        name = st.text_input(
            "Name", key=f"{key}-name", max_chars=64, persist_state="session",
            help="Name of the run and its model: a-z, 0-9, - and _. Empty: made from the settings.",
        )  # fmt: skip
        wrong_name = _name_problem(name)
        if wrong_name:
            st.error(sentence(wrong_name), icon=":material/error:")
    with st.expander("Advanced", icon=":material/settings:"):
        values |= _widgets([f for f in fields if f.metadata["advanced"]], key)
    about.caption(
        options[chosen].about(values["spec"])
        if chosen
        else "Your own settings, or those of an earlier run."
    )
    with above:
        with st.container(horizontal=True, vertical_alignment="center", key=f"{key}-data"):
            own_images.add_button(f"{key}-spec", training=True)
            st.markdown(f"Training data: **{plain(pickers.spec_name(values['spec']))}**")
            mine = own_images.chosen_kept()
            if mine is not None and mine != values["spec"]:
                st.button(
                    f"Train on {plain(pickers.spec_name(mine))}", key=f"{key}-mine",
                    icon=":material/photo_library:", on_click=_train_on, args=(key, mine),
                )  # fmt: skip
        try:
            own_sets.check_trainable(values["spec"])
            made, notes = limits.capped(flat_config.from_flat(values))
            if (count := architectures.count_parameters(made.model)) > architectures.MAX_PARAMETERS:
                raise ConvaeError(
                    f"This model would have {count:,} parameters, more than "
                    f"{architectures.MAX_PARAMETERS:,}: choose a smaller latent dimension or fewer "
                    "channels."
                )
            device_name(made.device)
        except ConvaeError as error:
            problem = in_labels(str(error))
            st.error(sentence(problem), icon=":material/error:")
            return None, name, problem, place
        few = own_sets.training_note(made.data.spec, made.batch_size, made.epochs)
        notes += [few] if few else []
        for note in notes:
            st.info(sentence(note), icon=":material/info:")
        pickers.name_enlarged(made.data.spec, made.model.latent_dim)
        forecast.preview(made)
        forecast.forecast(made)
        return made, name, wrong_name, place


def _train_on(key: str, spec: str) -> None:
    st.session_state[f"{key}-spec"] = spec
    _fit_code(key)


def _name_problem(name: str) -> str:
    """Why this name cannot be that of a new run; "" where it can, or is empty."""
    try:
        if name:
            queue.check_free(name)
    except ConvaeError as error:
        return str(error)
    return ""


def name_used(key: str = "train") -> None:
    """Empty the name the next time the form is drawn: a run has it now."""
    st.session_state[f"{key}-name-used"] = True


def image_specs() -> list[str]:
    """Training data to choose from: the built-in sets and the folders that earlier runs used."""
    own = []
    for run in runs.listing()[:50]:
        with suppress(RunError):  # a damaged run
            own += [] if run.uploaded else [run.config().data.spec]
    own = sorted({spec for spec in own if spec not in data.SPECS})
    candidates = dict.fromkeys([*data.TRAINING_SPECS, *own_images.own_specs(), *own])
    kept = []
    for spec in candidates:
        try:
            data.check_spec(spec)
        except ConvaeError:
            continue
        kept.append(spec)
    return kept


def _widgets(fields: Sequence[Field], key: str) -> dict[str, Any]:
    """Rows of four columns: one call of st.columns per row keeps the order on a narrow screen."""
    values = {}
    if st.session_state.get(f"{key}-optimizer") != "sgd":
        fields = [f for f in fields if f.name != "momentum"]  # only SGD reads it
    for start in range(0, len(fields), 4):
        for place, f in zip(st.columns(4), fields[start : start + 4], strict=False):
            values[f.name] = _widget(place, f, key)
    return values


def _widget(place: DeltaGenerator, f: Field, key: str) -> Any:
    meta = f.metadata
    title = label(f.name)
    unit = meta["unit"]  # not "Epochs (epochs)"; the values of a code need none
    known = (unit.removesuffix("s") or unit) in title.lower() if unit else True
    if not known and not meta["choices"] and unit != "values":
        title += f" ({unit})"
    arguments = {"key": f"{key}-{f.name}", "help": in_labels(meta["help"]),
                 "persist_state": "session"}  # fmt: skip
    if f.name == "spec":
        arguments |= {"on_change": _fit_code, "args": (key,)}
        return _select(place, title, image_specs(), arguments, pickers.spec_name)
    if f.name == "init_from":
        names = ["", *pickers.checkpoint_options()]
        return _select(place, title, names, arguments, lambda name: name or "from scratch")
    # numbers have no range here: Streamlit would keep what is out of it in the browser, and Start
    # would use the value before; `convae.settings.check` names the range
    if isinstance(f.default, int) and not isinstance(f.default, bool):
        arguments["step"] = 8 if meta["unit"] == "channels" else 1
        if f.name in PLACEHOLDERS:
            arguments["placeholder"] = PLACEHOLDERS[f.name]
        return place.number_input(title, **arguments) or 0
    if meta["choices"]:
        return place.selectbox(title, meta["choices"], **arguments)
    if isinstance(f.default, bool):
        return place.toggle(title, **arguments)
    step = STEPS.get(f.name, 0.01)
    return place.number_input(title, step=step, format=EXACT, **arguments)


def _fit_code(key: str) -> None:
    """Where the code would be nearly as large as the chosen data: an eighth of the data."""
    real = data.real_dimension(st.session_state[f"{key}-spec"])
    if 2 * st.session_state[f"{key}-latent_dim"] >= real:
        st.session_state[f"{key}-latent_dim"] = real // 8


def _select(
    place: DeltaGenerator,
    label: str,
    options: list[str],
    arguments: dict,
    name: Callable[[str], str],
) -> str:
    if st.session_state.get(f"{arguments['key']}-next") in options:
        st.session_state[arguments["key"]] = st.session_state.pop(f"{arguments['key']}-next")
    wanted, gone = st.session_state.get(arguments["key"]), f"{arguments['key']}-gone"
    if wanted not in options:  # a folder or a model that no longer exists
        st.session_state[arguments["key"]] = options[0]
        if wanted is not None:
            st.session_state[gone] = wanted
    chosen = place.selectbox(label, options, format_func=name, **arguments)
    if chosen != options[0]:
        st.session_state.pop(gone, None)
    elif missing := st.session_state.get(gone):
        place.info(
            f"{plain(name(missing))} is not available. {label}: {plain(name(chosen))}.",
            icon=":material/info:",
        )
    return chosen


def pick_processes(made: TrainConfig, key: str = "train") -> int:
    """Number of GPUs to use; a field only if there are several."""
    gpus = gpu_count(made.device)
    if gpus < 2:
        return 1
    return st.number_input(
        "GPUs", 1, gpus, gpus, key=f"{key}-gpus",
        help="Each batch is divided among them (DistributedDataParallel, started with torchrun).",
    )  # fmt: skip

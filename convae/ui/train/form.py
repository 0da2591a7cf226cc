"""What one decides before a training, and what one is told of it: presets, settings, a forecast."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import Field
from typing import Any, NamedTuple

import numpy as np
import streamlit as st

from convae import config, data, limits, runs
from convae.config import TrainConfig
from convae.errors import ConvaeError, RunError
from convae.models import architectures
from convae.models.devices import device_name, gpu_count
from convae.training import noise, speed_probe
from convae.ui import caches, frame, pickers, pictures
from convae.ui.escape import sentence

LABELS = {
    "spec": "Learn from",
    "limit": "Images at most",
    "latent_dim": "Code size",
    "base_channels": "Channels",
    "refinement_steps": "Refinement steps",
    "init_from": "Start from",
    "time_budget_s": "Time budget",
    "flip": "Mirror images",
    "noise_std": "Noise on the input",
    "noise_range": "Range of noise levels",
    "corruption": "Kind of noise",
    "kl_weight": "KL weight",
    "weights": "Type of saved weights",
    "ema_decay": "Average of weights",
    "patience": "Early stopping",
}


class Preset(NamedTuple):
    """A way to begin: what one will see, and the settings that differ from the defaults."""

    told: str
    values: dict[str, Any]


def presets() -> dict[str, Preset]:
    """Four ways to begin, the quickest first; on photographs where they are at hand."""
    photographs = "cifar10" if data.cifar10_present() else "photos"
    return {
        "Live demo": Preset(
            "Half a minute on drawn shapes. It starts worse than PCA, with as many numbers, and "
            "overtakes it before your eyes.",
            dict(spec="shapes", limit=4000, architecture="strided", latent_dim=8,
                 base_channels=16, batch_size=64, learning_rate=5e-3, epochs=12),
        ),
        "Classic": Preset(
            "The well-known network with its own recipe: convolutions and pooling, a code of 256, "
            "binary cross-entropy, Adam, batches of 256.",
            dict(spec=photographs, architecture="classic", latent_dim=256, loss="bce",
                 optimizer="adam", learning_rate=1e-3, schedule="constant", weight_decay=0.0,
                 clip=0.0, flip=False, batch_size=256, epochs=10),
        ),
        "Best quality": Preset(
            "Our network starts as PCA and learns what PCA cannot say. More epochs make it better; "
            "it may run for hours, you can leave meanwhile.",
            dict(spec=photographs, architecture="residual", latent_dim=128, base_channels=32,
                 refinement_steps=2, epochs=60, ema_decay=0.999),
        ),
        "Denoiser": Preset(
            "Noise goes in, the clean image is the target: it learns to tell one from the other.",
            dict(spec="shapes", architecture="residual", latent_dim=64, base_channels=16,
                 batch_size=128, noise_std=0.2, epochs=8),
        ),
    }  # fmt: skip


def duplicate(made: TrainConfig) -> None:
    """Put these settings into the form, from the next time on that it is drawn."""
    st.session_state["train-fill"] = config.to_flat(made)


def settings_form(key: str = "train") -> tuple[TrainConfig | None, str, str, Any]:
    """(settings, name, problem, place): the settings are None where they do not fit together, and
    the problem says why; the place is where a button to start belongs.

    No st.form: what the settings mean for size and time is told while one chooses.
    """
    ways = presets()
    fields = config.settings()

    def fill(values: dict[str, Any]) -> None:
        for f in fields:
            st.session_state[f"{key}-{f.name}"] = values.get(f.name, f.default)

    def begin() -> None:
        chosen = ways.get(st.session_state[f"{key}-preset"])
        if chosen:
            fill(chosen.values)

    if f"{key}-fill" in st.session_state:
        fill(st.session_state.pop(f"{key}-fill"))
        st.session_state[f"{key}-preset"] = None
    elif f"{key}-{fields[0].name}" not in st.session_state:
        st.session_state[f"{key}-preset"] = next(iter(ways))
        begin()
    chosen = st.pills("Begin with", list(ways), key=f"{key}-preset", on_change=begin,
                      persist_state="session")  # fmt: skip
    st.caption(ways[chosen].told if chosen else "Your own settings, or those of an earlier run.")
    above, place = st.container(), st.container()
    with st.expander("Settings", icon=":material/tune:"):
        values = _widgets([f for f in fields if not f.metadata["advanced"]], key)
        name = st.text_input(
            "Name", key=f"{key}-name", max_chars=64, persist_state="session",
            help="Of the run and its model: a-z, 0-9, - and _. Empty: made from the settings.",
        )  # fmt: skip
    with st.expander("Advanced", icon=":material/settings:"):
        values |= _widgets([f for f in fields if f.metadata["advanced"]], key)
    with above:
        try:
            made, notes = limits.capped(config.from_flat(values))
            if (count := architectures.count_parameters(made.model)) > architectures.MAX_PARAMETERS:
                raise ConvaeError(
                    f"This model would have {count:,} parameters, more than "
                    f"{architectures.MAX_PARAMETERS:,}: take a smaller code or fewer channels."
                )
            device_name(made.device)
            if name:
                runs.check_name(name)
        except ConvaeError as error:
            st.error(sentence(str(error)), icon=":material/error:")
            return None, name, str(error), place
        for note in notes:
            st.info(sentence(note), icon=":material/info:")
        preview(made)
        forecast(made)
        return made, name, "", place


def image_specs() -> list[str]:
    """What can be learned from: the built-in sets, and places that runs of our own have used."""
    own = []
    for run in runs.listing()[:50]:
        with suppress(RunError):  # a damaged run
            own += [] if run.uploaded else [run.config().data.spec]
    found = [*data.SPECS, *sorted({spec for spec in own if spec not in data.SPECS})]
    kept = []
    for spec in found:
        try:
            data.check_spec(spec)
        except ConvaeError:
            continue
        kept.append(spec)
    return kept


def _widgets(fields: Sequence[Field], key: str) -> dict[str, Any]:
    """Four on a line, each line its own: so the order stays when a phone stacks them."""
    values = {}
    for start in range(0, len(fields), 4):
        for place, f in zip(st.columns(4), fields[start : start + 4], strict=False):
            values[f.name] = _widget(place, f, key)
    return values


def _widget(place, f: Field, key: str) -> Any:
    meta = f.metadata
    label = LABELS.get(f.name, f.name.replace("_", " ").capitalize())
    if meta["unit"] and not meta["choices"]:
        label += f" ({meta['unit']})"
    told = {"key": f"{key}-{f.name}", "help": meta["help"], "persist_state": "session"}
    if f.name == "spec":
        return _select(place, label, image_specs(), told, pickers.spec_name)
    if f.name == "init_from":
        names = ["", *pickers.checkpoint_options()]
        return _select(place, label, names, told, lambda name: name or "from scratch")
    if meta["choices"]:
        return place.selectbox(label, meta["choices"], **told)
    if isinstance(f.default, bool):
        return place.toggle(label, **told)
    if isinstance(f.default, int):
        step = 8 if f.name == "base_channels" else 1
        return place.number_input(label, meta["low"], meta["high"], step=step, **told)
    small = f.name == "learning_rate"
    return place.number_input(
        label,
        meta["low"],
        meta["high"],
        step=0.0005 if small else 0.01,
        format="%.5f" if small else "%.3f",
        **told,
    )


def _select(place, label: str, options: list[str], told: dict, name) -> str:
    if st.session_state.get(told["key"]) not in options:
        st.session_state[told["key"]] = options[0]  # a place or a model that is no longer there
    return place.selectbox(label, options, format_func=name, **told)


def preview(made: TrainConfig) -> None:
    """Eight images it would learn from; with noise on the input, as it would see them."""
    spec = made.data.spec
    if spec == "cifar10" and not data.cifar10_present():
        return
    with frame.error_boundary():
        images = caches.sample(caches.image_set(spec, "test"), 8).images
    rows = {"goes in": images, "should come out": images}
    if made.noise_std:
        strengths = np.full(len(images), made.noise_std)
        if made.noise_range:
            strengths = np.linspace(0, made.noise_std, len(images))
        rows["goes in"] = np.concatenate(
            [
                noise.noisy(image[None], sigma, made.corruption, seed)
                for seed, (image, sigma) in enumerate(zip(images, strengths, strict=True))
            ]
        )
    pictures.image_rows(rows if made.noise_std else {"like these": images}, scale=2)


def forecast(made: TrainConfig) -> None:
    """Size, compression, device and time, told before anything is started."""
    waiting = speed_of(made) is None
    st.fragment(_forecast, run_every=1 if waiting else None)(made, waiting)


def speed_of(made: TrainConfig) -> float | None:
    """Images/s of such a training here, nan where it cannot be; None while it is measured."""
    try:
        return speed_probe.known(made)
    except ConvaeError:
        return float("nan")


def _forecast(made: TrainConfig, waiting: bool) -> None:
    speed = speed_of(made)
    if speed is not None and waiting:
        st.rerun()  # known now: no more looking every second
    busy = runs.active() is not None
    if speed is None and not busy:
        speed_probe.start(made)
    code = made.model.latent_dim
    if speed is None:
        time = "later" if busy else "measuring"
    elif speed != speed:
        time = "unknown"
    else:
        time = "~ " + roughly(
            speed_probe.estimate_s(made, image_count(made), speed, test_image_count(made))
        )
    frame.figures(
        {
            "Expected time": time,
            "Parameters": f"{architectures.count_parameters(made.model):,}",
            "Code": f"{code:,} values",
            "Fewer numbers": f"{made.compression:.3g} : 1",
            "Device": device_name(made.device),
        },
        {
            "Expected time": "From one second of such a training on this machine"
            + (", which waits until the run at work has ended." if busy else ".")
            + (f" {speed:,.0f} images/s." if speed and speed == speed else ""),
            "Fewer numbers": f"An image has 3,072 numbers, its code {code:,}.",
        },
    )


def image_count(made: TrainConfig) -> int:
    """Images that a run would learn from."""
    spec = made.data.spec
    whole = speed_probe.IMAGES.get(spec) or len(caches.image_set(spec, "train"))
    return min(made.data.limit or whole, whole)


def test_image_count(made: TrainConfig) -> int:
    """Images that its figures are measured on in the end; 0 without a test split."""
    spec = made.data.spec
    if spec in speed_probe.TEST_IMAGES:
        return speed_probe.TEST_IMAGES[spec]
    return len(caches.image_set(spec, "test")) if "test" in data.splits(spec) else 0


def pick_processes(made: TrainConfig, key: str = "train") -> int:
    """How many GPUs take part; asked only where there are several."""
    gpus = gpu_count(made.device)
    if gpus < 2:
        return 1
    return st.number_input(
        "GPUs", 1, gpus, gpus, key=f"{key}-gpus",
        help="Each takes its share of every batch: DistributedDataParallel under torchrun.",
    )  # fmt: skip


def roughly(seconds: float) -> str:
    """25 s, 4 min, 2.5 h: as exact as a forecast can be."""
    if seconds < 90:
        return f"{max(5, 5 * round(seconds / 5))} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def duration(seconds: float) -> str:
    """42 s, 3 min 5 s, 2 h 10 min."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"

"""A tour of prepared views and the presenter mode, both kept in the address.

`?tour=3` shows the bar of the third stop; `?present=1` hides the sidebar and enlarges the type. In
presenter mode Right, Page Down, Left and Page Up (the keys of a remote control) change the stop and
Escape leaves the mode. A stop is an address: every setting that it does not name has its default.
"""

from dataclasses import dataclass, field
from urllib.parse import urlencode

import streamlit as st

from convae.ui.components import component

STEP, PRESENT = "tour", "present"  # keys in the address


@dataclass(frozen=True)
class Stop:
    """One view of the tour. page: its path in the address, "" for the Overview. label: the page in
    the menu. query: the settings, as the address writes them."""

    page: str
    label: str
    heading: str
    text: str
    query: dict[str, str | list[str]] = field(default_factory=dict)


SAMPLE = "CIFAR-10 sample"
STOPS = (
    Stop(
        "", "Overview", "An image as 256 numbers",
        "The encoder reduces 3,072 pixel values to a code of 256 numbers; the decoder has nothing "
        "else to make the image from. Click other images: smooth ones lose least.",
        {"model": "cifar10-256", "data": SAMPLE},
    ),
    Stop(
        "reconstruct", "Reconstruct", "Beside the baselines",
        "None of these images was used in training. PCA, the best linear code, has the same number "
        "of values: compare edges and texture with its row and with JPEG at the same size.",
        {"model": "cifar10-256", "data": SAMPLE, "reconstruct-count": "8",
         "reconstruct-beside": ["PCA", "JPEG"]},
    ),
    Stop(
        "reconstruct", "Reconstruct", "How many numbers does an image need?",
        "This model was trained so that the first values of a code matter most. Move the slider: "
        "the layout appears with a few values, fine detail only with many.",
        {"model": "cifar10-any", "data": SAMPLE, "reconstruct-part": "Code length"},
    ),
    Stop(
        "reconstruct", "Reconstruct", "What is lost",
        "The bottleneck keeps low frequencies, which carry most of the energy, and loses fine "
        "detail. So the images are blurred.",
        {"model": "cifar10-256", "data": SAMPLE, "reconstruct-part": "What is lost"},
    ),
    Stop(
        "interpolate", "Interpolate", "Between images",
        "Move the slider. A cross-fade of pixels shows both images at once; a walk between their "
        "codes is decoded at every step.",
        {"model": "cifar10-256", "data": SAMPLE},
    ),
    Stop(
        "latent_map", "Latent map", "All codes on one map",
        "Each point is the code of a test image of ten drawn shapes, projected to two dimensions. "
        "The colors are the classes, which the model was never shown.",
        {"model": "shapes-16", "data": "Shapes", "latent-method": "UMAP"},
    ),
    Stop(
        "denoise", "Denoise", "Noise does not fit through the bottleneck",
        "This model was trained on noisy images with clean ones as the target. The filters beside "
        "it get the same noisy pixels.",
        {"model": "cifar10-denoiser", "data": SAMPLE},
    ),
    Stop(
        "generate", "Generate", "New images from random codes",
        "A variational autoencoder is trained so that its codes follow a normal distribution. A "
        "code drawn from it gives an image that did not exist: colors and layout, but no objects.",
        {"model": "cifar10-vae", "data": "Photos", "generate-part": "Samples"},
    ),
)  # fmt: skip


def step() -> int | None:
    """The stop in the address, from 1; None without a valid one."""
    text = st.query_params.get(STEP, "")
    return int(text) if text in labels() else None


def labels() -> list[str]:
    """The stops as the address writes them."""
    return [str(number) for number in range(1, len(STOPS) + 1)]


def presenting() -> bool:
    return st.query_params.get(PRESENT) == "1"


def kept() -> dict[str, str]:
    """Tour and presenter mode as query parameters of a link to another page."""
    return {key: st.query_params[key] for key in (STEP, PRESENT) if key in st.query_params}


def address(number: int, present: bool = False) -> str:
    """The address of a stop, from 1, relative to any page of the app."""
    stop = STOPS[number - 1]
    query = stop.query | {STEP: str(number)} | ({PRESENT: "1"} if present else {})
    return f"./{stop.page}?{urlencode(query, doseq=True)}"


def bar(label: str) -> None:
    """The bar of the tour on the page with this label in the menu; the keys of presenter mode."""
    number, present = step(), presenting()
    if number is None and not present:
        return
    with st.container(key="tour"):
        component("tour_bar")(data=state(number, label, present), key="tour-bar")


def state(number: int | None, label: str, present: bool) -> dict:
    """What the bar shows. On a page that the stop does not show, `next` returns to the stop."""
    if number is None:
        return {"present": present, "next": address(1, present)}
    stop = STOPS[number - 1]
    shared = {"present": present, "step": number, "total": len(STOPS)}
    if stop.label != label:
        text = f"The tour is at step {number}, on {stop.label}."
        return shared | {"text": text, "next": address(number, present), "away": True}
    return shared | {
        "heading": stop.heading,
        "text": stop.text,
        "back": address(number - 1, present) if number > 1 else None,
        "next": address(number + 1, present) if number < len(STOPS) else None,
    }


def start() -> None:
    """A link to the first stop, for the Overview; nothing while the tour is on."""
    if step() is None:
        data = {"start": f"Take the tour: {len(STOPS)} views", "next": address(1, presenting())}
        component("tour_bar")(data=data, key="tour-start")

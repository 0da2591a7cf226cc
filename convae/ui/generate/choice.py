"""How new images are drawn on the Generate page: the prior, its parameters and the seed."""

from dataclasses import dataclass

import streamlit as st

from convae.config import ModelConfig
from convae.tasks import generation
from convae.ui import glossary, query
from convae.ui.address import BOUND

TOGETHER, EACH = -1, -2  # all classes in one prior; one prior for each class


@dataclass(frozen=True)
class Choice:
    """A prior and how it is sampled. condition: TOGETHER, EACH or one class."""

    kind: str = "gmm"
    components: int = generation.COMPONENTS
    neighbors: int = generation.NEIGHBORS
    temperature: float = 1.0
    seed: int = 0
    condition: int = TOGETHER


def pick_choice(config: ModelConfig, class_names: tuple[str, ...], compare: bool = False) -> Choice:
    """The prior, its parameters and the seed, for a model of this `config` and training images of
    these classes. compare: all priors are shown, so none is chosen."""
    kind, condition = "gmm", TOGETHER
    components, neighbors = generation.COMPONENTS, generation.NEIGHBORS
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        if not compare:
            kind = _pick_kind(config)
        if compare or kind == "gmm":
            components = st.slider(
                "Gaussians", 1, 50, components, key="generate-components", width=130,
                help="Number of components of the mixture; fewer where there are few images.",
                **BOUND,
            )  # fmt: skip
        if compare or kind == "jitter":
            neighbors = st.slider(
                "Neighbors", 1, 50, neighbors, key="generate-neighbors", width=130,
                help="Number of nearest codes that give the covariance of the noise.", **BOUND,
            )  # fmt: skip
        temperature = st.slider(
            "Temperature", 0.0, 1.5, 1.0, 0.05, key="generate-temperature", width=150,
            help="Factor on the standard deviations of the prior: 1 is as fitted; 0 gives the "
            "means only, or unchanged training codes (kNN jitter).", **BOUND,
        )  # fmt: skip
        if not compare and kind not in ("normal", "vae"):
            condition = _pick_condition(class_names)
        seed = st.number_input(
            "Seed", 0, 9999, 0, key="generate-seed", width=110,
            help="Random seed of the fit and of the samples: another seed, other codes.", **BOUND,
        )  # fmt: skip
    return Choice(kind, components, neighbors, temperature, seed, condition)


def _pick_kind(config: ModelConfig) -> str:
    """A prior that this model has."""
    kinds = generation.kinds_for(config)
    default = "vae" if "vae" in kinds else "gmm"
    if st.session_state.get("generate-prior", default) not in kinds:
        # the model chosen before was variational
        st.session_state["generate-prior"] = default
    return st.selectbox(
        "Prior",
        kinds,
        kinds.index(default),
        format_func=generation.NAMES.get,
        key="generate-prior",
        width=170,
        help=f"{glossary.TERMS['Prior']}\n"
        + "\n".join(f"* {generation.NAMES[kind]}: {generation.PRIORS[kind]}" for kind in kinds),
        **BOUND,
    )


def _pick_condition(class_names: tuple[str, ...]) -> int:
    if len(class_names) < 2:
        return TOGETHER
    words = {TOGETHER: "all together", EACH: "one prior each"}
    if st.session_state.get("generate-class-names", class_names) != class_names:
        st.session_state["generate-classes"] = TOGETHER  # a class of another set was chosen
    st.session_state["generate-class-names"] = class_names
    return st.selectbox(
        "Classes",
        [TOGETHER, EACH, *range(len(class_names))],
        format_func=query.shown_as(
            "generate-classes", lambda label: words.get(label) or f"only {class_names[label]}"
        ),
        key="generate-classes",
        width=150,
        help="Fit one prior to all codes, one to the codes of each class (sampled as often as the "
        "class occurs), or one to the codes of a single class.",
        **BOUND,
    )

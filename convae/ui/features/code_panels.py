"""The parts of the Features page about the codes themselves: dimensions and neighbors."""

import numpy as np
import streamlit as st

from convae import plots
from convae.csv_export import to_csv
from convae.data import ImageSet
from convae.tasks import dimensionality
from convae.tasks.features import SPACES, TITLES
from convae.ui import charts, frame, pickers, pictures
from convae.ui.escape import plain
from convae.ui.features import probing
from convae.ui.features.probing import Setting

SHOWN = 8  # neighbors of an image
OFFERED = 24  # test images to choose from


def dimensions(setting: Setting) -> None:
    """How many dimensions the codes use, compared with pixels and a random encoder."""
    by_encoder, variances = probing.dimensions_of(setting), setting.pca.variances
    codes, size = by_encoder["codes"], setting.checkpoint.config.latent_dim
    pixels = dimensionality.participation_ratio(variances) if len(variances) else float("nan")
    frame.figures(
        {
            "Effective dimension": f"{codes.participation:.1f} of {size}",
            "Of the pixels": f"{pixels:.1f}",
            "Of a random encoder": f"{by_encoder['random_encoder'].participation:.1f}",
            "Dead dimensions": f"{len(codes.dead)}",
        },
        {
            "Effective dimension": "Of the codes.",
            "Of the pixels": "The same for the pixels of the training images, from their PCA.",
            "Of a random encoder": "The same for the codes of a randomly initialized encoder.",
            "Dead dimensions": f"Dimensions whose standard deviation is less than "
            f"{dimensionality.DEAD:.0%} of the largest one.",
        },
    )
    need = int(np.searchsorted(codes.explained, 0.95)) + 1
    st.markdown(
        f"95% of the variance of the codes lies in **{need}** of {size} directions: brightness "
        "and large areas of color have the largest variance. Directions of small variance are "
        "still needed: they encode detail."
    )
    left, right = st.columns(2, gap="medium")
    left.plotly_chart(
        charts.figure(
            plots.explained_variance,
            {
                "codes": codes.explained,
                "random encoder": by_encoder["random_encoder"].explained,
                "pixels": np.cumsum(variances) / max(variances.sum(), 1e-30),
            },
        ),
        key="features-variance",
    )
    right.plotly_chart(
        charts.figure(plots.correlation, codes.correlation), key="features-correlation"
    )
    own, images = setting.own, setting.encoded
    st.caption(
        "Left: the variance in the first principal directions, of codes and of pixels "
        f"({len(variances):,} components). Right: the correlation of each pair of latent "
        f"dimensions. Codes of {len(images):,} {'' if own else 'training '}images of "
        f"{plain(pickers.spec_name(images.name))}; pixels of {len(setting.train):,} training "
        f"images of {plain(pickers.spec_name(setting.train.name))}."
    )
    spread = np.diff(codes.explained, prepend=0)
    rows = [{"direction": n + 1, "share_of_variance": float(v)} for n, v in enumerate(spread)]
    frame.download("Variances (CSV)", lambda: to_csv(rows), "variances.csv", "text/csv")


def neighbors(setting: Setting) -> None:
    """The training images nearest to one image, in every space."""
    shown = candidates(setting.test)
    row = int(shown[pickers.pick_one(setting.test.take(shown), "features-one")])
    nearest = probing.neighbors_of(setting, row, SHOWN)
    train, label = setting.train, setting.test.labels[row]
    own = setting.own
    name = "Your image" if own else f"Chosen: {setting.test.class_names[label]}"
    pictures.large_image(setting.test.images[row], name, side=128)
    pictures.image_rows(
        {TITLES[space]: train.images[rows] for space, rows in nearest.items()},
        columns=SHOWN,
        below={
            TITLES[space]: [train.class_names[train.labels[near]] for near in rows]
            for space, rows in nearest.items()
        },
    )
    if not own and len(train.class_names) > 1:
        hits = {
            SPACES[space]: int((train.labels[rows] == label).sum())
            for space, rows in nearest.items()
        }
        st.markdown(
            f"Of the same class among the {len(next(iter(nearest.values())))} nearest: "
            + ", ".join(f"{name} {count}" for name, count in hits.items())
            + ". One image is no evidence: the part Accuracy measures all test images."
        )
    st.caption(
        f"The nearest of {len(train):,} training images of {plain(pickers.spec_name(train.name))}, "
        "by Euclidean distance, nearest first."
    )
    rows = [*nearest.values()]
    frame.download(
        "Neighbors (PNG)",
        lambda: pictures.sheet_png([train.images[indices] for indices in rows]),
        "neighbors.png",
        "image/png",
    )


def candidates(images: ImageSet) -> np.ndarray:
    """Rows of the test images offered: of all classes, in a fixed random order."""
    return np.random.default_rng(0).permutation(len(images))[:OFFERED]

"""Two images on top of each other with a slider between them, drawn in the browser."""

import numpy as np

from convae.ui import pictures
from convae.ui.components import component


def before_after(
    before: np.ndarray, after: np.ndarray, names: tuple[str, str], *, key: str
) -> None:
    """A slider between two images, uint8 (32, 32, 3) each; names stand below, left and right."""
    component("before_after")(
        data={
            "before": pictures.data_url(before),
            "after": pictures.data_url(after),
            "names": {"before": names[0], "after": names[1]},
        },
        key=key,
    )

"""Bad inputs made by hand: reader -> {what it is: its bytes}."""

from typing import TYPE_CHECKING

from tests.drills.hand_made import archives, checkpoints, images, texts
from tests.drills.hand_made.payload import Inputs

if TYPE_CHECKING:
    from tests.drills.readers import Readers


def inputs(readers: "Readers") -> dict[str, Inputs]:
    """All of them, by the reader that gets them."""
    valid = {name: reader.valid for name, reader in readers.all().items()}
    png = valid["images"][0]
    return {
        "images": images.images(valid["images"]),
        "zips": archives.zips(png),
        "bundles": checkpoints.bundles(readers),
        "weights": checkpoints.weights(readers.weights),
        "cards": checkpoints.cards(readers.facts),
        "states": checkpoints.states(valid["zips"][0]),
        "histories": texts.histories(valid["histories"][0]),
        "configs": texts.configs(),
        "statuses": texts.statuses(),
        "npz": archives.npz(),
        "archives": archives.archives(valid["archives"], png),
        "kept sets": texts.kept_sets(),
        "addresses": texts.addresses(),
    }

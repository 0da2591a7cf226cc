"""Which image sets can be chosen for a model, and which of them PCA is fitted on."""

from convae import data, runs
from convae.data import ImageSet
from convae.errors import ConvaeError
from convae.evaluation import shipped_pca
from convae.models import default_set
from convae.models.checkpoints import Checkpoint, Entry
from convae.ui import caches
from convae.ui.address import UPLOADS
from convae.ui.model_cards import checkpoint_options
from convae.ui.own_images import own_specs


def sources_of(entry: Entry | None) -> list[str]:
    """The image sets offered for this model: those that visitors have added, the built-in ones, and
    the folders and files that local runs were trained on, those of this model first. Paths in other
    cards are ignored: a card is untrusted input and may name any path.
    """
    entries = [*([entry] if entry is not None else []), *checkpoint_options().values()]
    local = [item.config.data.spec for item in entries if _trained_here(item)]
    named = dict.fromkeys([*local, *own_specs()])
    own = [spec for spec in named if spec not in data.SPECS and default_set.is_present(spec)]
    return [*own, *data.SPECS, UPLOADS]


def _trained_here(entry: Entry) -> bool:
    return (entry.path / "config.json").is_file() and not runs.Run(entry.path).uploaded


def default_source(entry: Entry | None, sources: list[str], few: bool = False) -> str:
    """The training images of the model if they are available, else a built-in set; for a CIFAR-10
    model the 20 images of `sample` on a page that needs only a few."""
    if entry is None:
        return "shapes"
    spec = entry.config.data.spec
    if spec in sources and (spec != "cifar10" or data.cifar10_present()):
        return spec
    return default_set.stand_in(entry.card, few)


def training_images(checkpoint: Checkpoint, shown: str) -> ImageSet | None:
    """The images that PCA is fitted on: the training images of the model if available (for CIFAR-10
    also as `shipped_pca.stand_in`), else the training split of the set `shown` (a spec), else
    `shipped_pca.stand_in`; None if there is none of them."""
    entry = checkpoint_options().get(checkpoint.name)
    own = entry.config.data.spec if entry else ""
    specs = [own if own in sources_of(entry) else ""]
    if entry is not None and default_set.is_cifar10(entry.card):
        specs.append("cifar10")
    for spec in [*specs, shown]:
        if spec == "cifar10" and not data.cifar10_present():
            if (stand_in := shipped_pca.stand_in()) is not None:
                return stand_in
            continue
        if spec in ("", UPLOADS):
            continue
        try:
            return caches.image_set(spec, "train")
        except ConvaeError:  # a set without a training split
            continue
    return shipped_pca.stand_in()

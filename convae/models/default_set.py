"""The image set that a model is shown or measured on where none is named. No torch."""

from convae import data
from convae.data import catalog
from convae.models.card import Card


def is_cifar10(card: Card) -> bool:
    """Whether a model was trained on CIFAR-10, from whichever source."""
    return card.config.data.spec == "cifar10" or {"airplane", "frog", "truck"} <= set(card.classes)


def without_cifar10(few: bool) -> str:
    """The built-in set in the place of CIFAR-10 while that is absent: `sample`, 20 images of it,
    for a purpose that needs only a few."""
    return "sample" if few else "photos"


def stand_in(card: Card, few: bool) -> str:
    """The set in the place of training images that are not on this machine."""
    if is_cifar10(card):
        return "cifar10" if data.cifar10_present() else without_cifar10(few)
    spec = card.config.data.spec
    return spec if spec in data.SPECS else "shapes"


def is_present(spec: str) -> bool:
    """Whether the images of a set are on this machine."""
    try:
        data.check_spec(spec)
    except catalog.DataError:
        return False
    return spec != "cifar10" or data.cifar10_present()


def default_set(card: Card, few: bool) -> tuple[str, str]:
    """(spec, note): the training images of a model, or their stand-in and a sentence that says so.

    few: a few images are enough."""
    own = card.config.data.spec
    if is_present(own):
        return own, ""
    spec = stand_in(card, few)
    return spec, (
        f"The training images of {card.name or 'this model'} ({own}) are not on this machine: "
        f"`{spec}` is used. --data names another set."
    )

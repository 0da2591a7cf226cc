"""The first weights of a model: those of a checkpoint, or the PCA of the training images."""

from dataclasses import asdict

import torch
from torch import Tensor

from convae.config import TrainConfig
from convae.data import ImageSet
from convae.errors import ConvaeError
from convae.evaluation.pca import pca_for, squared_errors
from convae.models import checkpoints
from convae.models.autoencoder import ConvAutoencoder
from convae.training import nested_dropout


def initialize(model: ConvAutoencoder, config: TrainConfig, training: ImageSet) -> None:
    """Give a new model its first weights: those of `init_from`, or for `residual` the PCA of the
    images it is trained on. Other architectures keep their random weights.

    From a `residual` model of another latent dimension the two networks are taken; the linear code
    starts as PCA."""
    source = checkpoints.load(config.init_from) if config.init_from else None
    same_code = source is not None and source.config.latent_dim == model.config.latent_dim
    if config.model.architecture == "residual" and not same_code:
        pca = pca_for(training)
        error = squared_errors(pca, training.images, config.model.latent_dim)[-1]
        model.start_from_pca(pca.mean, pca.components, pca.variances, error)
    if source is not None:
        start_from(model, source)


def length_weights(config: TrainConfig, training: ImageSet) -> Tensor | None:
    """`nested_dropout.length_weights` by the PCA of the training images; None without nested
    dropout."""
    if not config.model.nested_dropout:
        return None
    errors = squared_errors(pca_for(training), training.images, config.model.latent_dim)
    return nested_dropout.length_weights(errors)


def start_from(model: ConvAutoencoder, source: checkpoints.Checkpoint) -> None:
    """Give a model the weights of a checkpoint of the same kind; ConvaeError for another one.

    A model with nested dropout may start from one without it: the weights that condition its
    decoder on the code length then stay zero, so that it starts as the same model. A `residual`
    model may start from one of another latent dimension, whose linear code is then left out.
    """
    given, wanted = (
        asdict(config) | {"encoder_channels": config.channels[1]}
        for config in (source.config, model.config)
    )
    free = {"refinement_steps"} | ({"nested_dropout"} if wanted["nested_dropout"] else set())
    if wanted["architecture"] == "residual" and not wanted["variational"]:
        free.add("latent_dim")
    for name in wanted:
        if name not in free and given[name] != wanted[name]:
            raise ConvaeError(
                f"`init_from` (={source.name}) holds a model with {name} {given[name]}, but "
                f"{wanted[name]} is wanted: set {name} to {given[name]}, or start from another "
                "model."
            )
    weights = source.model.state_dict()
    if given["latent_dim"] != wanted["latent_dim"]:
        networks = {name: value for name, value in weights.items() if ".refiner." in name}
        model.load_state_dict(model.state_dict() | networks)
        return
    if "code_mean" in weights:
        model.code_mean = torch.zeros(model.config.latent_dim)
    new = {"code_mean", "decoder.refiner.by_length"} if wanted["nested_dropout"] else set()
    kept = {name: value for name, value in model.state_dict().items() if name in new}
    model.load_state_dict(kept | weights)

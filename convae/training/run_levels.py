"""The reference levels of one run, measured when it starts and kept in its folder."""

from collections.abc import Callable
from pathlib import Path

from convae.config import TrainConfig
from convae.data import ImageSet
from convae.errors import ConvaeError
from convae.evaluation.pca import pca_for
from convae.models import checkpoints
from convae.training import noise, reference_levels


def update(
    folder: Path,
    config: TrainConfig,
    training: ImageSet,
    validation: ImageSet,
    report: Callable[[str], object],
) -> None:
    """Measure the levels on the validation images, where they are missing or of other images: PCA
    fitted on the training images, and the shipped models of the same classes, with as many
    refinement steps as the run. report gets a message before each of them."""
    images = f"{training.fingerprint} {validation.fingerprint}"
    for sigma in noise.validation_sigmas(config):
        images += f" {config.corruption} noise {sigma:g}"
    if reference_levels.read(folder) and reference_levels.images_of(folder) == images:
        return
    report("Fitting the PCA baseline.")
    inputs = noise.validation_inputs(validation.images, config)
    components = min(config.model.latent_dim, training.real_dimension)
    levels = reference_levels.measure(
        config.loss, components, pca_for(training), validation.images, inputs
    )
    for entry in checkpoints.shipped():
        if _has_another_purpose(entry.config, config):
            continue
        if entry.card.classes == list(training.class_names):
            report(f"Measuring the reference level of {entry.name}.")
            try:
                model = checkpoints.load(str(entry.path))
            except ConvaeError:
                continue  # damaged weights: one level less, and no reason to end this run
            model = model.with_refinement_steps(config.model.refinement_steps)
            rebuilt = [model.reconstruct(noisy) for noisy in inputs]
            name = f"{entry.name}, {entry.config.model.latent_dim} values"
            levels[name] = reference_levels.level(config.loss, validation.images, rebuilt)
    reference_levels.write(folder, levels, images)


def _has_another_purpose(model: TrainConfig, run: TrainConfig) -> bool:
    """Whether the model is a denoiser or variational and the run is not: no level to compare."""
    denoiser = model.noise_std > 0 and not run.noise_std
    return denoiser or (model.model.variational and not run.model.variational)

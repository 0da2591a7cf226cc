"""Size, compression and training time of a configuration, before it is started."""

from dataclasses import replace

import streamlit as st

from convae import data, runs
from convae.config import TrainConfig
from convae.errors import ConvaeError
from convae.models import architectures
from convae.models.devices import device_name
from convae.training import noise, speed_probe
from convae.ui import caches, frame, model_cards, pictures


def preview(made: TrainConfig) -> None:
    """Eight images of the training data; for a denoiser both the noisy input and the target."""
    spec = made.data.spec
    if spec == "cifar10" and not data.cifar10_present():
        return
    with frame.error_boundary():
        images = caches.sample(caches.image_set(spec, "test"), 8).images
    if not made.noise_std:
        pictures.image_rows({"examples": images}, scale=2)
        return
    rows = {"noisy (input)": noise.shown_inputs(images, made), "clean (target)": images}
    pictures.image_rows(rows, scale=2)


def forecast(made: TrainConfig) -> None:
    """Size, compression, device and expected time of a run with these settings."""
    waiting = speed_of(made) is None
    st.fragment(_forecast, run_every=1 if waiting else None)(made, waiting)


def speed_of(made: TrainConfig) -> float | None:
    """Training images/s with these settings on this machine; nan if that cannot be measured, None
    until it is."""
    try:
        return speed_probe.known(made)
    except ConvaeError:
        return float("nan")


def _forecast(made: TrainConfig, waiting: bool) -> None:
    speed = speed_of(made)
    if speed is not None and waiting:
        st.rerun()  # measured: the fragment need not run every second any more
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
            "Latent dimension": f"{code:,}",
            "Compression ratio": f"{model_cards.compression_of(made.data.spec, code):.3g}:1",
            "Device": device_name(made.device),
        },
        {
            "Expected time": "From a measurement of about one second on this machine"
            + (", made when the current run has ended." if busy else ".")
            + (f" {speed:,.0f} images/s." if speed and speed == speed else ""),
            "Compression ratio": f"An image has {data.real_dimension(made.data.spec):,} "
            f"numbers, its code {code:,}.",
        },
    )


def estimated_s(made: TrainConfig) -> float | None:
    """Seconds that a run with these settings takes; None where the speed is not known.

    The speed is that of a measurement, or else of the latest run with the same network and batches,
    whatever its latent dimension.
    """
    speed = speed_of(made)
    if speed is None:
        speed = next((s for run in runs.listing()[:20] if (s := _speed_of_run(run, made))), None)
    if speed is None or speed != speed:
        return None
    return speed_probe.estimate_s(made, image_count(made), speed, test_image_count(made))


def _speed_of_run(run: runs.Run, made: TrainConfig) -> float:
    """Training images/s of this run; 0 where its network or its batches differ."""
    if run.damage() or run.uploaded:
        return 0.0
    other = run.config()
    names = ("batch_size", "device", "precision")
    alike = replace(other.model, latent_dim=made.model.latent_dim) == made.model
    if not alike or any(getattr(other, name) != getattr(made, name) for name in names):
        return 0.0
    return run.status().images_per_s


def image_count(made: TrainConfig) -> int:
    """Number of training images."""
    spec = made.data.spec
    whole = speed_probe.IMAGES.get(spec) or len(caches.image_set(spec, "train"))
    return min(made.data.limit or whole, whole)


def test_image_count(made: TrainConfig) -> int:
    """Number of images for the final test figures; 0 without a test split."""
    spec = made.data.spec
    if spec in speed_probe.TEST_IMAGES:
        return speed_probe.TEST_IMAGES[spec]
    return len(caches.image_set(spec, "test")) if "test" in data.splits(spec) else 0


def roughly(seconds: float) -> str:
    """25 s, 4 min, 2.5 h: a duration rounded to the precision of a forecast."""
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

"""Before the first step a run shows its images and the model as it starts: epoch 0."""

import numpy as np

from convae import runs
from convae.flat_config import from_flat
from convae.models import checkpoints
from convae.runs import snapshots
from convae.training import session


def test_epoch_0_is_the_untrained_model_on_the_images_of_all_epochs(tiny_data, monkeypatch):
    made = []
    take = snapshots.Recorder.take

    def record(recorder, epoch, model, *rest):
        was_training = model.training
        made.append((epoch, model.eval().reconstruct(recorder.images[: snapshots.PINNED])))
        model.train(was_training)
        take(recorder, epoch, model, *rest)

    monkeypatch.setattr(snapshots.Recorder, "take", record)
    small = dict(architecture="residual", latent_dim=4, base_channels=8, epochs=2)
    config = from_flat(dict(spec=tiny_data) | small)
    run = runs.claim(config, "zero")
    assert session.TrainingSession(run).execute().state == "done"
    folder = run.path / "snapshots"
    assert snapshots.epochs(folder) == [0, 1, 2]
    pinned = snapshots.pinned(folder)[0]
    zero, last = snapshots.read(folder, 0), snapshots.read(folder, 2)
    assert np.array_equal(zero.rebuilt, made[0][1]) and made[0][0] == 0
    assert not np.array_equal(zero.rebuilt, last.rebuilt)
    trained = checkpoints.load(str(run.path))
    assert not np.array_equal(zero.rebuilt, trained.reconstruct(pinned))

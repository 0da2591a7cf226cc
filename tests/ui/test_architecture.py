"""The picture of the architecture on the Overview."""

import numpy as np
import pytest

from convae.config import ModelConfig
from convae.models.autoencoder import ConvAutoencoder
from convae.ui.overview import architecture
from tests.support.visiting import healthy, visit


@pytest.mark.parametrize("name", ["classic", "strided", "residual"])
def test_blocks_hold_every_layer_and_every_parameter(name):
    model = ConvAutoencoder(ModelConfig(name, latent_dim=16, base_channels=8)).eval()
    layers = model.layers(np.zeros((32, 32, 3), np.uint8))
    blocks = architecture.blocks_of(layers)
    assert sum(len(block.layers) for block in blocks) == len(layers)
    assert sum(block.parameters for block in blocks) == model.parameter_count
    assert [b.shape for b in blocks if b.half == "encoder"][-1] == (16,)
    assert blocks[-1].shape == (3, 32, 32)
    svg = architecture.drawing(blocks, 16)
    assert svg.count("<rect") == len(blocks) + 2  # the image and the code
    assert all(block.layers[0] in svg for block in blocks)


def test_the_classic_model_narrows_to_the_code_and_widens_again():
    model = ConvAutoencoder(ModelConfig("classic", latent_dim=16, base_channels=8)).eval()
    blocks = architecture.blocks_of(model.layers(np.zeros((32, 32, 3), np.uint8)))
    sizes = {half: [b.shape[1] for b in blocks if b.half == half and len(b.shape) == 3]
             for half in ("encoder", "decoder")}  # fmt: skip
    assert sizes == {"encoder": [32, 16, 8, 4], "decoder": [4, 8, 16, 32]}


def test_the_overview_draws_the_architecture_and_keeps_the_table(tiny_checkpoint):
    app = healthy(visit())
    drawn = [element.proto.json for element in app.get("bidi_component")]
    assert any("<svg" in data and "around a code of 8 values" in data for data in drawn)
    assert len(app.dataframe[0].value) > 10

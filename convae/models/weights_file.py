"""model.safetensors: the weights of a network as bytes, and back, with every check in between.

No pickle is involved: the file may come from anybody.
"""

import safetensors
import safetensors.torch
import torch

from convae.config import ModelConfig
from convae.errors import CheckpointError
from convae.models.architectures import without_values
from convae.models.autoencoder import ConvAutoencoder

MAX_BYTES = 50 * 2**20
MAX_HEADER = 2**20
DTYPES = ("F32", "F16", "BF16")


def dump(model: ConvAutoencoder, half: bool = False) -> bytes:
    """The weights as a safetensors file; ``half`` stores float16, which loads as float32."""
    tensors = {
        name: t.detach().to("cpu", torch.float16 if half and t.is_floating_point() else None)
        .contiguous(memory_format=torch.contiguous_format)
        for name, t in model.state_dict().items()
    }  # fmt: skip
    return safetensors.torch.save(tensors)


def load(weights: bytes, config: ModelConfig) -> ConvAutoencoder:
    """The network of these settings with these weights; CheckpointError where they do not fit or
    are not finite."""
    with without_values():
        model = ConvAutoencoder(config)
    expected = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    check(weights, expected, {"code_mean": (config.latent_dim,)})
    tensors = {
        name: tensor.float() if tensor.is_floating_point() else tensor.clone()
        for name, tensor in safetensors.torch.load(weights).items()
    }
    model.code_mean = tensors.get("code_mean")
    for key, tensor in tensors.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise CheckpointError(f"Tensor `{key}` holds values that are not finite numbers.")
    model.load_state_dict(tensors, strict=True, assign=True)
    return model


def check(
    weights: bytes,
    expected: dict[str, tuple[int, ...]],
    optional: dict[str, tuple[int, ...]] | None = None,
) -> None:
    """Size, header, names, shapes and types of a safetensors file, before anything is allocated.

    expected, optional: names and shapes of the tensors that must and that may be there.
    """
    if len(weights) > MAX_BYTES:
        raise CheckpointError(
            f"The weights take {len(weights) / 2**20:.0f} MB; the limit is 50 MB."
        )
    if len(weights) < 8 or int.from_bytes(weights[:8], "little") > min(
        MAX_HEADER, len(weights) - 8
    ):
        raise CheckpointError("This is not a safetensors file, or it is incomplete.")
    try:
        result = {name: entry for name, entry in safetensors.deserialize(weights)}
    except safetensors.SafetensorError as error:
        raise CheckpointError(f"This safetensors file is damaged: {str(error)[:200]}.") from None
    expected = expected | {name: s for name, s in (optional or {}).items() if name in result}
    for name in sorted(set(expected) ^ set(result)):
        what = "is missing" if name in expected else "belongs to another model"
        raise CheckpointError(f"Tensor `{name[:80]}` {what}: weights and card do not fit together.")
    for name, shape in expected.items():
        entry = result[name]
        if tuple(entry["shape"]) != shape:
            raise CheckpointError(
                f"Tensor `{name}` has shape {tuple(entry['shape'])}, the card asks for {shape}."
            )
        possible = ("I64",) if name.endswith("num_batches_tracked") else DTYPES
        if entry["dtype"] not in possible:
            raise CheckpointError(
                f"Tensor `{name}` has type {entry['dtype']}; it must be {' or '.join(possible)}."
            )

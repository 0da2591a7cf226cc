"""Bad checkpoints: weights, cards, resume states, and both in one file."""

import hashlib
import io
import json
import pickle
from typing import TYPE_CHECKING

import safetensors.torch
import torch

from tests.drills.hand_made.archives import member, zipped
from tests.drills.hand_made.payload import DEEP, Inputs, Payload

if TYPE_CHECKING:
    from tests.drills.readers import Readers


def _torch(value: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def weights(valid: bytes) -> Inputs:
    length = int.from_bytes(valid[:8], "little")
    header, body = json.loads(valid[8 : 8 + length]), valid[8 + length :]

    def file(changed: object, content: bytes = body) -> bytes:
        packed = changed if isinstance(changed, bytes) else json.dumps(changed).encode()
        return len(packed).to_bytes(8, "little") + packed + content

    name = next(key for key in header if key.endswith("weight"))
    tensors = safetensors.torch.load(valid)
    changed = {"nan": torch.nan, "inf": torch.inf}
    return {
        "empty": b"",
        "a pickle": pickle.dumps(Payload()),
        "a torch file": _torch(tensors),
        "header of 2^63": b"\xff" * 8 + valid[8:],
        "no header": file(b""),
        "a list": file(b"[]"),
        "deep": file(DEEP),
        "no tensors": file({}, b""),
        "a body too short": valid[:-4],
        "a body too long": valid + bytes(4),
        "a tensor twice": file(
            b"{" + json.dumps(header)[1:-1].encode() + b"," + json.dumps(header)[1:].encode()
        ),
        "offsets beyond": file(header | {name: header[name] | {"data_offsets": [0, 2**60]}}),
        "offsets overlap": file(header | {name: header[name] | {"data_offsets": [0, 4]}}),
        "a huge shape": file(header | {name: header[name] | {"shape": [2**40, 2**40]}}),
        "a negative shape": file(header | {name: header[name] | {"shape": [-1]}}),
        "another type": file(header | {name: header[name] | {"dtype": "F64"}}),
        "an unknown type": file(header | {name: header[name] | {"dtype": "EVIL"}}),
        "one tensor more": safetensors.torch.save(tensors | {"../evil": torch.zeros(1)}),
        **{
            key: safetensors.torch.save(tensors | {name: torch.full_like(tensors[name], value)})
            for key, value in changed.items()
        },
    }


def bundles(readers: "Readers") -> Inputs:
    card = readers.facts

    def model(changed: object = card, content: bytes = readers.weights, **more: bytes) -> bytes:
        text = changed if isinstance(changed, bytes) else json.dumps(changed).encode()
        members = {"card.json": text, "model.safetensors": content} | more
        return zipped(*(member(name, data) for name, data in members.items()))

    def settings(**changes: object) -> dict:
        return card | {"config": card["config"] | {"model": card["config"]["model"] | changes}}

    return {
        "a pickle": pickle.dumps(Payload()),
        "a torch file": _torch({"a": torch.zeros(2)}),
        "a text": b"hello",
        "empty": b"",
        "empty zip": zipped(),
        "card alone": zipped(member("card.json", b"{}")),
        "weights alone": zipped(member("model.safetensors", readers.weights)),
        "weights without a card": readers.weights,
        "card is a list": model([]),
        "card is deep": model(DEEP),
        "no config": model({}),
        "config is a list": model(card | {"config": []}),
        "unknown setting": model(card | {"config": {"evil": 1}}),
        "newer": model(card | {"format": 99}),
        "huge dimension": model(settings(latent_dim=10**12)),
        "huge width": model(settings(base_channels=128, latent_dim=1024)),
        "another architecture": model(settings(architecture="__import__('os')")),
        "other weights": model(content=bytes(1000)),
        "wrong digest": model(card | {"sha256": "0" * 64}),
        "name is a path": model(card | {"name": "../../../tmp/evil"}),
        "name is a list": model(card | {"name": []}),
        "long name": model(card | {"name": "x" * 10**6}),
        "name in other letters": model(card | {"name": "\u202e\u0000<b>"}),
        "data of another machine": model(
            card | {"config": card["config"] | {"data": {"spec": "folder:/etc"}}}
        ),
        "start from a file": model(
            card | {"config": card["config"] | {"init_from": "/etc/passwd"}}
        ),
        "not finite": model(json.dumps(card).replace("12.5", "NaN").encode()),
        "60 members": model(**{f"{n}.txt": b"" for n in range(60)}),
        "path upward": zipped(
            member("../card.json", json.dumps(card).encode()),
            member("../../model.safetensors", readers.weights),
        ),
    }


def cards(facts: dict) -> Inputs:
    return {
        "empty": b"",
        "a list": b"[]",
        "deep": DEEP,
        "not UTF-8": b"\xff\xfe",
        "a number": b"5",
        "NaN": json.dumps(facts).replace("12.5", "NaN").encode(),
        "no config": b'{"name": "mine"}',
        "another digest": json.dumps(facts | {"sha256": hashlib.sha256(b"").hexdigest()}).encode(),
        "digest is a list": json.dumps(facts | {"sha256": [1]}).encode(),
        "figures are texts": json.dumps(facts | {"metrics": {"test": {"psnr": "high"}}}).encode(),
        "newer": json.dumps(facts | {"format": 99}).encode(),
        "no digest": json.dumps(facts | {"format": 2}).encode(),
        "digest of another card": json.dumps(facts | {"format": 2, "digest": "0" * 64}).encode(),
        "own digest is a list": json.dumps(facts | {"format": 2, "digest": [1]}).encode(),
        "NaN below a digest": b'{"config": {}, "x": NaN, "digest": "0"}',
        "deep below a digest": b'{"digest": "0", "x": ' + b"[" * 900 + b"]" * 900 + b"}",
        "format is a text": json.dumps(facts | {"format": "x"}).encode(),
    }


def states(png_zip: bytes) -> Inputs:
    return {
        "pickle": pickle.dumps(Payload()),
        "torch pickle": _torch(Payload()),
        "empty": b"",
        "a number": _torch(3),
        "a zip": png_zip,
    }

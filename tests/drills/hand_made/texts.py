"""Bad texts: histories, settings, statuses, descriptions of kept sets, and addresses."""

import json

from tests.drills.hand_made.payload import DEEP, Inputs


def histories(valid: bytes) -> Inputs:
    line = valid.split(b"\n")[0]
    return {
        "torn last line": valid[:-20],
        "torn first line": valid[20:],
        "zeros": bytes(4096) + b"\n" + valid,
        "deep": DEEP + b"\n" + valid,
        "long line": b'"' + b"x" * 2_000_000 + b'"\n' + valid,
        "lists": b"[1]\n" * 9,
        "NaN": line.replace(b"10.0", b"NaN") + b"\n",
        "infinite": line.replace(b"10.0", b"1e999") + b"\n",
        "texts": line.replace(b"10.0", b'"x"') + b"\n",
        "negative steps": line.replace(b'"step": 5', b'"step": -5') + b"\n",
        "an epoch twice": (line + b"\n") * 3,
        "backward": b"\n".join(reversed(valid.split(b"\n"))) + b"\n",
        "not UTF-8": b"\xff\xfe\n" + valid,
        "surrogates": line.replace(b"{", b'{"what": "\\ud800", ', 1) + b"\n",
        "windows lines": valid.replace(b"\n", b"\r\n"),
    }


def configs() -> Inputs:
    texts = (
        "",
        "[]",
        "5",
        "null",
        "{",
        "NaN",
        '{"epochs": NaN}',
        '{"epochs": 1e999}',
        '{"epochs": "10"}',
        '{"epochs": -1}',
        '{"epochs": 10.5}',
        '{"epochs": true}',
        '{"epochs": 99999999999999999999999}',
        '{"evil": 1}',
        '{"data": "shapes"}',
        '{"data": {"spec": ""}}',
        '{"data": {"spec": "\\ud800"}}',
        '{"model": {"latent_dim": 1e400}}',
        '{"model": {"base_channels": 9}}',
        '{"model": []}',
        "{\"learning_rate\": \"__import__('os').system('id')\"}",
        '{"seed": -1}',
        '{"loss": "exec"}',
        '{"noise_range": true}',
        '{"__class__": "os.system"}',
    )
    return {text: text.encode() for text in texts} | {"deep": DEEP, "not UTF-8": b"\xff\xfe{}"}


def statuses() -> Inputs:
    return {
        "a list": b"[]",
        "deep": DEEP,
        "not UTF-8": b"\xff\xfe{}",
        "other types": b'{"state": 5, "epoch": "x", "message": {}}',
        "newer": b'{"format": 99}',
        "large numbers": b'{"state": "done", "epoch": 1e400}',
    }


def kept_sets() -> Inputs:
    return {
        "count too large": _kept(count=10**9),
        "negative": _kept(count=-2),
        "text": _kept(count="2"),
        "a path": _kept(split="../../../etc/passwd"),
        "no names": b"{}",
        "names of other types": _kept(names=[1, None]),
    }


def _kept(count: object = 2, split: str = "test", names: object = ("a",)) -> bytes:
    about = {
        "class_names": list(names),
        "unreadable": 0,
        "splits": {split: {"count": count, "fingerprint": "ab"}},
    }
    return json.dumps(about).encode()


def addresses() -> Inputs:
    texts = (
        "latent-seed=inf",
        "latent-seed=nan",
        "latent-seed=1e309",
        "latent-seed=",
        "latent-seed=-1e9",
        "latent-seed=1_0",
        "latent-n_neighbors=0x10",
        "latent-method=__import__('os')",
        "train-run=../../etc/passwd",
        "train-run=%00",
        "model=<script>alert(1)</script>",
        "data=folder:/etc",
        "data=npz:/etc/passwd",
        "data=own:../../x",
        "data=%ff%fe",
        "latent-selection=eJz~",
        "latent-selection=" + "A" * 5000 + "~",
        "latent-spot=nan~nan~x",
        "present=2",
        "reconstruct-which=" + "x" * 100_000,
        "&&&===&",
        "a[]=1&a[]=2",
        "train-chosen=a&train-chosen=%3Cb%3E",
        "denoise-strength-gaussian=1;2",
        "data=javascript:alert(1)",
        "data=%E2%80%AEtxt",
        "tour-step=[x](http://evil.example)",
    )
    return {text[:60]: text.encode() for text in texts}

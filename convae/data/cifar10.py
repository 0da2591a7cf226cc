"""CIFAR-10: downloaded once, unpacked without trusting the archive, kept as a memory map.

Learning Multiple Layers of Features from Tiny Images, Alex Krizhevsky, 2009.
"""

import os
import shutil
import tarfile
import warnings
from pathlib import Path

import numpy as np

from convae.data import disk_cache, download
from convae.errors import DataError

URLS = (
    "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
    "https://dataset.bj.bcebos.com/cifar/cifar-10-python.tar.gz",  # the same file, for Paddle users
)
SIZE = 170_498_071
SHA256 = "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"
BATCHES = (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch", "batches.meta")
MAX_BATCH_BYTES = 40 * 2**20


def archive() -> Path:
    return disk_cache.data_dir() / "cifar-10-python.tar.gz"


def _folder() -> Path:
    return disk_cache.data_dir() / "cifar-10-batches-py"


def _unpacked() -> bool:
    return all((_folder() / name).is_file() for name in BATCHES)


def present() -> bool:
    """Whether CIFAR-10 can be loaded without a download."""
    return disk_cache.opened("cifar10") is not None or _unpacked()


def fetch(progress: disk_cache.Progress | None = None) -> Path:
    """Download, verify and unpack CIFAR-10 into CONVAE_DATA_DIR, unless it is there; the folder.

    From CONVAE_CIFAR10_URL alone if that is set, else from URLS. An archive that somebody has put
    into the folder is verified and used. A second process waits for the first.
    """
    folder = disk_cache.data_dir()
    if present():
        return folder
    own = os.environ.get("CONVAE_CIFAR10_URL")
    with disk_cache.writing_to(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with disk_cache.locked(folder / "cifar10.lock", progress):
            if present():
                return folder
            if archive().is_file():  # its checksum is verified like that of a new download
                archive().replace(archive().with_name(archive().name + ".part"))
            download.fetch((own,) if own else URLS, archive(), SIZE, SHA256, progress)
            _unpack(progress)
            archive().unlink()
    return folder


def _unpack(progress: disk_cache.Progress | None) -> None:
    """Extract only the files with known names from the archive, only into the target folder."""
    part = _folder().with_name(_folder().name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    result = 0
    try:
        with tarfile.open(archive(), "r:gz") as members:
            for member in members:
                name = member.name.rsplit("/", 1)[-1]
                if name in BATCHES and member.isreg() and member.size <= MAX_BATCH_BYTES:
                    (part / name).write_bytes(members.extractfile(member).read())
                    result += 1
                    if progress:
                        progress(result, len(BATCHES), "unpacking CIFAR-10")
    except (tarfile.TarError, EOFError):
        result = 0
    if result < len(BATCHES):
        shutil.rmtree(part, ignore_errors=True)
        archive().unlink()
        raise DataError("The CIFAR-10 archive is not complete and was deleted: download it again.")
    shutil.rmtree(_folder(), ignore_errors=True)
    part.rename(_folder())


def open_set(progress: disk_cache.Progress | None = None) -> disk_cache.KeptSet:
    """CIFAR-10, in its own order: 50,000 images to train on, 10,000 to test on."""
    if not present():
        raise DataError(
            "CIFAR-10 is not here yet: run `python -m convae download` or press the download "
            "button (170 MB)."
        )

    def fill(writer: disk_cache.SetWriter) -> tuple[str, ...]:
        from torchvision.datasets import CIFAR10

        class_names = ()
        for number, split in enumerate(("train", "test")):
            if progress:
                progress(number, 2, "reading CIFAR-10")
            try:
                with warnings.catch_warnings():
                    # numpy 2.4.0 to 2.4.4 remark on how a numpy of 2009 wrote a dtype
                    warnings.simplefilter("ignore", np.exceptions.VisibleDeprecationWarning)
                    result = CIFAR10(disk_cache.data_dir(), train=split == "train")
            except (RuntimeError, ValueError, EOFError):
                raise DataError(
                    f"The CIFAR-10 files in {_folder()} are damaged: delete that folder and "
                    "download it again."
                ) from None
            writer.add(split, result.data, result.targets)
            class_names = tuple(result.classes)
        return class_names

    return disk_cache.kept("cifar10", fill, progress)

"""Image sets by name: `data.load("cifar10", "test")` gives an `ImageSet`.

catalog      every image set by its specification: load, splits, ImageSet
sample       the first 20 CIFAR-10 test images
builtin      shapes, digits: drawn when needed
photographs  photos: crops of the photographs that scikit-learn and scikit-image ship
cifar10      CIFAR-10: read, checked; download: fetched with progress
image_folder folders, zip and tar archives of images
corruptions  noise, blur and masks with a strength
uploads      uploaded images and zips, within fixed limits
own_sets     labels and splits of uploaded images; sets kept on this machine
decoding     one image file to 32x32 pixels, within limits of memory and time
large_images whether there is memory for a large image
zips         the number of entries of a zip, read before it is parsed
disk_cache   decoded sets kept on disk as memory maps
"""

from convae.data.catalog import (
    MAX_CLASSES,
    SPECS,
    SPLITS,
    TRAINING_SPECS,
    VALUES,
    ImageSet,
    Progress,
    check_spec,
    cifar10_present,
    download_cifar10,
    load,
    real_dimension,
    splits,
    stamp,
)
from convae.data.corruptions import CORRUPTIONS, corrupt

__all__ = [
    "CORRUPTIONS",
    "MAX_CLASSES",
    "SPECS",
    "SPLITS",
    "TRAINING_SPECS",
    "VALUES",
    "ImageSet",
    "Progress",
    "check_spec",
    "cifar10_present",
    "corrupt",
    "download_cifar10",
    "load",
    "real_dimension",
    "splits",
    "stamp",
]

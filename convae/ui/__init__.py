"""Everything Streamlit that pages share: the frame, the pickers, the caches, the pictures.

    frame      page, menu, error_boundary, download, progress: what is around every page
    pickers    pick_checkpoint, pick_images, pick_one: choices that all pages share and a URL keeps
    caches     models, image sets, codes and PCAs, shared by all sessions and never changed
    pictures   image_rows, large_image, journey: images as people see them, crisp on any screen

A page reads ``ui.page(...)`` first, then picks, then shows. No algorithm lives here.
"""

from convae.ui.caches import codes_of, image_set, load_checkpoint, measured, pca_of
from convae.ui.frame import download, error_boundary, page, progress
from convae.ui.pickers import (
    checkpoint_options,
    choose_checkpoint,
    describe,
    pick_checkpoint,
    pick_images,
    pick_one,
    spec_name,
)
from convae.ui.pictures import image_rows, journey, large_image

__all__ = [
    "checkpoint_options",
    "choose_checkpoint",
    "codes_of",
    "describe",
    "download",
    "error_boundary",
    "image_rows",
    "image_set",
    "journey",
    "large_image",
    "load_checkpoint",
    "measured",
    "page",
    "pca_of",
    "pick_checkpoint",
    "pick_images",
    "pick_one",
    "progress",
    "spec_name",
]

"""Everything Streamlit that pages share: the frame, the pickers, the caches, the pictures.

    frame      page, menu, error_boundary, download, progress: what is around every page
    pickers    pick_checkpoint, pick_images, pick_one: choices that all pages share and a URL keeps
    caches     models, image sets, codes and PCAs, shared by all sessions and never changed
    pictures   image_rows, large_image, journey: images as people see them, crisp on any screen
    keyframes  pick_ground, pick_keyframes: what to walk between, chosen by clicks
    walking    settings, walks, knobs and files of the Interpolate page
    scrubber   walks under a slider that moves in the browser
    training_form, live, run_table, time_machine: what the Train page is made of

A page reads ``ui.page(...)`` first, then picks, then shows. No algorithm lives here.
"""

from convae.ui.caches import codes_of, image_set, load_checkpoint, pca_of, rebuilt_of, sample
from convae.ui.escape import plain
from convae.ui.frame import (
    download,
    error_boundary,
    figures,
    follow,
    link,
    next_pages,
    page,
    progress,
    section_links,
)
from convae.ui.pickers import (
    checkpoint_options,
    choose_checkpoint,
    describe,
    many_images,
    measured_on,
    models_table,
    offer_cifar10,
    pick_checkpoint,
    pick_images,
    pick_one,
    pick_rows,
    pick_set,
    psnr_of,
    spec_name,
    trained_on,
)
from convae.ui.pictures import error_picture, image_rows, journey, large_image, sheet_png

__all__ = [
    "checkpoint_options",
    "choose_checkpoint",
    "codes_of",
    "describe",
    "download",
    "error_boundary",
    "error_picture",
    "figures",
    "follow",
    "image_rows",
    "image_set",
    "journey",
    "large_image",
    "link",
    "load_checkpoint",
    "many_images",
    "models_table",
    "next_pages",
    "offer_cifar10",
    "page",
    "pca_of",
    "pick_checkpoint",
    "pick_images",
    "pick_one",
    "pick_rows",
    "pick_set",
    "plain",
    "progress",
    "measured_on",
    "psnr_of",
    "rebuilt_of",
    "sample",
    "section_links",
    "sheet_png",
    "spec_name",
    "trained_on",
]

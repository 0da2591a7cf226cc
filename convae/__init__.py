"""A convolutional autoencoder to look at: the package behind the app.

errors       what a user can cause, in sentences
config       one experiment, described once
decoding     one image file to 32x32 pixels, within bounds of memory and time
images       uint8 <-> float, uploads, contact sheets
data         image sets: CIFAR-10, folders, built-in ones (store, folders, download, builtin)
model        encoder, bottleneck, decoder
correction   codes pulled, after the encoder, to where the decoder errs less
codes        the codes of many images, kept on disk
metrics      MSE, PSNR, SSIM, ROC, neighbours
pca          the straw man with as many values
baselines    JPEG, WebP and codes in few bits: the straw men as small
methods      a checkpoint and its straw men, ready to be compared
csv_export   tables as CSV text that no spreadsheet evaluates
evaluation   the table of them all on the same images
latent       paths, neighbours, directions, priors
typicality   how far a code is from the manifold of real codes, as a percentile
keyframes    what walks go through, in words; walks: their frames; steering: sums and knobs
projection   2-D and 3-D maps of codes: made, kept, walked both ways
durations    what steps of a job took on this machine, for the next forecast
mapjobs      a worker process that draws a UMAP; mapguests: one that is asked about it
truth        what a map keeps of the code space
colourings   groups among codes, and how odd a code is
recipe       losses, optimizers, schedules; devices: where they run
trainer      a model in training: one step, one validation, its whole state
train        the training loop, a generator
runs         one run folder: claim, start, follow, stop
resuming     what is checked and written before a run goes on
records      what the files of a run say, without what is damaged in them
background   processes that outlive their starter, and locks; files: whole or not at all
launch       what torchrun says of the processes that train together
shared       what is set for the whole process, and wanted by several threads at once
worker       a run, carried out
checkpoints  model.safetensors + card.json
zips         how many entries a zip has, read before it is parsed
plots        arrays in, figures out
ui           everything Streamlit

Importing this package imports nothing heavy; take the module you need.
"""

import os

# Threads that wait for each other by spinning stall one another where cores are shared, as they are
# between the app and a training; set before torch is imported, and never over a wish of the user's.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__version__ = "0.1.0"

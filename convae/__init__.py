"""A convolutional autoencoder to look at: the package behind the app.

data        image sets by name: CIFAR-10, built-in sets, folders, uploads
models      the networks, their checkpoints and what they run on
training    from a TrainConfig to a checkpoint
runs        run folders, without torch: start, follow, stop
evaluation  PSNR and SSIM; the baselines: PCA, JPEG, WebP
latent      the geometry of codes: paths, neighbors, directions, priors
projection  2-D and 3-D maps of codes
tasks       what a model is used for: denoising, anomalies, generation, features
plots       arrays in, plotly figures out
ui          everything Streamlit

config          the settings of a training run; form, command line and JSON are made from them
flat_config     these settings as one flat dict
settings        fields with help, unit and range, their checks, reading them from plain values
codec           the type of a trained model, without torch
errors          what a user can cause, in one sentence
images          uint8 images <-> batches; PNG, GIF, contact sheets
files           atomic writes, folders; processes: detached processes and file locks
jobs            a folder, its lock, its status file and the process that works on it
cached_files    what is computed once, kept on disk up to a size
parsed_files    files that are read again only after they changed
limits          what the server allows
records         damaged or foreign records, read without failing
progress        progress bars on a terminal; wording: numbers in sentences
csv_export      tables as CSV text that no spreadsheet evaluates
process_state   settings of the whole process that several threads need at once
model_commands  the commands about models and data
task_commands   the commands of the tasks; task_parsers: their arguments
queue_commands  the commands sweep and queue; queue_parsers: their arguments
setting_flags   the settings of a run as options; option_types: checked values of other options
torchrun        rank and number of the processes that train together

Importing this package imports nothing heavy; import the module you need.
"""

import os

# Threads that wait for each other by spinning stall one another where cores are shared, as they are
# between the app and a training. Set before torch is imported; a setting of the user's stays.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__version__ = "0.1.0"

"""A convolutional autoencoder to look at: the package behind the app.

errors       what a user can cause, in sentences          config       one experiment, described once
images       uint8 <-> float, uploads, contact sheets     data         CIFAR-10, folders, built-in sets
model        encoder, bottleneck, decoder                 metrics      MSE, PSNR, SSIM
baselines    PCA and JPEG at the same size                latent       paths, neighbours, directions
projection   2-D maps of codes                            train        the training loop, a generator
runs         one run folder: start, follow, stop          checkpoints  model.safetensors + card.json
plots        arrays in, figures out                       ui           everything Streamlit

Importing this package imports nothing heavy; take the module you need.
"""

__version__ = "0.1.0"

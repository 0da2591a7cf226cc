"""Numbers about reconstructions, and the baselines they are compared with.

metrics       MSE, PSNR, SSIM, ROC, spectra
pca           the best linear code of the same latent dimension
codecs        JPEG and WebP at a given size
quantization  latent values in few bits; PSNR over bytes
compressors   a checkpoint and its baselines behind one interface
compare       the table of all of them on the same images
"""

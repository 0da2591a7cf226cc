"""Training: from a TrainConfig to a checkpoint.

trainer           model, optimizer and counters: one step, one validation, the whole state
loop              the training loop, a generator of records
session           one run from start to end: data, files, signals, status
forward           what happens to a batch in training only
optim             losses, optimizers, schedules
noise             the noise of a denoising autoencoder, in training and in validation
nested_dropout    lengths of codes that are drawn, and what they weigh
variational       the KL divergence and its balance
reference_levels  what the loss chart is compared with: PCA, shipped models
speed_probe       images per second on this machine, for the estimate before a start
tensorboard       the same records as TensorBoard events
"""

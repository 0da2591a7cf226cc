"""Training: from a TrainConfig to a checkpoint.

session           one training session from start to end: data, files, signals, status
splits            the images trained on and the validation images
initial_weights   first weights: a checkpoint's, or PCA
trainer           model, optimizer and counters: one step, one epoch, the whole state
loop              the training loop, a generator of reports
reports           what the loop reports (EpochRecord, Progress, Event, Ended) and Requests
batches           what is drawn for each step: order, flips, shifts, noise, code lengths
objective         the loss of a batch
validation        loss and PSNR on the validation images
schedule          the learning rate over a run
optim             losses per batch and per image; optimizers
clipping          gradient clipping
forward           the forward pass in training
noise             the noise of a denoising autoencoder, in training and in validation
nested_dropout    random code lengths and their weights
variational       the KL divergence and its weight
reproducible      seeds and number of threads
run_card          the card of a run: settings, data, machine, figures
run_levels        measures the reference levels of a run
reference_levels  baselines beside a loss curve: PCA, shipped models
failures          the state and the message of a failed training
speed_probe       images per second on this machine, for the estimate before a start
tensorboard       the same records as TensorBoard events
"""

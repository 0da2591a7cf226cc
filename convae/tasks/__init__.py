"""What a trained model is used for; each task is compared with strong baselines.

denoising       corrupted images restored by a model and by classical methods
filters         the classical methods and their tuned parameters
anomaly         images unlike normal ones: the scores of a detector
anomaly_groups  which images are normal and which are suspects
generation      new images from codes that a prior draws
evidence        which difference names a winner
merits          precision, recall, density, coverage and near copies of new images
features        classes from codes: linear probe and nearest neighbors
probe_verdict   which of these features classify best, in words
probe_results   results of `features` on disk, and those shipped with the models
dimensionality  how many dimensions of a code are in use
separation      how well a score separates two groups: AUROC, curves, thresholds
"""

"""What a trained model is used for; each task stands beside the baselines that usually win.

denoising       corrupted images restored by a model and by classical methods
filters         the classical methods and their tuned parameters
anomaly         images unlike normal ones: the scores of a detector
anomaly_groups  which images are normal and which are suspects
separation      how well a score separates two groups: AUROC, curves, thresholds
"""

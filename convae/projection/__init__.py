"""2-D and 3-D maps of codes.

maps          PCA and UMAP projections, and their cache on disk
fidelity      how faithful a map is: trustworthiness, neighborhood preservation
umap_job      a process that computes a UMAP
umap_service  questions to a fitted UMAP, answered by a process of its own: umap_server
time_limit    ends a process of these that takes too long
durations     measured times of earlier jobs, for the next estimate
"""

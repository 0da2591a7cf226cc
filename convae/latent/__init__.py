"""The geometry of codes: float32 (N, latent_dim) arrays in, arrays out.

paths         straight lines, arcs and splines between codes
neighbors     nearest neighbors, paths along the neighbor graph
directions    principal directions, sums and differences of codes
priors        Gaussian and Gaussian mixture fitted to codes
keyframes     what a path goes through, in words; interpolation: its frames
typicality    distance from the real codes, as a percentile
clustering    groups among codes
encode_cache  the codes of many images, kept on disk
"""

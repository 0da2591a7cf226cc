"""Time and memory of this project's PCA fit beside that of scikit-learn, one process each.

    python -m benchmarks.pca --data SPEC [--counts 10000 50000]

Each fit runs in a process of its own with one BLAS thread: convae's `fit_pca` (blocks of uint8
images), and scikit-learn's PCA with svd_solver="covariance_eigh" on float32 and float64 arrays,
whose conversion from uint8 is part of the time. The peak is that of the whole process, with the
interpreter, the libraries and the images in it.
"""

import argparse
import os
import resource
import subprocess
import sys
import time

import numpy as np

METHODS = ("convae", "scikit-learn float32", "scikit-learn float64")
COMPONENTS = 1_024
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def fit(method: str, spec: str, count: int) -> str:
    """Fits one PCA in this process and returns its row of the table in Markdown."""
    from convae import data
    from convae.evaluation.pca import fit_pca

    images = np.ascontiguousarray(data.load(spec, "train").images[:count])
    if method != "convae":
        from sklearn.decomposition import PCA  # not before: its import counts in the peak

    wall, cpu = time.perf_counter(), time.process_time()
    if method == "convae":
        fit_pca(images, COMPONENTS)
    else:
        dtype = np.dtype(method.split()[1])
        pixels = images.reshape(len(images), -1).astype(dtype) / dtype.type(255)
        PCA(COMPONENTS, svd_solver="covariance_eigh").fit(pixels)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # KiB; bytes on macOS
    peak_mb = peak / 2**20 if sys.platform == "darwin" else peak / 2**10
    return f"| {method} | {len(images):,} | {wall:.1f} | {cpu:.1f} | {peak_mb:,.0f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="images to fit to: the training split")
    parser.add_argument("--counts", type=int, nargs="+", default=[10_000, 50_000])
    parser.add_argument("--method", choices=METHODS, help="fit this one in this process")
    options = parser.parse_args()
    if options.method:
        print(fit(options.method, options.data, options.counts[0]))
        return
    print("| PCA | images | wall (s) | CPU (s) | peak (MB) |\n|---|---|---|---|---|", flush=True)
    for count in options.counts:
        for method in METHODS:
            command = [sys.executable, "-m", "benchmarks.pca", "--data", options.data]
            command += ["--counts", str(count), "--method", method]
            subprocess.run(command, env=os.environ | dict.fromkeys(THREADS, "1"), check=True)


if __name__ == "__main__":
    main()

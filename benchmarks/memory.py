"""How much memory a training on the CPU takes beyond `import torch`, its images included.

    python -m benchmarks.memory [--data cifar10] [--seconds 20]

Trains each architecture as a process of its own (PCA fitted anew, some steps, validation, figures
on the test split) and asks the system for its peak of resident memory. Imports nothing heavy: a
process counts what its parent held when it was started.
"""

import argparse
import os
import subprocess
import sys
import tempfile

MODELS = {"classic": 256, "residual": 128, "strided": 128}
RSS_PER_MB = 2**20 if sys.platform == "darwin" else 2**10  # bytes there, kilobytes elsewhere


def peak_mb(arguments, **environment):
    """Peak resident memory of `python ARGUMENTS`, in MB; SystemExit with its words if it fails."""
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(
            [sys.executable, *arguments], stdout=output, stderr=output, env=os.environ | environment
        )
        _, code, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(code)
        if process.returncode:
            output.seek(0)
            sys.exit(output.read())
    return usage.ru_maxrss / RSS_PER_MB


def import_torch_mb():
    """What every training pays, right after the import; on its way out Python touches more."""
    asks = "import torch, resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    output = subprocess.run(
        [sys.executable, "-c", asks], capture_output=True, text=True, check=True
    )
    return int(output.stdout) / RSS_PER_MB


def training_mb(asked, folder):
    """The peak of a training with these settings; runs and caches go into `folder`."""
    return peak_mb(
        ["-m", "convae", "train", "--quiet", "--device", "cpu", *asked],
        CONVAE_RUNS_DIR=f"{folder}/runs", CONVAE_CACHE_DIR=f"{folder}/cache",
    )  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="cifar10")
    parser.add_argument("--seconds", default="20")
    parser.add_argument("--only", choices=MODELS, help="this architecture alone")
    asked = parser.parse_args()
    torch_mb = import_torch_mb()
    print(f"import torch: {torch_mb:,.0f} MB\n{'training':10}{'peak (MB)':>12}{'beyond torch':>15}")
    for architecture, latent_dim in MODELS.items():
        if asked.only in (None, architecture):
            settings = ["--data", asked.data, "--arch", architecture, "--latent-dim",
                        str(latent_dim), "--time-budget-s", asked.seconds]  # fmt: skip
            with tempfile.TemporaryDirectory() as folder:
                peak = training_mb(settings, folder)
            print(f"{architecture:10}{peak:>12,.0f}{peak - torch_mb:>15,.0f}", flush=True)


if __name__ == "__main__":
    main()

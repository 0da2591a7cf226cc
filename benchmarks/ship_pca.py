"""Write checkpoints/cifar10-pca.npz: the PCA baseline of the shipped CIFAR-10 models.

python -m benchmarks.ship_pca --data folder:data/cifar10-jpeg
"""

import argparse

from convae import data
from convae.evaluation import shipped_pca


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="cifar10", help="image set with a training split")
    train = data.load(parser.parse_args().data, "train")
    path = shipped_pca.write(train)
    print(f"{path}: {path.stat().st_size / 2**20:.1f} MB, fitted on {len(train):,} images")


if __name__ == "__main__":
    main()

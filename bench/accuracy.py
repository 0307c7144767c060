"""The accuracy and the time of plans of float32, bfloat16 and 8-bit integers, as a table.

    python bench/accuracy.py [--mnist FOLDER] [--epochs N]

Trains the reference CNN on the digits of scikit-learn, and on MNIST if its files are in a folder.
The ranges of the 8-bit plans come from 512 images of the training set, up to some percentiles of
their elements. Times are for 256 images, the medians of alternating calls.
"""

import argparse
import time
from collections.abc import Callable
from functools import partial

import numpy as np

import cnet
from cnet import datasets, nn, optim
from cnet import functional as F
from cnet.bench.sides import Array
from cnet.models import reference_cnn

CALIBRATION = 512
PERCENTILES = 100, 99.99, 99.9
BATCH = 256
DTYPES = {"float32": None, "bfloat16": "bfloat16"}
ROUNDS = 50


def _digits(train: bool) -> tuple[Array, Array]:
    images, labels = datasets.digits(train=train)[:]
    return np.asarray(images), np.asarray(labels)


def _mnist(folder: str, train: bool) -> tuple[Array, Array]:
    dataset = datasets.MNIST(folder, train=train)
    images = dataset.data.numpy()[:, None].astype(np.float32) / 255
    return images, dataset.targets.numpy()


def _train(model: nn.Module, images: Array, labels: Array, epochs: int) -> None:
    opt = optim.Adam(model.parameters(), lr=1e-3)
    rng = np.random.default_rng(0)
    for _ in range(epochs):
        for picked in np.array_split(rng.permutation(len(images)), -(-len(images) // 64)):
            loss = F.cross_entropy(model(images[picked]), labels[picked])
            opt.zero_grad()
            loss.backward()
            opt.step()


def _milliseconds(plans: dict[str, Callable[[Array], Array]], images: Array) -> dict[str, float]:
    seconds: dict[str, list[float]] = {name: [] for name in plans}
    for _ in range(ROUNDS):
        for name, plan in plans.items():
            begin = time.perf_counter()
            plan(images)
            seconds[name].append(time.perf_counter() - begin)
    return {name: 1e3 * float(np.median(times)) for name, times in seconds.items()}


def _rows(title: str, load: Callable[[bool], tuple[Array, Array]], epochs: int) -> None:
    (images, labels), (test_images, test_labels) = load(True), load(False)
    cnet.manual_seed(0)
    model = reference_cnn(images.shape[1:])
    _train(model, images, labels, epochs)
    model.eval()
    batch = test_images[:BATCH]
    some = images[:CALIBRATION]
    plans = {dtype: cnet.compile(model, batch, dtype=of) for dtype, of in DTYPES.items()}
    for percentile in PERCENTILES:
        plans[f"int8, {percentile} %"] = cnet.compile(
            model, batch, dtype="int8", calibration=some, percentile=percentile
        )
    times = _milliseconds(plans, batch)
    for name, plan in plans.items():
        right = (plan(test_images).argmax(axis=1) == test_labels).mean()
        print(f"| {title} | {name} | {100 * right:.2f} % | {times[name]:.3f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mnist", metavar="FOLDER", help="a folder with the files of MNIST")
    parser.add_argument("--epochs", type=int, default=0, help="the epochs (20, and 2 for MNIST)")
    options = parser.parse_args()
    print("| data | plan | accuracy | ms for 256 images |\n| --- | --- | --: | --: |")
    _rows("digits", _digits, options.epochs or 20)
    if options.mnist:
        _rows("MNIST", partial(_mnist, options.mnist), options.epochs or 2)


if __name__ == "__main__":
    main()

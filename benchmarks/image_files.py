"""Training on JPEG files with a frozen MobileNetV2: the first epoch, later epochs, memory.

Run ``python benchmarks/image_files.py``; it takes about an hour on two cores, and 1.5 GB of disk.
``--sets small --files 2000 --rounds 1`` runs a part. SKFASHION_WEIGHTS may name a folder with files
of weights; without it the official ImageNet weights are fetched.

Files are crops of the photographs that scikit-learn and scikit-image ship: 2,000 of 1,600 x 1,200
pixels, and 20,000 of 320 x 240. Both sides train a linear head for two epochs on the averages of
the last feature map, at 224 x 224 pixels, in batches of 32:

- skfashion: ``TransferClassifier("mobilenet_v2", freeze_until="features", ...)`` on paths. The
  first epoch includes everything before later epochs, also the list of files and the check of all
  headers.
- Keras: `image_dataset_from_directory`, prefetched, and `Model.fit` with the same frozen network,
  according to its guide on transfer learning.

Each fit runs in a new process, which first fits 64 other files. Seconds and memory of that fit, and
of the start of TensorFlow, are left out. Sides take turns.
"""

import argparse
import json
import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
import psutil
from _peak_memory import Peak
from _processes import last_line_of
from _report import print_table
from _weights import weights_of

SETS = {"large": (2_000, (1_600, 1_200)), "small": (20_000, (320, 240))}
SIDE, BATCH, EPOCHS, N_CLASSES = 224, 32, 2, 4
N_WARM_UP = 64


def photographs():
    import skimage.data
    from sklearn.datasets import load_sample_images

    shipped = [getattr(skimage.data, name)() for name in ("astronaut", "coffee", "chelsea")]
    return [*load_sample_images().images, *shipped][:N_CLASSES]


def write_files(folder, n_files, size, seed=0):
    """Write random crops of photographs, enlarged, one class for each photograph."""
    from PIL import Image

    rng = np.random.default_rng(seed)
    sources = [Image.fromarray(photo) for photo in photographs()]
    for number in range(n_files):
        label = number % N_CLASSES
        photo = sources[label]
        height = int(rng.integers(photo.height // 3, photo.height // 2))
        width = min(photo.width - 1, height * 4 // 3)
        left, top = rng.integers(photo.width - width), rng.integers(photo.height - height)
        crop = photo.crop((left, top, left + width, top + height)).resize(size)
        place = Path(folder, f"class{label}")
        place.mkdir(exist_ok=True, parents=True)
        crop.save(place / f"{number:05}.jpg", quality=90)


def fit_skfashion(folder):
    """Return the seconds of a first epoch and of a later one, and the training accuracy."""
    from skfashion import TransferClassifier
    from skfashion.datasets import load_image_folder

    begin = perf_counter()
    X, y = load_image_folder(folder, return_X_y=True)
    clf = TransferClassifier(
        "mobilenet_v2",
        weights=weights_of("mobilenet_v2"),
        freeze_until="features",
        body_until=None,
        head_init="random",
        hidden_units=0,
        input_size=SIDE,
        batch_size=BATCH,
        epochs=EPOCHS,
        random_state=0,
    )
    clf.fit(X, y)
    seconds = perf_counter() - begin
    later = clf.history_["seconds"][1:]
    return seconds - sum(later), median(later), clf.history_["accuracy"][-1]


def fit_keras(folder):
    """Return the same of Keras."""
    import keras
    import tensorflow as tf
    from _plain_keras import epoch_clock

    begin = perf_counter()
    files = keras.utils.image_dataset_from_directory(
        folder, image_size=(SIDE, SIDE), batch_size=BATCH, seed=0, verbose=False
    ).prefetch(tf.data.AUTOTUNE)
    weights = weights_of("mobilenet_v2")
    is_official = weights == "imagenet"
    body = keras.applications.MobileNetV2(
        include_top=False,
        weights=weights if is_official else None,
        input_shape=(SIDE, SIDE, 3),
        pooling="avg",
    )
    if not is_official:
        body.load_weights(weights)
    body.trainable = False
    images = keras.Input((SIDE, SIDE, 3))
    x = keras.applications.mobilenet_v2.preprocess_input(images)
    model = keras.Model(
        images, keras.layers.Dense(N_CLASSES, activation="softmax")(body(x, training=False))
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    clock = epoch_clock()
    history = model.fit(files, epochs=EPOCHS, verbose=0, callbacks=[clock])
    seconds = perf_counter() - begin
    later = clock.seconds[1:]
    return seconds - sum(later), median(later), history.history["accuracy"][-1]


SIDES = {"skfashion": fit_skfashion, "Keras": fit_keras}


def measure(side, folder, warm_up):
    """Fit in this process; print seconds, accuracy and memory in MB."""
    SIDES[side](warm_up)
    before = psutil.Process().memory_info()
    with Peak() as peak:
        first, later, accuracy = SIDES[side](folder)
    memory = (peak.anonymous - (before.rss - before.shared)) / 1e6
    print(json.dumps({"first": first, "later": later, "accuracy": accuracy, "memory": memory}))


def run(side, folder, warm_up):
    line = last_line_of(sys.executable, __file__, "--measure", side, folder, warm_up)
    result = json.loads(line)
    print(folder.name, side, result, flush=True)
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--files", type=int, help="fewer files, to try it out")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(*options.measure)
        return
    rows = []
    with TemporaryDirectory() as place:
        for name in options.sets:
            n_files, size = SETS[name]
            folder, warm_up = Path(place, name), Path(place, f"{name}-warm-up")
            write_files(folder, options.files or n_files, size)
            write_files(warm_up, N_WARM_UP, size, seed=1)
            rounds = [
                {side: run(side, folder, warm_up) for side in SIDES} for _ in range(options.rounds)
            ]
            for side in SIDES:
                results = [each[side] for each in rounds]
                rows.append(
                    [
                        f"{options.files or n_files:,} of {size[0]} x {size[1]}",
                        side,
                        *(f"{median(r[key] for r in results):.1f}" for key in ("first", "later")),
                        f"{median(r['memory'] for r in results):.0f}",
                        f"{median(r['accuracy'] for r in results):.3f}",
                    ]
                )
            for key in ("first", "later"):
                ratio = median(each["Keras"][key] / each["skfashion"][key] for each in rounds)
                print(f"{name} files, {key} epoch: Keras takes {ratio:.2f} times as long")
    columns = ["files", "side", "first epoch, s", "later, s", "memory, MB", "training accuracy"]
    print_table(f"medians of {options.rounds} rounds", columns, rows)


if __name__ == "__main__":
    main()

"""Whether probes or gradients tell, before a search, which freeze point fits best.

Run ``python benchmarks/freeze_ranking.py``; it takes about four hours on two cores, and
``--backbones vgg16 --draws 0`` a part. Each result is written to a file as soon as it is done, and
found there by the next run. The environment variable SKFASHION_WEIGHTS may name a folder with files
of weights; without it the official ImageNet weights are fetched.

Each draw has 50 training images of each of the ten classes of Fashion-MNIST. A fit at each freeze
point has the whole body and otherwise default settings; VGG16 and InceptionV3 train in bfloat16. It
is scored on 2,000 other training images. Of the points of InceptionV3 every other one is fitted,
and each one that `rank_freeze_points` recommends. This function measures the points on the rows
that train. Kendall's tau compares the order of the scores with the order of the probes, and with
that of the gradient ratios, smallest first: 1 is the same order, -1 the reverse, and 0 is chance.
Nothing frozen has no probe, and is left out. The last columns are the best points by scores and by
probes, and the losses of two choices beside the best score, in points. One choice is the best
probe. The other one is the best of the points that are recommended for a search.
"""

import argparse
from functools import partial
from pathlib import Path

import numpy as np
from _draws import draw_rows
from _report import print_table
from _results import RESULTS, Results, plan_of
from _weights import name_of_weights, weights_of
from scipy.stats import kendalltau
from sklearn.model_selection import train_test_split

from skfashion import TransferClassifier
from skfashion.datasets import fetch_fashion_mnist
from skfashion.model_selection import freeze_points, rank_freeze_points

BACKBONES = ("vgg16", "mobilenet_v2", "inception_v3")
# Every other point is fitted, besides those that are recommended.
STEPS = {"inception_v3": 2}
# Faster for these, on processors that multiply in bfloat16.
DTYPES = {"vgg16": "mixed_bfloat16", "inception_v3": "mixed_bfloat16"}
N_IMAGES, N_VALIDATION = 50, 2_000


def list_points(backbone, ranking):
    """Return the freeze points to fit."""
    step = STEPS.get(backbone, 1)
    return [
        point
        for number, point in enumerate(freeze_points(backbone))
        if number % step == 0 or ranking[str(point)][2]
    ]


def classifier(backbone, seed):
    return TransferClassifier(
        backbone,
        weights=weights_of(backbone),
        body_until=None,
        dtype=DTYPES.get(backbone, "float32"),
        random_state=seed,
    )


def rank(backbone, seed, few):
    """Return what `rank_freeze_points` measures, by freeze point."""
    frame = rank_freeze_points(classifier(backbone, seed), *few)
    return {
        str(row.freeze_until): [row.mean_probe_score, row.gradient_ratio, row.recommended]
        for row in frame.itertuples()
    }


def draw_of(backbone, seed):
    """Return the beginning of the cells of a draw."""
    plan = plan_of(DTYPES.get(backbone), N_IMAGES, N_VALIDATION)
    return backbone, name_of_weights(backbone), plan, seed


def is_measured(backbone, seed, results):
    draw = draw_of(backbone, seed)
    if not results.has((*draw, "ranking")):
        return False
    ranking = results.get((*draw, "ranking"), None)
    return all(results.has((*draw, str(point))) for point in list_points(backbone, ranking))


def score(backbone, seed, point, few, validation):
    return classifier(backbone, seed).set_params(freeze_until=point).fit(*few).score(*validation)


def compare(backbone, seed, results, train, validation):
    """Return the rows of both tables for one draw."""
    rows = draw_rows(train[1], N_IMAGES, seed)
    few = tuple(part[rows] for part in train)
    draw = draw_of(backbone, seed)
    ranking = results.get((*draw, "ranking"), partial(rank, backbone, seed, few))
    points = list_points(backbone, ranking)
    scores = [
        results.get((*draw, str(point)), partial(score, backbone, seed, point, few, validation))
        for point in points
    ]
    probes, ratios, recommended = np.array([ranking[str(point)] for point in points]).T
    measured = [
        [backbone, seed, point, f"{score:.4f}", f"{probe:.4f}", f"{ratio:.3g}"]
        for point, score, probe, ratio in zip(points, scores, probes, ratios, strict=True)
    ]
    frozen = np.array(scores[1:])
    best, by_probe = int(np.argmax(scores)), int(np.nanargmax(probes))
    of_recommended = np.max(np.array(scores)[recommended == 1])
    summary = [
        backbone,
        seed,
        f"{kendalltau(frozen, probes[1:]).statistic:+.2f}",
        f"{kendalltau(frozen, -ratios[1:]).statistic:+.2f}",
        points[best],
        points[by_probe],
        f"{100 * (scores[best] - scores[by_probe]):.1f}",
        f"{100 * (scores[best] - of_recommended):.1f}",
    ]
    return measured, summary


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backbones", nargs="+", choices=BACKBONES, default=BACKBONES)
    parser.add_argument("--draws", nargs="+", type=int, default=(0, 1, 2))
    parser.add_argument("--finished", action="store_true", help="only draws that were measured")
    parser.add_argument("--results", type=Path, default=RESULTS / "freeze_ranking.jsonl")
    options = parser.parse_args()
    X, y = fetch_fashion_mnist("train", return_X_y=True)
    X, X_val, y, y_val = train_test_split(X, y, test_size=N_VALIDATION, stratify=y, random_state=0)
    results = Results(options.results)
    measured, summaries = [], []
    for backbone in options.backbones:
        for seed in options.draws:
            if options.finished and not is_measured(backbone, seed, results):
                continue
            rows, summary = compare(backbone, seed, results, (X, y), (X_val, y_val))
            measured += rows
            summaries.append(summary)
    if not summaries:
        parser.error("no draw has all results for these weights: does SKFASHION_WEIGHTS name them?")
    columns = ["backbone", "draw", "frozen up to", "score", "probe", "gradient ratio"]
    print_table("each freeze point", columns, measured)
    columns = ["backbone", "draw", "tau of probes", "tau of ratios", "best", "best probe"]
    columns += ["loss of best probe", "loss of recommended"]
    print_table("order of freeze points", columns, summaries)
    results.print_origins()


if __name__ == "__main__":
    main()

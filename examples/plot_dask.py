"""
A search on a Dask cluster
==========================

With :func:`~skfashion.distributed.search_on` a search runs on a cluster, and completes even if a
worker dies. The cluster here is two processes on this machine. One of them dies during the search.
"""

# %%
# The scorer ends the process in which it runs, once, to simulate a machine that fails.
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
from dask.distributed import Client, LocalCluster, get_task_stream
from sklearn.model_selection import GridSearchCV

from skfashion import TransferClassifier
from skfashion.datasets import load_fashion_sample
from skfashion.distributed import search_on

folder = TemporaryDirectory()
marker = Path(folder.name, "a worker died")


def score_or_die(clf, X, y):
    if clf.freeze_until == "conv1" and not marker.exists():
        marker.touch()
        os._exit(1)
    return clf.score(X, y)


# %%
# Dask starts worker processes, which import this script. So code that starts them is under
# ``__main__``. ``silence_logs`` hides Dask's messages about the restart.
search = GridSearchCV(
    TransferClassifier(epochs=3, batch_size=32, random_state=0),
    {"freeze_until": [None, "conv1", "features"], "learning_rate": [0.0003, 0.001, 0.003]},
    scoring=score_or_die,
    cv=2,
)
X, y = (part[:600] for part in load_fashion_sample(return_X_y=True))


def draw_tasks(tasks):
    """Draw a bar for each fit, in the row of its worker."""
    fits = [
        (task["worker"], span["start"], span["stop"])
        for task in tasks
        for span in task["startstops"]
        if span["action"] == "compute" and span["stop"] - span["start"] > 0.05
    ]
    first = min(start for _, start, _ in fits)
    workers = sorted(
        {worker for worker, _, _ in fits},
        key=lambda worker: min(start for each, start, _ in fits if each == worker),
    )
    _, ax = plt.subplots(figsize=(8, 0.6 + 0.5 * len(workers)), layout="constrained")
    for worker, start, stop in fits:
        row = workers.index(worker)
        ax.broken_barh([(start - first, stop - start)], (row - 0.4, 0.8), edgecolor="white")
    ax.set_yticks(range(len(workers)), [f"worker {row + 1}" for row in range(len(workers))])
    ax.invert_yaxis()
    ax.set(xlabel="seconds since the first fit began")


# %%
# In the picture one of the first two workers dies, and Dask starts a third in its place. The fit
# that was lost is run again. The first fit of a worker takes longest: it imports TensorFlow and
# builds the network.
if __name__ == "__main__":
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs=50
        ) as cluster,
        Client(cluster) as client,
        get_task_stream(client) as stream,
        search_on(client),
    ):
        search.fit(X, y)
    draw_tasks(stream.data)
    print("a worker died:", marker.exists())
    print("scores:", search.cv_results_["mean_test_score"].round(3))
    print("best:", search.best_params_)
    folder.cleanup()

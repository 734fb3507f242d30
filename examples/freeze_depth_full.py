"""
Where to freeze, on all of Fashion-MNIST
========================================

A search with the small CNN on all 60,000 training images: five freeze points, two source tasks,
three folds. The target task is to tell five kinds of clothes apart, classes 0 to 4. The source task
is shoes alone, or shoes, shirts and bags.

This page is not run when the documentation is built: its 30 fits took 489 s on two cores.

.. image:: /_static/freeze_depth_full.png
   :alt: Accuracy, seconds per fit and trainable parameters against the freeze point

==============  ===========  =============  ============  ==========================
frozen up to    shoes alone  all five       s per fit     beside nothing frozen
==============  ===========  =============  ============  ==========================
nothing         0.930        0.931          41            all layers train
conv1           0.927        0.928          23            half of the time, 0.3
                                                          points lost
conv2,          0.909        0.917          5             an eighth of the time, one
features                                                  to two points lost
dense           0.747        0.783          1             only the output layer
                                                          trains, for five epochs
==============  ===========  =============  ============  ==========================

Accuracy is the mean of three folds, with a standard deviation of 0.005 at most. The choice of the
source task matters more, the deeper one freezes. With nothing frozen the two source tasks differ by
0.1 points, and after the hidden layer by four points. conv2 and features freeze the same weights:
there are none between them.
"""

# %%
# The target task is the same for both source tasks, so their scores can be compared. With `memory`,
# the network is pretrained once on each source task, for all freeze points and folds.
from tempfile import TemporaryDirectory
from time import perf_counter

from sklearn.model_selection import GridSearchCV

from skfashion import TransferClassifier
from skfashion.datasets import fetch_fashion_mnist
from skfashion.inspection import FreezeDepthDisplay
from skfashion.model_selection import ClassSplitCV, search_frame

X, y = fetch_fashion_mnist("train", return_X_y=True)
target = [0, 1, 2, 3, 4]
grid = {
    "freeze_until": [None, "conv1", "conv2", "features", "dense"],
    "pretrain_classes": [[5, 7, 9], [5, 6, 7, 8, 9]],
}
with TemporaryDirectory() as folder:
    search = GridSearchCV(
        TransferClassifier(
            target_classes=target,
            pretrain_epochs=5,
            epochs=5,
            batch_size=128,
            random_state=0,
            memory=folder,
        ),
        grid,
        cv=ClassSplitCV(3, target_classes=target),
        refit=False,
    )
    begin = perf_counter()
    search.fit(X, y)
    print(f"{perf_counter() - begin:.0f} s")
    frame = search_frame(search, X, y)

# %%
# The results as a picture and as a table:
display = FreezeDepthDisplay.from_search(search, X, y)
display.figure_.savefig("freeze_depth_full.png", dpi=150)
columns = ["pretrain_classes", "freeze_point", "mean_test_score", "std_test_score", "mean_fit_time"]
print(frame[columns].to_string())

# sphinx_gallery_thumbnail_path = '_static/freeze_depth_full.png'

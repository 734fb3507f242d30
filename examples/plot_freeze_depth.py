"""
Where to freeze
===============

How deep should one freeze a pretrained network? ``freeze_until`` is a hyperparameter like any
other, so scikit-learn's grid search answers: accuracy and time per fit, for every freeze point of
the small CNN.
"""

# %%
# The bundled sample holds real images of ten classes. Shoes, shirts and bags, classes 5 to 9, are
# the source task; five other kinds of clothes are the target task. Half of the images will do.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import GridSearchCV, StratifiedShuffleSplit

from skfashion import TransferClassifier
from skfashion.datasets import load_fashion_sample
from skfashion.model_selection import ClassSplitCV

X, y = (part[:2500] for part in load_fashion_sample(return_X_y=True))
source = [5, 6, 7, 8, 9]

# %%
# :class:`~skfashion.model_selection.ClassSplitCV` splits the target rows only. All source rows are
# in every training fold, so each fit pretrains on the same images.
points = [0, "conv1", "conv2", "dense"]
search = GridSearchCV(
    TransferClassifier(pretrain_classes=source, pretrain_epochs=3, epochs=3, random_state=0),
    {"freeze_until": points},
    cv=ClassSplitCV(
        StratifiedShuffleSplit(3, test_size=0.2, random_state=0), pretrain_classes=source
    ),
)
search.estimator.fit(X[:100], y[:100])  # TensorFlow starts and builds the network: not timed
search.fit(X, y)
search.best_params_

# %%
# Nothing is lost up to the last convolution, and training behind it is cheaper; the seconds have
# the pretraining in them, which is the same for all. With the hidden layer frozen, too, a new
# output layer is all that trains, and three epochs are too few for it.
results = search.cv_results_
fig, ax = plt.subplots(figsize=(6, 4), layout="tight")
places = np.arange(len(points))
ax.errorbar(
    places,
    results["mean_test_score"],
    yerr=results["std_test_score"],
    marker="o",
    capsize=3,
    color="C0",
)
ax.set_xticks(places, ["nothing", *points[1:]])
ax.set(xlabel="frozen up to", ylabel="accuracy on held-out target rows", ylim=(0, 1))
ax.yaxis.label.set_color("C0")
seconds = ax.twinx()
seconds.plot(places, results["mean_fit_time"], "s--", color="C1")
seconds.set(ylabel="seconds a fit, with pretraining", ylim=(0, None))
seconds.yaxis.label.set_color("C1")
plt.show()

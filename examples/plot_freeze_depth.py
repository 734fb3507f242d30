"""
Where to freeze
===============

How deep should one freeze a pretrained network? ``freeze_until`` is a hyperparameter like any
other, so scikit-learn's grid search can answer that. One picture shows the result: accuracy,
seconds per fit and trainable parameters, for every freeze point of the small CNN.
"""

# %%
# The bundled sample holds real images of ten classes. Shoes, shirts and bags, classes 5 to 9, are
# the source task; five other kinds of clothes are the target task. Half of the images are enough.
from sklearn.model_selection import GridSearchCV, StratifiedShuffleSplit

from skfashion import TransferClassifier
from skfashion.datasets import load_fashion_sample
from skfashion.inspection import FreezeDepthDisplay
from skfashion.model_selection import ClassSplitCV, freeze_points, search_frame

X, y = (part[:2500] for part in load_fashion_sample(return_X_y=True))
source = [5, 6, 7, 8, 9]

# %%
# :func:`~skfashion.model_selection.freeze_points` lists the freeze points.
# :class:`~skfashion.model_selection.ClassSplitCV` splits the target rows only. All source rows are
# in every training fold, so each fit pretrains on the same images.
search = GridSearchCV(
    TransferClassifier(
        pretrain_classes=source, pretrain_epochs=3, epochs=3, batch_size=128, random_state=0
    ),
    {"freeze_until": freeze_points("small_cnn", head=True)},
    cv=ClassSplitCV(
        StratifiedShuffleSplit(3, test_size=0.2, random_state=0), pretrain_classes=source
    ),
)
search.estimator.fit(X[:100], y[:100])  # TensorFlow starts and builds the network: not timed
search.fit(X, y)
search.best_params_

# %%
# Freezing up to the last convolution costs at most a point, which is within one standard deviation,
# and training after it is cheaper. The seconds include the pretraining, which is the same for all.
# With the hidden layer frozen, too, only a new output layer trains, for three epochs, and accuracy
# is much lower. Bars are one standard deviation over the folds.
display = FreezeDepthDisplay.from_search(search)

# %%
# The same results as a table:
columns = ["freeze_point", "mean_test_score", "std_test_score", "mean_fit_time"]
search_frame(search)[[*columns, "n_trainable_params"]]

"""
A grid over backbone and freeze point
=====================================

The network and the depth up to which it is frozen are hyperparameters, so one grid search compares
both. Numbers of stages as ``freeze_until`` serve every backbone.
"""

# %%
# Two networks that need no download, three freeze points each: nothing frozen, the first stage, and
# the whole body. ``memory`` is a folder in which candidates share what they have in common: each
# network is pretrained once, for all freeze points and folds.
from tempfile import TemporaryDirectory

from sklearn.model_selection import GridSearchCV

from skfashion import TransferClassifier, memory_report
from skfashion.datasets import load_fashion_sample
from skfashion.inspection import FreezeDepthDisplay
from skfashion.model_selection import ClassSplitCV, check_search, search_frame

X, y = (part[:1500] for part in load_fashion_sample(return_X_y=True))
source = [5, 6, 7, 8, 9]
folder = TemporaryDirectory()
search = GridSearchCV(
    TransferClassifier(
        pretrain_classes=source,
        pretrain_epochs=6,
        epochs=4,
        batch_size=64,
        random_state=0,
        memory=folder.name,
    ),
    {"backbone": ["small_cnn", "small_resnet"], "freeze_until": [0, 1, "features"]},
    cv=ClassSplitCV(3, pretrain_classes=source),
)

# %%
# :func:`~skfashion.model_selection.check_search` finds candidates that would fail, before anything
# trains.
check_search(search, X, y)
search.fit(X, y)
search_frame(search)[["backbone", "freeze_point", "mean_test_score", "mean_fit_time"]]

# %%
# Two of nineteen fits pretrained a network; the others found it.
report = memory_report(folder.name)
print({name: report[name] for name in ("pretrainings_computed", "pretrainings_found")})
folder.cleanup()

# %%
# Score, seconds per fit and trainable parameters of both networks against the freeze point.
display = FreezeDepthDisplay.from_search(search)

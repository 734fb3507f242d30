"""
Training curves and mistakes of a fit
=====================================

Two pictures of a fitted classifier: loss and accuracy of both tasks, epoch by epoch, and the images
that it classifies wrongly with the highest confidence.
"""

# %%
# The network learns the classes 5 to 9 of the bundled sample, is frozen up to its first
# convolution, and learns the others. The rows of ``X_val`` are evaluated, not trained on.
from skfashion import TransferClassifier
from skfashion.datasets import load_fashion_sample
from skfashion.inspection import HistoryDisplay, ImageGridDisplay

X, y = (part[:1500] for part in load_fashion_sample(return_X_y=True))
test = load_fashion_sample(subset="test")
clf = TransferClassifier(
    pretrain_classes=[5, 6, 7, 8, 9],
    freeze_until="conv1",
    pretrain_epochs=4,
    epochs=6,
    batch_size=128,
    random_state=0,
).fit(X, y, X_val=test.data, y_val=test.target)

# %%
# Loss and accuracy start again after the dotted line: another task, and a new output layer. While
# training, dropout makes both look worse than they are on the validation images.
history = HistoryDisplay.from_estimator(clf)

# %%
# Mistakes on the target task; rows of the source task are left out, as they are in ``score``. The
# predicted name is in colour, with its probability.
mistakes = ImageGridDisplay.from_estimator(
    clf, test.data, test.target, class_names=test.target_names
)

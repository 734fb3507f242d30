"""
From a folder of photographs to a classifier
============================================

A folder with a subfolder for each class is all that it takes. Here the folder is made first, from
crops of the two photographs that scikit-learn ships, in several sizes and formats. With photographs
of your own and a network, ``TransferClassifier("mobilenet_v2", weights="imagenet")`` is the
classifier to begin with.
"""

# %%
# A folder with two classes: crops of a flower, and of a temple in China.
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_images

folder = TemporaryDirectory()
rng = np.random.default_rng(0)
for name, photograph in zip(("temple", "flower"), load_sample_images().images, strict=True):
    place = Path(folder.name, name)
    place.mkdir()
    height, width, _ = photograph.shape
    for number in range(40):
        side = rng.integers(90, 200)
        top, left = rng.integers(height - side), rng.integers(width - side)
        crop = Image.fromarray(photograph[top : top + side, left : left + rng.integers(90, 200)])
        crop.save(place / f"{name}-{number:02}.{('jpg', 'png', 'webp')[number % 3]}")

# %%
# `X` holds paths, `y` names of subfolders. Nothing is decoded yet.
from skfashion.datasets import load_image_folder

X, y = load_image_folder(folder.name, verify=True, return_X_y=True)
print(len(X), "files;", Path(X[0]).name, "is a", y[0])

# %%
# Cross-validation cuts paths. The small ResNet starts from random weights.
from sklearn.model_selection import cross_val_score, train_test_split

from skfashion import TransferClassifier

clf = TransferClassifier("small_resnet", input_size=48, epochs=6, random_state=0)
print("accuracy in 3 folds:", cross_val_score(clf, X, y, cv=3).round(2))

# %%
# What it looks at in files that it was not trained on. Some crops of the flower are all leaves, and
# some of the temple all sky.
from skfashion.inspection import GradCAMDisplay, ImageGridDisplay

X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
clf.fit(X_train, y_train)
display = GradCAMDisplay.from_estimator(clf, X_test, y_test, layer="block2", n_images=12)

# %%
# Its mistakes, with the names of their files. A fit of one epoch makes some.
hasty = TransferClassifier("small_resnet", input_size=48, epochs=1, random_state=0)
hasty.fit(X_train, y_train)
display = ImageGridDisplay.from_estimator(hasty, X_test, y_test, n_images=6)

# %%
# New files are predicted by their paths, in any size and format.
new = Path(folder.name, "new.gif")
Image.fromarray(load_sample_images().images[1]).resize((900, 600)).save(new)
print("new.gif is a", clf.predict([new])[0])
folder.cleanup()

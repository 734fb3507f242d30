"""
Classify a folder of photographs
================================

A folder with a subfolder for each class is all the data that a classifier takes. This one comes
with skfashion and holds photographs of bricks, grass and gravel. The network needs no download.
"""

# %%
# `X` holds paths, `y` names of subfolders. Nothing is decoded yet. For your photographs, begin
# with ``TransferClassifier("mobilenet_v2", weights="imagenet")``.
from sklearn.model_selection import train_test_split

from skfashion import TransferClassifier
from skfashion.datasets import get_surfaces_folder, load_image_folder
from skfashion.inspection import GradCAMDisplay

X, y = load_image_folder(get_surfaces_folder(), return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)

clf = TransferClassifier("small_resnet", input_size=32, epochs=10, random_state=0)
clf.fit(X_train, y_train)
print(f"{len(X_train)} files to train on, {len(X_test)} to test")
print(f"accuracy: {clf.score(X_test, y_test):.2f}")

# %%
# Grad-CAM marks the pixels that are evidence for the predicted class. Names of wrong predictions
# are in colour.
display = GradCAMDisplay.from_estimator(clf, X_test, y_test, layer="block2", n_images=12)

# %%
# New files are predicted by their paths, in any size.
clf.predict_proba(X_test[:1]).round(3), clf.classes_

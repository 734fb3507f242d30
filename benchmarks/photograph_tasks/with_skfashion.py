import sys

from sklearn.model_selection import cross_val_score

from skfashion import TransferClassifier
from skfashion.datasets import load_image_folder

folder, new_file, weights = sys.argv[1:]

X, y = load_image_folder(folder, return_X_y=True)
clf = TransferClassifier("mobilenet_v2", weights=weights, random_state=0)
print(cross_val_score(clf, X, y).mean())
print(clf.fit(X, y).predict([new_file])[0])

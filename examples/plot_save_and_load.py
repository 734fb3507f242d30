"""
Saving, loading and a model card
================================

``save`` writes a fitted classifier to one file, without pickle: loading it runs no code. A model
card describes the classifier for those who will use it.
"""

# %%
# Save a classifier whose labels are names.
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import skfashion
from skfashion import TransferClassifier
from skfashion.datasets import load_fashion_sample
from skfashion.inspection import ImageGridDisplay

fashion, unseen = load_fashion_sample(), load_fashion_sample(subset="test")
names = np.array(fashion.target_names)
clf = TransferClassifier(epochs=4, batch_size=64, random_state=0)
clf.fit(fashion.data, names[fashion.target])

folder = TemporaryDirectory()
path = Path(folder.name, "clothes.skf")
clf.save(path)
print(f"{path.name}: {path.stat().st_size / 1e6:.1f} MB")

# %%
# The loaded classifier predicts the same bits, here and in any new process on the same machine.
loaded = skfashion.load(path)
assert np.array_equal(loaded.predict_proba(unseen.data), clf.predict_proba(unseen.data))
display = ImageGridDisplay.from_estimator(loaded, unseen.data, names[unseen.target], n_images=8)

# %%
# A file with a single wrong bit is an error.
content = bytearray(path.read_bytes())
content[len(content) // 2] ^= 1
path.write_bytes(content)
try:
    skfashion.load(path)
except ValueError as error:
    print(error)

# %%
# The model card has what the classifier is, how it was trained, and its scores. Add what only you
# can tell, such as its limits. These are the first lines:
card = clf.card(unseen.data, names[unseen.target])
card.sections["Limits"] = "The images show one piece of clothing on black."
print("\n".join(str(card).splitlines()[:18]))
folder.cleanup()

# After fastai's "Computer vision intro", with folds by its IndexSplitter.
import sys

import numpy as np
from fastai.vision.all import (
    CategoryBlock,
    DataBlock,
    ImageBlock,
    IndexSplitter,
    Resize,
    accuracy,
    get_image_files,
    parent_label,
    resnet18,
    vision_learner,
)
from sklearn.model_selection import StratifiedKFold

folder, new_file, weights = sys.argv[1:]

files = get_image_files(folder)
y = [parent_label(file) for file in files]


def train(validation):
    block = DataBlock(
        blocks=(ImageBlock, CategoryBlock),
        get_items=get_image_files,
        get_y=parent_label,
        splitter=IndexSplitter(validation),
        item_tfms=Resize(224),
    )
    learner = vision_learner(block.dataloaders(folder), resnet18, metrics=accuracy)
    learner.fine_tune(10)
    return learner


folds = StratifiedKFold(5).split(files, y)
print(np.mean([train(test).validate()[1] for _, test in folds]))
print(train([]).predict(new_file)[0])

# After skorch's tutorial "Transfer learning", which reads torchvision's ImageFolder.
import sys

import numpy as np
import torch
from sklearn.model_selection import cross_val_score
from skorch import NeuralNetClassifier
from skorch.helper import SliceDataset
from torch import nn
from torchvision import datasets, models, transforms

folder, new_file, weights = sys.argv[1:]


class Pretrained(nn.Module):
    def __init__(self, n_classes):
        super().__init__()
        model = models.mobilenet_v2(weights="IMAGENET1K_V1")
        model.classifier[1] = nn.Linear(model.last_channel, n_classes)
        self.model = model

    def forward(self, x):
        return self.model(x)


transform = transforms.Compose(
    [
        transforms.Resize(224),
        transforms.CenterCrop(224),
        transforms.ToTensor(),
        transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
    ]
)
dataset = datasets.ImageFolder(folder, transform)
X, y = SliceDataset(dataset, idx=0), np.array(dataset.targets)
net = NeuralNetClassifier(
    Pretrained,
    module__n_classes=len(dataset.classes),
    criterion=nn.CrossEntropyLoss,
    optimizer=torch.optim.SGD,
    lr=0.001,
    optimizer__momentum=0.9,
    batch_size=4,
    max_epochs=25,
    iterator_train__shuffle=True,
    train_split=None,
)
print(cross_val_score(net, X, y, scoring="accuracy").mean())
image = transform(datasets.folder.default_loader(new_file))
print(dataset.classes[net.fit(X, y).predict(image[None])[0]])

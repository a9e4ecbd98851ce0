import numpy as np
import torch
from skorch import NeuralNetClassifier
from skorch.callbacks import EarlyStopping, GradientNormClipping
from torch import nn

rng = np.random.default_rng(0)
X = rng.normal(size=(120, 20, 3)).astype(np.float32)
labels = np.where(X[:, :, 0].mean(axis=1) > 0, "high", "low")


# [shown]
class Network(nn.Module):
    def __init__(self, hidden_size=32):
        super().__init__()
        self.rnn = nn.GRU(3, hidden_size, batch_first=True)
        self.head = nn.Linear(hidden_size, 2)

    def forward(self, x):
        _, h = self.rnn(x)
        return self.head(h[-1])


torch.manual_seed(0)
classes, y = np.unique(labels, return_inverse=True)
net = NeuralNetClassifier(
    Network,
    criterion=nn.CrossEntropyLoss,
    optimizer=torch.optim.Adam,
    lr=0.001,
    batch_size=32,
    max_epochs=20,
    iterator_train__shuffle=True,
    callbacks=[EarlyStopping(patience=10), GradientNormClipping(1.0)],
    verbose=0,
)
net.fit(X, y)  # float32, equal lengths, classes 0 and 1
predicted = classes[net.predict(X)]

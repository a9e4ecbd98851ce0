import numpy as np
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence

rng = np.random.default_rng(0)
X = [rng.normal(size=(n, 3)) for n in rng.integers(10, 30, size=120)]
y = np.array([int(x[:, 0].mean() > 0) for x in X])


# [shown]
class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(3, 32, batch_first=True)
        self.head = nn.Linear(32, 2)

    def forward(self, x, lengths):
        packed = pack_padded_sequence(
            x, lengths, batch_first=True, enforce_sorted=False
        )
        _, h = self.rnn(packed)
        return self.head(h[-1])


torch.manual_seed(0)
x = pad_sequence([torch.tensor(s).float() for s in X], batch_first=True)
lengths, target = torch.tensor([len(s) for s in X]), torch.tensor(y)
network = Network()
optimizer = torch.optim.Adam(network.parameters(), lr=0.001)
for _ in range(20):
    network.train()
    for rows in torch.randperm(len(X)).split(32):
        loss = nn.functional.cross_entropy(
            network(x[rows], lengths[rows]), target[rows]
        )
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
network.eval()
with torch.no_grad():
    predicted = network(x, lengths).argmax(1).numpy()

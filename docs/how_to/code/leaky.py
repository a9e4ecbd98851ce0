import torch
from torch import nn


class Leaky(nn.Module):
    """h[t] = a h[t-1] + (1 - a) tanh(W x[t] + U h[t-1]), one rate per unit."""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.read = nn.Linear(input_size, hidden_size)
        self.recur = nn.Linear(hidden_size, hidden_size, bias=False)
        self.rate = nn.Parameter(torch.zeros(hidden_size))  # initially a = 1/2

    def forward(self, x, lengths=None, state=None):
        h = x.new_zeros(len(x), self.rate.numel()) if state is None else state
        a = torch.sigmoid(self.rate)
        read = self.read(x)
        outputs = []
        for t in range(x.shape[1]):
            new = a * h + (1 - a) * torch.tanh(read[:, t] + self.recur(h))
            if lengths is None:
                h = new
                outputs.append(h)
            else:
                valid = (t < lengths).unsqueeze(1)
                h = torch.where(valid, new, h)  # padding keeps the state
                outputs.append(h * valid)
        return torch.stack(outputs, dim=1), h

"""Gradient norm of the last state by number of steps back."""

import matplotlib.pyplot as plt
import torch

from sklearn_rnn.nn import GRU, LSTM, Elman, initialize

N_STEPS, HIDDEN = 60, 64


def norms_back_in_time(layer):
    """Return the norm of d (sum of the last state) / d h[t], the last step first."""
    x = torch.randn(32, N_STEPS, 4, generator=torch.Generator().manual_seed(1)) / 4
    state, states = None, []
    for t in range(N_STEPS):
        output, state = layer.step(x[:, t], state)
        output.retain_grad()
        states.append(output)
    states[-1].sum().backward()
    norms = torch.stack([h.grad.norm() for h in states]).flip(0)
    return norms / norms[0]


def make_elman(scale):
    """Return an Elman network with scaled initial recurrent weights."""
    layer = initialize(Elman(4, HIDDEN), torch.Generator().manual_seed(0))
    with torch.no_grad():
        layer.rnn.weight_hh_l0 *= scale
    return layer


def make_gated(layer_class):
    """Return a layer with its initial weights."""
    return initialize(layer_class(4, HIDDEN), torch.Generator().manual_seed(0))


lines = {
    "Elman, recurrent weights x 1.5": (make_elman(1.5), "#d55e00", "-"),
    "Elman, orthogonal (default)": (make_elman(1.0), "#e69f00", "--"),
    "Elman, recurrent weights x 0.7": (make_elman(0.7), "#000000", "-."),
    "GRU (default)": (make_gated(GRU), "#009e73", (0, (1, 1))),
    "LSTM, forget gate open (default)": (make_gated(LSTM), "#0072b2", (0, (5, 1))),
}
figure, axes = plt.subplots(figsize=(5.2, 4.4), layout="constrained")
for name, (layer, color, style) in lines.items():
    axes.semilogy(norms_back_in_time(layer), label=name, color=color, linestyle=style)
axes.set(xlabel="steps back from the end", ylabel="norm of the gradient (last step: 1)")
axes.set_ylim(1e-10, None)
figure.legend(loc="outside lower center", fontsize=10)

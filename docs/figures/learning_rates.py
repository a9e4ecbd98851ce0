"""The learning rate of each schedule over the epochs, as a fit records it."""

import matplotlib.pyplot as plt

from sklearn_rnn import RNNClassifier
from sklearn_rnn.datasets import make_sine_mixtures

X, y = make_sine_mixtures(64, n_steps=20, random_state=0)
figure, axes = plt.subplots(figsize=(5.2, 3.3), layout="constrained")
for schedule, style in [("onecycle", "-"), ("cosine", "--"), (None, ":")]:
    classifier = RNNClassifier(
        learning_rate_schedule=schedule,
        hidden_size=4,
        conv_channels=None,
        max_epochs=30,
        n_iter_no_change=29,
        tol=1.0,
        random_state=0,
    ).fit(X, y)
    rates = classifier.history_[:, "lr"]
    axes.plot(range(1, len(rates) + 1), rates, style, label=f"{schedule!r}")
axes.set(xlabel="epoch", ylabel="learning rate", ylim=(0, None))
figure.legend(title="learning_rate_schedule", loc="outside lower center", ncols=3)

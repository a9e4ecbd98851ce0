"""Training loss and validation score of a fit that stops early."""

import matplotlib.pyplot as plt
import numpy as np

from sklearn_rnn import RNNClassifier
from sklearn_rnn.datasets import make_sine_mixtures

X, y = make_sine_mixtures(300, noise=1.5, random_state=0)
classifier = RNNClassifier(
    hidden_size=16,
    early_stopping=True,
    validation_fraction=0.3,
    learning_rate_schedule=None,
    max_epochs=60,
    random_state=0,
).fit(X, y)
epochs = np.arange(1, classifier.n_iter_ + 1)
best = 1 + np.argmax(classifier.validation_scores_)

figure, (top, bottom) = plt.subplots(
    2, 1, figsize=(5.2, 4.2), sharex=True, layout="constrained"
)
top.plot(epochs, classifier.loss_curve_, color="#0072b2")
top.set(ylabel="training loss", ylim=(0, None))
bottom.plot(epochs, classifier.validation_scores_, color="#d55e00")
bottom.set(xlabel="epoch", ylabel="validation accuracy")
for axes in (top, bottom):
    axes.axvline(best, color="#444444", linestyle=":")
bottom.annotate(
    "the weights of this\nepoch are restored",
    (best, bottom.get_ylim()[0]),
    xytext=(6, 8),
    textcoords="offset points",
)

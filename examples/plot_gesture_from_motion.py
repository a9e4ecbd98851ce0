"""
Gestures from motion sensors
============================

Sensors on hands, elbows, wrists and thumbs record people who give one of six signals
to aircraft. Some signals look alike. This example compares the confusion matrices of a
recurrent network and of a model that ignores the order of the steps.
"""

# %%
# The data set has 180 training and 180 test gestures, with 51 steps of 24 coordinates
# each. The data are downloaded once. If the download fails, the example uses mixtures
# of sines instead.
import matplotlib.pyplot as plt
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from sklearn_rnn import RNNClassifier
from sklearn_rnn.datasets import fetch_natops, make_sine_mixtures
from sklearn_rnn.preprocessing import SequenceFeatures

try:
    train, test = fetch_natops(subset="train"), fetch_natops(subset="test")
    X_train, y_train = train.data, train.target
    X_test, y_test = test.data, test.target
    gestures = train.target_names
except OSError as error:
    print(f"{error}\nUsing mixtures of sines instead.")
    X, y = make_sine_mixtures(360, n_steps=51, n_classes=6, random_state=0)
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, test_size=0.5, random_state=0
    )
    gestures = [f"mixture {i}" for i in range(6)]
print(f"training data: {X_train.shape}, test data: {X_test.shape}")

# %%
# A single step of such a signal carries little information: a gesture consists of short
# movements of many steps each. By default, two convolutions precede the recurrent
# layer. Each reads nine steps at a time with a stride of two. They reduce 51 steps to
# 13, which saves training time.
#
# ``conv_channels=None`` disables them. With 180 training gestures a single fit is not
# conclusive, so each variant is fitted with three seeds. On this data set, the seed
# matters more than the convolutions, which only save time. On other data sets they
# improve the accuracy.
stems = {"two convolutions": (64, 64), "no convolution": None}
networks = {
    name: [
        RNNClassifier(conv_channels=channels, max_epochs=50, random_state=seed).fit(
            X_train, y_train
        )
        for seed in range(3)
    ]
    for name, channels in stems.items()
}
for name, fitted in networks.items():
    scores = [f"{network.score(X_test, y_test):.3f}" for network in fitted]
    print(f"{name}: test accuracy {', '.join(scores)}")

# %%
# The baseline is gradient boosting on a summary of each gesture: mean, spread,
# extremes, last value and slope of each coordinate.
baseline = make_pipeline(
    SequenceFeatures(), HistGradientBoostingClassifier(random_state=0)
)
baseline.fit(X_train, y_train)
print(f"summary and gradient boosting: {baseline.score(X_test, y_test):.3f}")

# %%
# Errors are off the diagonal. The network distinguishes spread from folded wings, which
# the baseline sometimes confuses. Both models confuse "all clear" and "not clear".
models = {
    "summary and gradient boosting": baseline,
    "recurrent network with a stem": networks["two convolutions"][0],
}
figure, axes = plt.subplots(1, 2, figsize=(10, 4.8), sharey=True, layout="constrained")
for axis, (name, model) in zip(axes, models.items(), strict=True):
    ConfusionMatrixDisplay.from_predictions(
        y_test,
        model.predict(X_test),
        display_labels=gestures,
        xticks_rotation=40,
        cmap="Blues",
        colorbar=False,
        ax=axis,
    )
    axis.set_title(name)
axes[1].set_ylabel("")
figure.suptitle("Confusion matrices on the test gestures")
figure.savefig("gesture_from_motion.png", dpi=100)
print("figure saved: gesture_from_motion.png")

# %%
# For measurements of the effect of convolutions, see :doc:`/settings`.

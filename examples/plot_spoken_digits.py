"""
Spoken digits to text
=====================

Somebody reads out a number, digit by digit. An :class:`~sklearn_rnn.RNNTranscriber`
learns to write it down from recordings and their texts, and nobody has marked where a
digit begins. It finds out itself: below the spectrum of a recording, its output has a
short peak for each digit. See :doc:`/transcription`.
"""

# %%
# The Free Spoken Digit Dataset has 3,000 recordings of single digits by six speakers.
# They are downloaded once. If the download fails, the example uses invented digits
# instead, of two tones each.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.pipeline import make_pipeline
from sklearn.utils import Bunch

from sklearn_rnn import RNNTranscriber
from sklearn_rnn.datasets import fetch_spoken_digits
from sklearn_rnn.metrics import character_error_rate, exact_match_score
from sklearn_rnn.preprocessing import AudioFeatures


def invent_digits(n_recordings, random_state):
    rng = np.random.default_rng(random_state)
    target, speaker = (
        rng.integers(10, size=n_recordings),
        rng.integers(6, size=n_recordings),
    )
    tones = np.array([[a, b] for a in (300, 600, 1200, 2400) for b in (450, 900, 1800)])
    data = []
    for digit, voice in zip(target, speaker, strict=True):
        frequency = tones[digit] * (0.9 + 0.04 * voice)
        frequency = np.repeat(frequency, rng.integers(800, 1600, size=2))
        sound = np.sin(2 * np.pi * np.cumsum(frequency) / 8000)
        sound *= np.hanning(len(sound))
        data.append(sound[:, np.newaxis] + rng.normal(0, 0.05, (len(sound), 1)))
    return Bunch(data=data, target=target, speaker=speaker, sampling_rate=8000)


try:
    train, test = fetch_spoken_digits(), fetch_spoken_digits(subset="test")
    n_train = 1500
except OSError as error:
    print(f"{error}\nUsing invented digits instead.")
    train, test = (
        invent_digits(1000, random_state=0),
        invent_digits(200, random_state=1),
    )
    n_train = 400


# %%
# Three to six recordings of a speaker are joined, without a pause. Recordings of the
# training part make the numbers to learn from, others those of the test, by the same
# speakers.
def join(digits, n_samples, random_state):
    """Return recordings of numbers, their texts, and the lengths of their digits."""
    rng = np.random.default_rng(random_state)
    X, y, lengths = [], [], []
    for _ in range(n_samples):
        own = np.flatnonzero(digits.speaker == rng.integers(6))
        parts = rng.choice(own, size=rng.integers(3, 7))
        X.append(np.concatenate([digits.data[i] for i in parts]))
        y.append("".join(str(digits.target[i]) for i in parts))
        lengths.append([len(digits.data[i]) for i in parts])
    return X, y, lengths


X, y, _ = join(train, n_train, random_state=0)
X_test, y_test, lengths = join(test, 200, random_state=1)

# %%
# :class:`~sklearn_rnn.preprocessing.AudioFeatures` turns a recording into a spectrum
# every 10 ms. The convolutions of the transcriber leave a frame every 40 ms.
transcriber = make_pipeline(
    AudioFeatures(sampling_rate=train.sampling_rate, n_mels=20),
    RNNTranscriber(
        hidden_size=128,
        dropout=0.3,
        learning_rate=0.005,
        max_epochs=10,
        random_state=0,
    ),
)
transcriber.fit(X, y)
predicted = transcriber.predict(X_test)
print(f"wrong digits: {character_error_rate(y_test, predicted):.1%}")
print(f"numbers without an error: {exact_match_score(y_test, predicted):.1%}")
print("true:     ", *y_test[:8])
print("predicted:", *predicted[:8])

# %%
# The figure shows a test recording. Dotted lines are the joins, of which the network
# has not been told. At each frame it predicts a digit or the *blank*, which means that
# there is nothing to write. The digits are the peaks, in their order.
i = next(i for i, text in enumerate(y_test) if len(set(text)) == 6)
(spectrum,) = transcriber[0].transform(X_test[i : i + 1])
probability = np.exp(transcriber[1].predict_log_proba([spectrum])[0])
figure, (top, bottom) = plt.subplots(
    2, 1, figsize=(9, 5.5), sharex=True, layout="constrained"
)
top.pcolormesh(0.01 * np.arange(len(spectrum)), np.arange(20), spectrum.T, cmap="magma")
top.set(
    ylabel="mel band",
    yticks=[0, 5, 10, 15],
    title=f"'{y_test[i]}' is read as '{predicted[i]}'",
)
seconds = 0.04 * np.arange(len(probability))
bottom.plot(seconds, probability[:, 0], color="0.8", label="blank")
digits = list(transcriber[1].classes_)
for digit in sorted(set(y_test[i] + predicted[i])):
    own = probability[:, 1 + digits.index(digit)]
    bottom.plot(seconds, own, label=digit)
for join_at in np.cumsum(lengths[i])[:-1] / train.sampling_rate:
    top.axvline(join_at, color="white", linestyle=":")
    bottom.axvline(join_at, color="0.5", linestyle=":")
bottom.set(xlabel="seconds", ylabel="probability", ylim=(0, 1.05))
bottom.legend(loc="center left", bbox_to_anchor=(1, 0.5))
figure.savefig("spoken_digits.png", dpi=120)
print("figure saved: spoken_digits.png")

# %%
# With twice the recordings and more epochs, 0.9 % of the digits are wrong. New voices
# are harder: if two of the six speakers are held out, 17 % of their digits are wrong.
# A pause between the digits, or noise, would have to be a part of the training.

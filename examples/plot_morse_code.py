"""
Morse code to text
==================

Which letters does a noisy recording of Morse code spell? The recording has thousands of
samples and the text a few letters, and nobody has marked where a letter begins. An
:class:`~sklearn_rnn.RNNTranscriber` learns this itself, from recordings and their texts
alone.
"""

# %%
# A sender keys short and long tones at his own speed, with uneven pauses, and noise
# covers them. Texts have two to four letters.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.pipeline import make_pipeline

from sklearn_rnn import RNNTranscriber
from sklearn_rnn.metrics import character_error_rate
from sklearn_rnn.preprocessing import AudioFeatures

RATE = 2000  # samples per second
CODE = {
    "A": ".-",
    "E": ".",
    "I": "..",
    "M": "--",
    "N": "-.",
    "O": "---",
    "S": "...",
    "T": "-",
}


def key(text, rng):
    """Return the recording of a text."""
    unit = rng.uniform(0.03, 0.045)  # seconds of a short tone
    parts = [np.zeros(int(3 * unit * RATE))]
    for letter in text:
        for sign in CODE[letter]:
            n_units = {".": 1, "-": 3}[sign] * rng.uniform(0.8, 1.2)
            parts.append(np.ones(int(n_units * unit * RATE)))
            parts.append(np.zeros(int(unit * rng.uniform(0.8, 1.2) * RATE)))
        parts.append(np.zeros(int(2 * unit * RATE)))
    tone = np.concatenate(parts)
    carrier = np.sin(2 * np.pi * rng.uniform(550, 650) / RATE * np.arange(len(tone)))
    return tone * carrier + rng.normal(0, 0.5, len(tone))


def make_recordings(n_samples, seed):
    """Return recordings and their texts."""
    rng = np.random.default_rng(seed)
    letters = list(CODE)
    texts = ["".join(rng.choice(letters, rng.integers(2, 5))) for _ in range(n_samples)]
    return [key(text, rng) for text in texts], texts


X, y = make_recordings(400, seed=0)
X_test, y_test = make_recordings(100, seed=1)
print(f"'{y[0]}' is a recording of {len(X[0])} samples")

# %%
# :class:`~sklearn_rnn.preprocessing.AudioFeatures` turns each recording into a spectrum
# every 10 ms. Two convolutions of stride 2 leave a frame of the network every 40 ms,
# which is enough for a letter and makes training fast.
transcriber = make_pipeline(
    AudioFeatures(sampling_rate=RATE, n_mels=8, window=0.03),
    RNNTranscriber(
        conv_channels=(32, 32),
        conv_kernel_size=7,
        hidden_size=32,
        batch_size=16,
        max_epochs=12,
        random_state=0,
    ),
)
transcriber.fit(X, y)
predictions = transcriber.predict(X_test)
print(f"character errors: {character_error_rate(y_test, predictions):.1%}")
print("true:     ", *y_test[:8])
print("predicted:", *predictions[:8])

# %%
# At each frame, the network predicts a letter or the blank. It predicts a letter where
# it has read enough of it, as a short peak, and blanks elsewhere. The text is the order
# of the peaks. The figure shows the spectrum of a test recording and, below it, the
# probability of each letter.
i = int(np.argmax([len(text) for text in y_test]))
spectrum = transcriber[0].transform(X_test[i : i + 1])[0]
probability = np.exp(transcriber[1].predict_log_proba([spectrum])[0])
seconds, frames = 0.01 * np.arange(len(spectrum)), 0.04 * np.arange(len(probability))
figure, (top, bottom) = plt.subplots(
    2, 1, figsize=(9, 5), sharex=True, layout="constrained"
)
top.pcolormesh(seconds, np.arange(spectrum.shape[1]), spectrum.T, cmap="magma")
top.set(ylabel="mel band", title=f"A recording of '{y_test[i]}' and its letters")
bottom.plot(frames, probability[:, 0], color="0.8", label="blank")
spans = transcriber[1].align([spectrum], y_test[i : i + 1])[0]
letters = list(transcriber[1].classes_)
for letter in sorted(set(y_test[i])):
    (line,) = bottom.plot(frames, probability[:, 1 + letters.index(letter)])
    for (first, end), own in zip(spans, y_test[i], strict=True):
        if own == letter:
            middle = seconds[first:end].mean()
            bottom.text(middle, 1.03, letter, color=line.get_color(), ha="center")
bottom.set(xlabel="seconds", ylabel="probability", ylim=(0, 1.15))
bottom.legend(loc="center right")
figure.savefig("morse_code.png", dpi=100)
print("figure saved: morse_code.png")

# %%
# :doc:`/transcription` explains the network, its alignments and its parameters, and
# :doc:`/metrics` the error rates.

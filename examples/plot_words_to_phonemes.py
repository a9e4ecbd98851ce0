"""
How is this word pronounced?
============================

English spelling hides its sounds: the k of "knight" is silent, and two letters of
"phone" are one sound. The sounds still follow the order of the letters, which is all
that an :class:`~sklearn_rnn.RNNTranscriber` needs to know. It learns from spelled words
and their phonemes, and pronounces words that it has never read. See
:doc:`/transcription`.
"""

# %%
# CMUdict has the pronunciations of 126,052 words, many of them names. They are
# downloaded once. If the download fails, the example uses invented words of a few
# spellings instead.
import re
import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline
from sklearn.utils import Bunch

from sklearn_rnn import RNNTranscriber
from sklearn_rnn.datasets import fetch_cmudict
from sklearn_rnn.metrics import word_error_rate
from sklearn_rnn.preprocessing import SequenceTokenizer


def invent_words(n_words, random_state):
    rng = np.random.default_rng(random_state)
    sounds = [
        {
            "kn": "N",
            "ph": "F",
            "sh": "SH",
            "t": "T",
            "m": "M",
            "gr": "G R",
            "qu": "K W",
        },
        {"igh": "AY", "ea": "IY", "o": "AA", "oo": "UW", "a": "AE", "ou": "AW"},
        {"t": "T", "ck": "K", "ll": "L", "p": "P", "ss": "S", "nd": "N D"},
    ]
    data, target = [], []
    for n_syllables in rng.integers(1, 4, size=n_words):
        spelled = [rng.choice(list(part)) for part in sounds * n_syllables]
        spoken = [
            part[letters]
            for part, letters in zip(sounds * n_syllables, spelled, strict=True)
        ]
        data.append("".join(spelled))
        target.append(" ".join(spoken))
    return Bunch(data=data, target=target)


try:
    dictionary, n_train = fetch_cmudict(), 20_000
    shown = ["knight", "phoneme", "sequence"]
except OSError as error:
    print(f"{error}\nUsing invented words instead.")
    dictionary, n_train = invent_words(3000, random_state=0), 2000
    shown = dictionary.data[:3]

# %%
# Numbers at the end of vowels are their stress, which is left out here. Words with
# several pronunciations are learned with the first one, and an answer may be any of
# them. Abbreviations, which have more sounds than letters, are left out. 20,000 words
# are to learn from, and 1,000 others for the test.
pronunciations = {}
for word, text in zip(dictionary.data, dictionary.target, strict=True):
    phonemes = re.sub(r"\d", "", text)
    if word.isalpha() and len(phonemes.split()) <= 1.5 * len(word):
        own = pronunciations.setdefault(word, [])
        own += [phonemes] if phonemes not in own else []
words = [word for word in sorted(pronunciations) if word not in shown]
words = np.random.default_rng(0).permutation(words).tolist()
test_words, train_words = words[:1000], words[1000 : 1000 + n_train]
for word in test_words[:5]:
    print(f"{word}: {' or '.join(pronunciations[word])}")

# %%
# Letters are tokens of X, and the phonemes, separated by spaces, are the words of y.
# ``upsample=2`` gives each letter two frames, since the x of "box" is two sounds. The
# loss still falls after five epochs, of which the estimator warns.
warnings.filterwarnings("ignore", "Maximum epochs", ConvergenceWarning)
transcriber = make_pipeline(
    SequenceTokenizer(level="char"),
    RNNTranscriber(
        hidden_size=128,
        embedding_dim=32,
        dropout=0.1,
        upsample=2,
        target_level="word",
        batch_size=64,
        learning_rate=0.005,
        max_epochs=5,
        random_state=0,
    ),
)
transcriber.fit(train_words, [pronunciations[word][0] for word in train_words])
predicted = transcriber.predict(test_words)
is_right = [
    answer in pronunciations[word]
    for word, answer in zip(test_words, predicted, strict=True)
]
first = [pronunciations[word][0] for word in test_words]
print(f"new words pronounced correctly: {np.mean(is_right):.1%}")
print(f"wrong phonemes: {word_error_rate(first, predicted):.1%}")
for i in np.flatnonzero(np.invert(is_right))[:5]:
    print(f"{test_words[i]}: {predicted[i]} is wrong, {first[i]} is right")

# %%
# Words that are in no dictionary have a pronunciation, too.
for word in ("squonk", "phrindle", "knoggy"):
    (answer,) = transcriber.predict([word])
    print(f"{word}: {answer}")

# %%
# Each letter has two frames with a probability for each phoneme and for the *blank*,
# which writes nothing. The blanks are not drawn. A phoneme is written at one of the
# letters that make it, and silent letters leave blanks alone.
answers = transcriber.predict(shown)
figure, axes = plt.subplots(
    1,
    3,
    figsize=(12, 4),
    layout="constrained",
    width_ratios=[len(word) for word in shown],
)
classes = list(transcriber[-1].classes_)
for axis, word, answer in zip(axes, shown, answers, strict=True):
    X = transcriber[:-1].transform([word])
    probability = np.exp(transcriber[-1].predict_log_proba(X)[0])
    written = list(dict.fromkeys(answer.split()))
    columns = [1 + classes.index(phoneme) for phoneme in written]
    image = axis.imshow(
        probability[:, columns].T,
        cmap="Blues",
        vmin=0,
        vmax=1,
        aspect="auto",
        extent=(0, len(word), len(written), 0),
    )
    axis.set_xticks(np.arange(len(word)) + 0.5, list(word))
    axis.set_yticks(np.arange(len(written)) + 0.5, written)
    axis.vlines(np.arange(1, len(word)), 0, len(written), color="0.9", linewidth=1)
    axis.tick_params(length=0)
    right = pronunciations[word]
    axis.set_title(answer if answer in right else f"{answer}, right: {right[0]}")
figure.colorbar(image, label="probability")
figure.savefig("words_to_phonemes.png", dpi=120)
print("figure saved: words_to_phonemes.png")

# %%
# More of the dictionary and two larger layers get 75.7 % of 12,606 new words right,
# after half an hour. An :class:`~sklearn_rnn.RNNTranslator`, which has to learn that
# sounds follow the order of the letters, gets 66.6 %.

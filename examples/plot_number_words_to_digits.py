"""
Number words to digits
======================

"three hundred and five" has four words, "305" has three digits, and no word is the
zero: the answer is a sequence of another length. A translator learns such pairs from
examples, and its attention shows which words each digit was read from. See
:doc:`/translation`.
"""

# %%
# The numbers below 1,000 are spelled out. The translator sees 600 of them, and is
# tested on the 400 others.
import warnings

import matplotlib.pyplot as plt
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from sklearn_rnn import RNNTranslator
from sklearn_rnn.inspection import AlignmentDisplay
from sklearn_rnn.metrics import character_error_rate, exact_match_score

SMALL = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]


def spell(n):
    if n < 20:
        return SMALL[n]
    if n < 100:
        tens, rest = divmod(n, 10)
        return TENS[tens - 2] + (f" {SMALL[rest]}" if rest else "")
    hundreds, rest = divmod(n, 100)
    return f"{SMALL[hundreds]} hundred" + (f" and {spell(rest)}" if rest else "")


words, digits = [spell(n) for n in range(1000)], [str(n) for n in range(1000)]
X, X_test, y, y_test = train_test_split(words, digits, train_size=600, random_state=0)
print(X[0], "->", y[0])

# %%
# Sources are split into words, targets into characters. `score` is chrF, the share of
# common runs of characters; here, an answer is right or wrong. The loss still falls at
# the end, of which the estimator warns.
warnings.filterwarnings("ignore", "Maximum epochs", ConvergenceWarning)
translator = RNNTranslator(
    level="word",
    target_level="char",
    hidden_size=48,
    dropout=0.1,
    batch_size=16,
    max_epochs=30,
    learning_rate=0.01,
    random_state=0,
)
translator.fit(X, y)
predicted = translator.predict(X_test)
print(f"exact answers: {exact_match_score(y_test, predicted):.3f}")
print(f"character error rate: {character_error_rate(y_test, predicted):.3f}")

# %%
# `predict_n_best` returns several answers with their scores.
answers, scores = translator.predict_n_best(["nine hundred and nineteen"], n=3)
for answer, score in zip(answers[0], scores[0], strict=True):
    print(f"{answer}: {score:.2f}")

# %%
# Each row of the attention weights is a digit, each column a word. The last row is the
# end of the answer, the last column the end of the question.
shown = ["eight hundred and five", "forty two", "six hundred and seventy one"]
answers = translator.predict(shown)
fig, axes = plt.subplots(1, 3, figsize=(12, 3.6), layout="constrained")
for sample, ax in enumerate(axes):
    AlignmentDisplay.from_estimator(translator, shown, answers, sample=sample, ax=ax)
    ax.set_title(f"{shown[sample]} → {answers[sample]}", fontsize=9)
fig.savefig("number_words_to_digits.png", dpi=120)

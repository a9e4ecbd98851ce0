"""
Shakespeare at three temperatures
=================================

A generator reads a million characters of Shakespeare, learns which character comes
next, and writes lines of its own. How bold should it be? The temperature decides: a
cold generator repeats its most probable phrases, a hot one invents words. See
:doc:`/generation`.
"""

# %%
# Tiny Shakespeare is one text of 1,115,394 characters. The first 90 % are for training.
# They are downloaded once. If the download fails, the example uses invented lines of
# few words instead.
import re
import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import Bunch

from sklearn_rnn import RNNGenerator
from sklearn_rnn.datasets import fetch_tinyshakespeare


def invent_play(n_speeches, random_state):
    rng = np.random.default_rng(random_state)
    speakers = ["ROMEO", "JULIET", "MERCUTIO", "NURSE", "TYBALT"]
    beginnings = ["Good morrow,", "I pray thee,", "What,", "Farewell,", "Speak,"]
    names = ["cousin", "gentle lady", "my lord", "sweet nurse", "villain"]
    ends = [
        "the sun is not yet risen.",
        "where is my honest sword?",
        "thou hast broken my heart.",
        "how long is the night?",
        "bring me to the holy friar.",
    ]
    speeches = zip(
        *(rng.choice(part, n_speeches) for part in (speakers, beginnings, names, ends)),
        strict=True,
    )
    return "".join(f"{who}:\n{a} {b}, {c}\n\n" for who, a, b, c in speeches)


try:
    train = fetch_tinyshakespeare()
    test = fetch_tinyshakespeare(subset="test")
except OSError as error:
    print(f"{error}\nUsing invented lines instead.")
    train, test = Bunch(data=[invent_play(1500, 0)]), Bunch(data=[invent_play(100, 1)])
(text,) = train.data
print(text[:200])

# %%
# One long text is passed as a list of one string, and has no end to learn
# (``end_token=False``). It is cut into parts that fill all rows of a mini-batch. Two
# epochs are short: with 15 epochs of a larger network, the perplexity falls to 4.3 in a
# quarter of an hour.
warnings.filterwarnings("ignore", "Maximum epochs", ConvergenceWarning)
generator = RNNGenerator(
    end_token=False,
    hidden_size=192,
    batch_size=16,
    max_epochs=2,
    learning_rate=0.01,
    random_state=0,
)
generator.fit(train.data)
n_characters = len(generator.tokens_) - 2  # without the end and the unknown
print(f"perplexity of the test text: {generator.perplexity(test.data):.2f}")
print(f"perplexity of random characters: {n_characters}")

# %%
# Probabilities are raised to the power of one over the temperature. Close to 0, the
# most probable character is nearly always taken. All samples continue the same prompt.
PROMPT = "ROMEO:\n"
samples = {
    temperature: generator.sample(
        prompt=PROMPT, max_length=400, temperature=temperature, random_state=0
    )[0]
    for temperature in (0.2, 0.8, 1.5)
}
for temperature, sample in samples.items():
    print(f"--- temperature {temperature} ---\n{sample}\n")

# %%
# Two shares show what a temperature gains and loses: words that occur in the training
# text, and different words among 100. Each is a mean over 20 samples.
known = set(re.findall(r"[\w']+", text))
temperatures = np.arange(0.1, 1.7, 0.2)
correct, different = [], []
for temperature in temperatures:
    drawn = generator.sample(
        20, prompt=PROMPT, max_length=600, temperature=temperature, random_state=1
    )
    # the last word may have been cut
    words = [re.findall(r"[\w']+", sample)[1:-1] for sample in drawn]
    correct.append(np.mean([word in known for own in words for word in own]))
    different.append(np.mean([len(set(own[:100])) / len(own[:100]) for own in words]))

figure = plt.figure(figsize=(11, 6), layout="constrained")
panels, bottom = figure.subfigures(2, 1, height_ratios=[1, 1.1])
for axis, (temperature, sample) in zip(
    panels.subplots(1, 3), samples.items(), strict=True
):
    lines = [line[:56] for line in sample.split("\n")[:15]]
    axis.text(0, 1, "\n".join(lines), family="monospace", fontsize=7, va="top")
    axis.set_title(f"temperature {temperature}", loc="left")
    axis.axis("off")
axis = bottom.subplots()
axis.plot(temperatures, correct, "o-", label="words of the training text")
axis.plot(temperatures, different, "s-", label="different words among 100")
for temperature in samples:
    axis.axvline(temperature, color="0.85", zorder=0)
axis.set(xlabel="temperature", ylabel="share of words", ylim=(0, 1.03))
axis.legend()
figure.savefig("shakespeare_at_three_temperatures.png", dpi=120)
print("figure saved: shakespeare_at_three_temperatures.png")

# %%
# `top_k` and `top_p` leave out the least probable characters instead, so that a high
# temperature makes fewer mistakes.
(sample,) = generator.sample(
    prompt=PROMPT, max_length=330, temperature=1.5, top_p=0.8, random_state=0
)
print(sample)

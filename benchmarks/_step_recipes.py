"""Recipes of one answer a step."""

from collections import Counter, defaultdict

import numpy as np
from _data import load_entities, load_parts_of_speech, load_pronunciation
from _recipes import Recipe, seeded, train_and_test
from _sequence_recipes import life_regressor, lives_so_far
from sklearn.base import BaseEstimator, clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_rnn import RNNStepRegressor, RNNTagger
from sklearn_rnn.datasets import fetch_cmapss_fd001
from sklearn_rnn.metrics import span_f1_scorer, step_accuracy_scorer
from sklearn_rnn.preprocessing import GapEncoder, SequenceTokenizer, WordAttributes

REGULARIZED = {"dropout": 0.5, "optimizer": "adamw", "weight_decay": 0.1}


def words():
    """Words alone, as written and in lower case; chosen on the development part."""
    return parts_of_speech(
        WordAttributes(("word", "lower")),
        RNNTagger(embedding_dim=64, max_epochs=8, **REGULARIZED),
    )


def characters():
    """Lower case and all characters of each word, with the settings of `words`."""
    return parts_of_speech(
        WordAttributes(("lower", "characters"), min_count=2),
        RNNTagger(embedding_dim=64, max_epochs=8, **REGULARIZED),
    )


def attributes():
    """Lower case, shape, and prefixes and suffixes of several lengths of each word."""
    names = ("lower", "shape", "prefix2", "prefix3", "suffix2", "suffix3", "suffix4")
    return parts_of_speech(
        WordAttributes(names, min_count=2),
        RNNTagger(embedding_dim=[64, 16] + [32] * 5, max_epochs=8, **REGULARIZED),
    )


def parts_of_speech(transformer, tagger):
    train, test = load_parts_of_speech("train"), load_parts_of_speech("test")
    return Recipe(
        *train_and_test(*train, *test),
        model=make_pipeline(transformer, tagger),
        baseline=plain_tagger(describe_words),
        scoring=step_accuracy_scorer,
        naive=MostFrequentTag(),
    )


def describe_words(X):
    """Return the features of each word that are usual for a conditional random field.

    The word, its ends, its case, and both neighbours.
    """
    return [[describe_word(x, i) for i in range(len(x))] for x in X]


def describe_word(sentence, i):
    word = sentence[i]
    ends = {f"suffix{n}": word[-n:].lower() for n in (1, 2, 3)}
    starts = {f"prefix{n}": word[:n].lower() for n in (1, 2, 3)}
    case = {"title": word.istitle(), "upper": word.isupper(), "digit": word.isdigit()}
    around = {
        f"word{j:+d}": sentence[i + j].lower() if 0 <= i + j < len(sentence) else ""
        for j in (-1, 1)
    }
    return {"word": word.lower(), **starts, **ends, **case, **around}


def entities():
    """Names of people, places and products in messages: few, and nearly all new.

    Two thirds of the messages have no name; the others count six times as much, so
    that more names are found. Settings were chosen on the development part.
    """
    return Recipe(
        *train_and_test(*load_entities("train"), *load_entities("test")),
        model=make_pipeline(
            WordAttributes(("lower", "shape", "characters"), min_count=2),
            NamesCountMore(
                RNNTagger(crf=True, scheme="iob2", max_epochs=8, dropout=0.5),
                weight=6,
            ),
        ),
        baseline=plain_tagger(describe_words),
        scoring=span_f1_scorer,
        naive=MostFrequentTag(),
    )


class NamesCountMore(BaseEstimator):
    """Train a tagger with a higher weight of the sentences that have a name."""

    def __init__(self, tagger, weight):
        self.tagger = tagger
        self.weight = weight

    def fit(self, X, y):
        weight = [self.weight if set(tags) != {"O"} else 1 for tags in y]
        self.tagger_ = clone(self.tagger).fit(X, y, sample_weight=weight)
        return self

    def predict(self, X):
        return self.tagger_.predict(X)


def pronunciation():
    """A phoneme a letter; settings were chosen on a fifth of the training words."""
    letters, phonemes, is_test = load_pronunciation()
    return Recipe(
        letters,
        phonemes,
        [(np.flatnonzero(~is_test), np.flatnonzero(is_test))],
        model=make_pipeline(
            SequenceTokenizer(level="char"),
            RNNTagger(
                hidden_size=128,
                num_layers=2,
                dropout=0.3,
                learning_rate=0.005,
                max_epochs=10,
            ),
        ),
        baseline=plain_tagger(describe_letters),
        scoring=step_accuracy_scorer,
        naive=MostFrequentTag(),
    )


def describe_letters(X):
    """Return the letters up to three before and after each, and their runs."""
    return [[describe_letter(f"___{x}___", i) for i in range(len(x))] for x in X]


def describe_letter(padded, i):
    around = {f"{j:+d}": padded[i + 3 + j] for j in range(-3, 4)}
    runs = {"before": padded[i + 1 : i + 4], "after": padded[i + 3 : i + 6]}
    return {**around, **runs, "middle": padded[i + 2 : i + 5]}


def engines_each_cycle(cap=125):
    """The life that remains at each cycle, in one pass that reads only the past.

    Scored at the last cycle of each test engine; the plain model is the recurrent
    network on lives so far of the row above. Settings were chosen on training engines
    left out, 20 a fold.
    """
    train, test = fetch_cmapss_fd001(), fetch_cmapss_fd001(subset="test")
    return Recipe(
        *train_and_test(
            list(train.data),
            [np.minimum(cap, remaining[:, 0]) for remaining in train.target],
            list(test.data),
            [remaining[:, 0] for remaining in test.target],
        ),
        model=make_pipeline(
            GapEncoder(add_mask=False, add_time_since=False),
            RNNStepRegressor(
                hidden_size=128,
                bidirectional=False,
                dropout=0.5,
                optimizer="adamw",
                weight_decay=1.0,
                weight_averaging=0.0,
                max_epochs=60,
                batch_size=8,
            ),
        ),
        baseline=OnLivesSoFar(),
        scoring=last_cycle_scorer,
    )


class OnLivesSoFar(BaseEstimator):
    """Answer the last step of each sequence, from a network on lives so far."""

    def __init__(self, random_state=None):
        self.random_state = random_state

    def fit(self, X, y):
        self.regressor_ = seeded(life_regressor(), self.random_state)
        self.regressor_.fit(*lives_so_far(X, y))
        return self

    def predict(self, X):
        return self.regressor_.predict(X)[:, np.newaxis]


def last_cycle_scorer(model, X, y):
    """Return the root mean squared error at the last step of each sequence."""
    answers = model.predict(X)
    errors = [a[-1] - t[-1] for a, t in zip(answers, y, strict=True)]
    return np.sqrt(np.mean(np.square(errors)))


# Baselines ----------------------------------------------------------------------------


class MostFrequentTag(BaseEstimator):
    """Answer each word with its most frequent tag; a new one, with that of all."""

    def fit(self, X, y):
        tags = defaultdict(Counter)
        for word, tag in pairs(X, y):
            tags[word][tag] += 1
        self.tags_ = {word: n.most_common(1)[0][0] for word, n in tags.items()}
        self.default_ = sum(tags.values(), Counter()).most_common(1)[0][0]
        return self

    def predict(self, X):
        return [[self.tags_.get(word, self.default_) for word in x] for x in X]


def pairs(X, y):
    """Return each step with its answer, sequences end to end."""
    return [pair for x, t in zip(X, y, strict=True) for pair in zip(x, t, strict=True)]


def plain_tagger(describe):
    """Return the baseline of tags: a conditional random field on features of words."""
    from sklearn_crfsuite import CRF

    field = CRF(c1=0.1, c2=0.1, max_iterations=100, all_possible_transitions=True)
    return make_pipeline(FunctionTransformer(describe), field)

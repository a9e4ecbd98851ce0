"""Parameters that are "auto": what fit chooses, for which kind of steps."""

import numpy as np
import pandas as pd
import pytest
import torch

from sklearn_rnn import (
    RNNClassifier,
    RNNRegressor,
    RNNStepRegressor,
    RNNTagger,
    _defaults,
)
from sklearn_rnn._defaults import suggest_dropout, suggest_max_epochs
from sklearn_rnn._sequences import RaggedArray, TokenIds, Vocabulary
from sklearn_rnn.nn import Dropout, TokenEmbedding, initialize, shrink_embeddings
from sklearn_rnn.preprocessing import SequenceTokenizer

SMALL = {"hidden_size": 4, "random_state": 0}
CHOSEN = ("conv_channels_", "dropout_", "max_epochs_")


def get_chosen(rnn):
    return tuple(getattr(rnn, name) for name in CHOSEN)


def make_events(n_samples=30, seed=0):
    rng = np.random.default_rng(seed)
    frames = [
        pd.DataFrame(
            {
                "kind": pd.Categorical(rng.choice(["buy", "look", "return"], 5)),
                "amount": rng.normal(size=5),
            }
        )
        for _ in range(n_samples)
    ]
    return frames, np.arange(n_samples) % 2


def make_texts(n_samples=40, n_words=300, seed=0):
    """Texts of five of many words."""
    rng = np.random.default_rng(seed)
    words = rng.integers(0, n_words, (n_samples, 5))
    texts = [" ".join(f"w{word}" for word in text) for text in words]
    return texts, np.arange(n_samples) % 2


def test_numbers_get_the_stem_and_random_kernels(rng):
    X, y = rng.normal(size=(20, 30, 2)), np.arange(20) % 2
    auto = RNNClassifier(**SMALL).fit(X, y)
    assert get_chosen(auto) == ((64, 64), 0.5, 50)
    assert auto.random_kernels_ == 1000
    explicit = RNNClassifier(
        **SMALL,
        conv_channels=(64, 64),
        random_kernels=1000,
        dropout=0.5,
        max_epochs=50,
    ).fit(X, y)
    np.testing.assert_array_equal(auto.predict_proba(X), explicit.predict_proba(X))


def test_many_samples_beside_random_kernels_get_less_dropout():
    dropout = [suggest_dropout(False, 1000, n) for n in (10, 999, 1000, 9000)]
    assert dropout == [0.5, 0.5, 0.2, 0.2]
    assert suggest_dropout(False, None, 9000) == 0.0
    assert suggest_dropout(True, None, 9000) == 0.5


def test_numbers_without_random_kernels_get_no_dropout(rng):
    X, y = rng.normal(size=(20, 30, 2)), np.arange(20) % 2
    alone = RNNClassifier(**SMALL, random_kernels=None).fit(X, y)
    assert get_chosen(alone) == ((64, 64), 0.0, 100)
    regressor = RNNRegressor(**SMALL).fit(X, y)
    assert get_chosen(regressor) == ((64, 64), 0.0, 100)


@pytest.mark.parametrize("cls", [RNNClassifier, RNNRegressor])
def test_tokens_and_categories_get_dropout_and_no_stem(cls):
    texts, y = make_texts()
    ids = SequenceTokenizer().fit_transform(texts)
    assert get_chosen(cls(**SMALL).fit(ids, y)) == (None, 0.5, 100)
    given = cls(**SMALL, conv_channels=3, dropout=0.1, max_epochs=2).fit(ids, y)
    assert get_chosen(given) == (3, 0.1, 2)
    assert given.module_.dropout.p == given.module_.input_dropout.p == 0.1
    frames, y = make_events()
    assert get_chosen(cls(**SMALL).fit(frames, y)) == (None, 0.5, 100)


def test_a_budget_of_updates_is_bounded_by_epochs():
    options = {"embeds": True, "has_rare_values": False}
    epochs = [suggest_max_epochs(**options, n_updates=n) for n in (1, 100, 10**6)]
    assert epochs == [100, 40, 10]
    options["has_rare_values"] = True
    epochs = [suggest_max_epochs(**options, n_updates=n) for n in (1, 50, 10**6)]
    assert epochs == [100, 10, 3]
    options = {"embeds": False, "has_rare_values": False}
    epochs = [suggest_max_epochs(**options, n_updates=n) for n in (1, 200, 10**6)]
    assert epochs == [100, 50, 20]
    options["n_kernels"] = 1000
    epochs = [suggest_max_epochs(**options, n_updates=n) for n in (1, 75, 10**6)]
    assert epochs == [50, 40, 20]


def test_only_rare_tokens_are_dropped_out():
    texts, y = make_texts(n_words=300)
    rnn = RNNClassifier(**SMALL, max_epochs=1)
    rnn.fit(SequenceTokenizer().fit_transform(texts), y)
    assert isinstance(rnn.module_.input_dropout, Dropout)
    X, y = [[1, 2] * 60, [2, 1] * 60], [0, 1]
    rnn.fit(X, y)  # numbers
    assert not isinstance(rnn.module_.input_dropout, Dropout)
    rnn.set_params(embedding_dim=2).fit(X, y)  # each value occurs 120 times
    assert not isinstance(rnn.module_.input_dropout, Dropout)


def test_dropout_of_inputs_acts_in_training_alone():
    texts, y = make_texts()
    ids = SequenceTokenizer().fit_transform(texts)
    rnn = RNNClassifier(**SMALL, max_epochs=1, bidirectional=False).fit(ids, y)
    module = rnn.module_
    x = torch.from_numpy(rnn._index_tokens(ids).values[:5].astype(np.int64)).view(
        1, 5, 1
    )
    module.dropout.p = 0.0
    torch.testing.assert_close(module(x), module.forward_vectors(module.inputs(x)))
    module.train()
    module.input_dropout.generator = torch.Generator().manual_seed(0)
    assert not torch.equal(module(x), module.forward_vectors(module.inputs(x)))
    assert not torch.equal(module(x), module(x))


def test_values_of_a_single_sequence_are_unknown():
    X = TokenIds([[7], [7], [3], [5], [3], [9]], [0, 3, 5, 6])  # 7 7 3 | 5 3 | 9
    assert Vocabulary([X], [0]).known[0].tolist() == [3, 5, 7, 9]
    vocabulary = Vocabulary([X], [0], min_sequences=2)
    assert vocabulary.known[0].tolist() == [3]
    assert vocabulary.encode(X).values.ravel().tolist() == [0, 0, 1, 0, 1, 0]


def test_copies_of_a_sequence_count_once():
    X = RaggedArray([[1], [2], [1], [2], [2], [3]], [0, 2, 4, 6])  # 1 2 | 1 2 | 2 3
    assert Vocabulary([X], [0], min_sequences=2).known[0].tolist() == [2]


def test_all_values_are_known_if_each_is_rare():
    X = RaggedArray([[1], [2], [3]], [0, 1, 2, 3])
    assert Vocabulary([X], [0], min_sequences=2).known[0].tolist() == [1, 2, 3]


def test_rare_tokens_train_the_vector_of_unknown_ones():
    texts, y = make_texts(n_words=60)
    ids = SequenceTokenizer().fit_transform(texts)
    rnn = RNNClassifier(**SMALL, max_epochs=2).fit(ids, y)
    assert rnn.module_.inputs.table.weight[0].abs().min() > 0
    unseen = ids.values.max() + 1
    n_sequences = [sum(k in x for x in ids) for k in range(unseen)]
    rare, common = n_sequences.index(1), n_sequences.index(max(n_sequences))
    probability = rnn.predict_proba(
        TokenIds([[rare], [common], [unseen], [common], [common]], [0, 2, 4, 5])
    )
    np.testing.assert_array_equal(probability[0], probability[1])
    assert (probability[0] != probability[2]).all()


def test_a_weight_of_two_equals_two_copies_of_a_text():
    texts, y = make_texts(n_samples=12, n_words=20)
    tokenizer = SequenceTokenizer().fit(texts)
    weight = np.where(np.arange(12) < 6, 2.0, 1.0)
    copied = texts + texts[:6]
    one = RNNClassifier(**SMALL, dropout=0.0, max_epochs=5)
    two = RNNClassifier(**SMALL, dropout=0.0, max_epochs=5)
    ids = tokenizer.transform(texts)
    one.fit(ids, y, sample_weight=weight)
    two.fit(tokenizer.transform(copied), np.r_[y, y[:6]])
    np.testing.assert_array_equal(one.predict_proba(ids), two.predict_proba(ids))


def test_auto_is_chosen_again_in_a_warm_start():
    texts, y = make_texts()
    ids = SequenceTokenizer().fit_transform(texts)
    rnn = RNNClassifier(**SMALL, warm_start=True, dropout=0.1, max_epochs=1)
    rnn.fit(ids, y).set_params(dropout="auto").fit(ids, y)
    assert rnn.dropout_ == rnn.module_.dropout.p == rnn.module_.input_dropout.p == 0.5


@pytest.mark.parametrize("cls", [RNNTagger, RNNStepRegressor])
def test_auto_is_accepted_only_where_it_is_the_default(cls):
    with pytest.raises(
        ValueError, match=f"'conv_channels' parameter of {cls.__name__}"
    ):
        cls(conv_channels="auto").fit([[1.0, 2.0]], [[0, 1]])


@pytest.mark.parametrize("cls", [RNNTagger, RNNStepRegressor])
def test_estimators_of_steps_choose_by_the_kind_of_steps(cls, rng):
    X, y = rng.normal(size=(4, 3, 2)), np.ones((4, 3))
    y[:, 1] = 0
    assert get_chosen(cls(**SMALL).fit(X, y)) == (None, 0.0, 100)
    tokens = [["a", "b", "c"]] * 4
    ids = SequenceTokenizer(level=None).fit_transform(tokens)
    assert get_chosen(cls(**SMALL).fit(ids, y)) == (None, 0.5, 100)
    given = cls(**SMALL, dropout=0.1, max_epochs=2).fit(ids, y)
    assert get_chosen(given) == (None, 0.1, 2)
    assert given.module_.dropout.p == 0.1


def test_rare_words_leave_a_tagger_the_epochs_of_frequent_ones(monkeypatch):
    monkeypatch.setattr(_defaults, "_N_UPDATES", {False: 60, True: 40})
    monkeypatch.setattr(_defaults, "_LEAST_EPOCHS", {False: 1, True: 1})
    ids = SequenceTokenizer(level=None).fit_transform([[f"w{i}"] for i in range(20)])
    params = {"hidden_size": 1, "batch_size": 1, "random_state": 0}
    assert RNNTagger(**params).fit(ids, [["A"], ["B"]] * 10).max_epochs_ == 3
    assert RNNClassifier(**params).fit(ids, ["A", "B"] * 10).max_epochs_ == 2


def test_embeddings_start_with_a_length_of_one():
    table = TokenEmbedding(200, 16)
    initialize(table, torch.Generator().manual_seed(0))
    weights = table.table.weight.detach().clone()
    shrink_embeddings(table)
    torch.testing.assert_close(table.table.weight, weights / 4)
    assert not table.table.weight[0].any()

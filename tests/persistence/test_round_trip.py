"""What is loaded is what was saved, here and in another process."""

import pickle
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

import sklearn_rnn
from sklearn_rnn import RNNGenerator
from sklearn_rnn.inspection import (
    attention_weights,
    gate_activations,
    permutation_importance,
    step_attributions,
)
from sklearn_rnn.preprocessing import SequenceTokenizer
from tests.persistence_attacks import DELETED, change
from tests.persistence_tools import CASES, TOKENS, answer, classes, label_steps
from tests.training_tools import assert_weights_equal, weights_of


@pytest.fixture(scope="module")
def fitted():
    """Return a function that returns the model and X of a case, fitted once."""
    made = {}

    def get(case):
        if case not in made:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                made[case] = CASES[case]()
        return made[case]

    return get


def save_and_load(model):
    sklearn_rnn.save(model, "model")
    return sklearn_rnn.load("model")


def rnn_of(model):
    return model[-1] if isinstance(model, Pipeline) else model


def assert_answers_equal(a, b):
    assert a.keys() == b.keys()
    for name, value in a.items():
        assert value.dtype == b[name].dtype, name
        np.testing.assert_array_equal(value, b[name], err_msg=name)


@pytest.mark.parametrize("case", CASES)
def test_the_loaded_is_as_the_saved(case, fitted):
    model, X = fitted(case)
    again = save_and_load(model)
    check_is_fitted(again)
    assert_answers_equal(answer(model, X), answer(again, X))
    assert repr(model).split("RandomState")[0] == repr(again).split("RandomState")[0]
    assert vars(rnn_of(model)).keys() == vars(rnn_of(again)).keys()
    pickle.loads(pickle.dumps(clone(again)))


def test_predictions_are_equal_in_another_process(fitted):
    """To the last bit, whatever the settings, with all in one process."""
    expected, models = {}, {}
    for i, case in enumerate(CASES):
        model, X = fitted(case)
        sklearn_rnn.save(model, f"{i}.safetensors")
        models[i] = X
        for name, value in answer(model, X).items():
            expected[f"{i} {name}"] = value
    with open("X.pickle", "wb") as file:
        pickle.dump(models, file)
    code = (
        "import pickle, numpy as np, sklearn_rnn;"
        "from tests.persistence_tools import answer;"
        "models = pickle.load(open('X.pickle', 'rb'));"
        "load = lambda i: sklearn_rnn.load(f'{i}.safetensors');"
        "np.savez('found.npz', **{f'{i} {name}': value for i, X in models.items() "
        "for name, value in answer(load(i), X).items()})"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    with np.load("found.npz") as found:
        assert_answers_equal(expected, dict(found))


TARGETS = {
    "two targets": lambda: np.c_[classes(), 2.0 * classes()],
    "tagger of sets": lambda: label_steps("sets"),
    "scheme": lambda: label_steps("spans"),
    "step regressor": lambda: label_steps("numbers"),
}
CONTINUED = [
    *(
        "cell lstm",
        "balanced",
        "decay",
        "partial_fit",
        "RandomState",
        "changed settings",
    ),
    *("frames", "table", "two targets", "tagger of sets", "scheme", "step regressor"),
]


@pytest.mark.parametrize("case", CONTINUED)
def test_training_goes_on_as_if_it_had_not_been_saved(case, fitted):
    model, X = CASES[case]()
    y = TARGETS.get(case, classes)()
    again = save_and_load(model)
    for rnn in (model, again):
        rnn.partial_fit(X, y).partial_fit(X, y)
        rnn.set_params(warm_start=True).fit(X, y)
    assert_weights_equal(weights_of(model), weights_of(again))
    assert model.loss_curve_ == again.loss_curve_
    assert model.n_iter_ == again.n_iter_ == len(again.history_)
    for before, after in zip(model.history_, again.history_, strict=True):
        assert {**before, "dur": 0} == {**after, "dur": 0}


@pytest.mark.parametrize("case", ["generator", "generator, not tied", "translator"])
def test_a_warm_start_of_tokens_goes_on(case):
    model, X = CASES[case]()
    again = save_and_load(model)
    for rnn in (model, again):
        rnn.set_params(warm_start=True, max_epochs=1)
        if case == "translator":
            rnn.fit(X, [text[::-1] for text in X])
        else:
            rnn.fit(X)
    assert_weights_equal(weights_of(model), weights_of(again))
    assert model.loss_curve_ == again.loss_curve_


def test_tied_weights_stand_once(fitted):
    model, _ = fitted("generator")
    again = save_and_load(model)
    assert again.module_.head.weight is again.module_.inputs.table.weight
    assert b"RNNGenerator.weights.head.weight" not in Path("model").read_bytes()


def test_subwords_are_rebuilt_from_their_merges():
    pytest.importorskip("tokenizers")
    texts = ["the end of the end", "Ünd the ende", "of one"] * 4
    generator = RNNGenerator(level="subword", max_tokens=270, **TOKENS).fit(texts)
    assert_answers_equal(
        answer(generator, texts), answer(save_and_load(generator), texts)
    )
    tokenizer = SequenceTokenizer("subword", max_tokens=270, end=True).fit(texts)
    again = save_and_load(tokenizer)
    np.testing.assert_array_equal(
        again.transform(texts).values, tokenizer.transform(texts).values
    )
    assert again.tokenizer_.to_str() == tokenizer.tokenizer_.to_str()
    for place, value in (("merges", DELETED), ("vocabulary_", {"dict": {"a": 2}})):
        data = change(Path("model").read_bytes(), f"learned.{place}", value)
        Path("bad").write_bytes(data)
        with pytest.raises(ValueError, match="is no file that"):
            sklearn_rnn.load("bad")


def test_the_loaded_can_be_inspected(fitted):
    model, X = fitted("sizes")
    again = save_and_load(model)
    for inspect in (attention_weights, gate_activations, step_attributions):
        np.testing.assert_equal(repr(inspect(model, X)), repr(inspect(again, X)))
    found = permutation_importance(again, X, classes(), n_repeats=2, random_state=0)
    assert found.importances.shape[-1] == 2
    assert again._repr_html_()

"""Inspection of estimators of an answer at every step."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.pipeline import make_pipeline

from sklearn_rnn import RNNClassifier, RNNStepRegressor, RNNTagger
from sklearn_rnn.inspection import (
    AttentionDisplay,
    AttributionDisplay,
    GradientFlowDisplay,
    HiddenStateDisplay,
    TrainingDisplay,
    attention_weights,
    gate_activations,
    permutation_importance,
    step_attributions,
)
from sklearn_rnn.metrics import step_f1_scorer
from sklearn_rnn.preprocessing import SequenceTokenizer, WordAttributes

SMALL = {"hidden_size": 4, "max_epochs": 5, "random_state": 0}
METHODS = ["integrated_gradients", "gradient", "occlusion"]
SENTENCES = [["Ada", "sees", "Bob"], ["Bob", "Lee", "and", "Ada", "run"]] * 8
TAGS = [["B-P", "O", "B-P"], ["B-P", "I-P", "O", "B-P", "O"]] * 8


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture
def labels(ragged):
    return [np.where(x[:, 0].cumsum() > 0, "high", "low") for x in ragged[0]]


@pytest.fixture
def sums(ragged):
    return [x[:, 0].cumsum() for x in ragged[0]]


@pytest.fixture(params=[False, True], ids=["softmax", "crf"])
def tagger(request, ragged, labels):
    return RNNTagger(**SMALL, crf=request.param).fit(ragged[0], labels)


@pytest.fixture
def regressor(ragged, sums):
    return RNNStepRegressor(**SMALL).fit(ragged[0], sums)


@pytest.fixture(
    params=[
        SequenceTokenizer(level=None),
        WordAttributes(),
        WordAttributes(["lower", "characters", "shape"], n_characters=4),
    ],
    ids=["1", "4", "characters"],
)
def word_tagger(request):
    tagger = RNNTagger(**SMALL, crf=True, scheme="iob2")
    return make_pipeline(request.param, tagger).fit(SENTENCES, TAGS)


def names_of(word_tagger):
    """Return the names of the features: the characters of a word are one."""
    names = word_tagger[0].get_feature_names_out().tolist()
    if "characters0" not in names:
        return names
    return ["lower", "characters", "shape"]


def log_odds(tagger, X, step, column):
    p = np.array([x[step] for x in tagger.predict_proba(X)], dtype=float)[:, column]
    return np.log(p / (1 - p))


def at_baseline(estimator, X):
    mean = estimator.module_.inputs.mean.numpy()
    return [np.tile(mean, (len(x), 1)) for x in X]


# Attributions ------------------------------------------------------------------------


@pytest.mark.parametrize("step", [0, 2, -1])
def test_attributions_sum_to_the_rise_of_the_log_odds_at_the_step(tagger, ragged, step):
    X = ragged[0][:6]
    attributions = step_attributions(tagger, X, step=step, target=["high", "low"])
    assert list(attributions) == ["high", "low"]
    labels = [one[step] for one in tagger.predict(X)]
    predicted = step_attributions(tagger, X, step=step)
    for i, label in enumerate(labels):
        np.testing.assert_array_equal(predicted[i], attributions[label][i])
    for column, label in enumerate(attributions):
        rises = log_odds(tagger, X, step, column)
        rises -= log_odds(tagger, at_baseline(tagger, X), step, column)
        for parts, rise in zip(attributions[label], rises, strict=True):
            assert abs(parts.sum() - rise) <= 0.01 * np.abs(parts).sum() + 1e-4


@pytest.mark.parametrize("loss", ["squared_error", "gaussian", "poisson"])
def test_attributions_sum_to_the_rise_of_the_prediction_at_the_step(ragged, loss):
    X = ragged[0]
    y = [100 + 20 * np.abs(x[:, :1].cumsum(axis=0)) @ [[1, 2]] for x in X]
    regressor = RNNStepRegressor(**SMALL, loss=loss).fit(X, y)
    X = X[:6]
    parts = step_attributions(regressor, X, target=1, step=1)
    after, before = regressor.predict(X), regressor.predict(at_baseline(regressor, X))
    for part, high, low in zip(parts, after, before, strict=True):
        rise = high[1, 1] - low[1, 1]
        assert abs(part.sum() - rise) <= 0.01 * np.abs(part).sum() + 1e-3


def test_occlusion_equals_a_loop_over_hidden_values(tagger, ragged):
    X = ragged[0][:1]
    parts = step_attributions(tagger, X, step=1, target="low", method="occlusion")[0]
    full = log_odds(tagger, X, 1, 1)[0]
    mean = tagger.module_.inputs.mean.numpy()
    for place in np.ndindex(*X[0].shape):
        hidden = X[0].copy()
        hidden[place] = mean[place[1]]
        fall = full - log_odds(tagger, [hidden], 1, 1)[0]
        assert parts[place] == pytest.approx(fall, abs=1e-4)


def test_an_answer_does_not_depend_on_later_steps_without_a_backward_layer(
    ragged, labels
):
    tagger = RNNTagger(**SMALL, bidirectional=False).fit(ragged[0], labels)
    for parts in step_attributions(tagger, ragged[0][:4], step=1, target="low"):
        assert (parts[:2] != 0).all()
        assert (parts[2:] == 0).all()


@pytest.mark.parametrize("method", METHODS)
def test_each_embedded_column_has_an_attribution(word_tagger, method):
    parts = step_attributions(
        word_tagger, SENTENCES[:2], step=1, target="I-P", method=method
    )
    n_features = len(names_of(word_tagger))
    assert [p.shape for p in parts] == [(3, n_features), (5, n_features)]
    assert all(np.isfinite(p).all() and p.any() for p in parts)


def test_a_hidden_token_is_unknown(word_tagger):
    X, tagger = word_tagger[0].transform(SENTENCES[:1]), word_tagger[-1]
    parts = step_attributions(tagger, X, step=1, target="O", method="occlusion")[0]
    before = log_odds(tagger, X, 1, 2)[0]
    inputs = tagger.module_.inputs
    table = getattr(inputs, "embeddings", [inputs])[0].table.weight
    known = np.unique(word_tagger[0].transform(SENTENCES).values[:, 0])
    for step, token in enumerate(X.values[:, 0]):  # no word occurs twice
        row = 1 + np.searchsorted(known, token)
        with torch.no_grad():
            kept, table[row] = table[row].clone(), table[0]
            fall = before - log_odds(tagger, X, 1, 2)[0]
            table[row] = kept
        assert parts[step, 0] == pytest.approx(fall, abs=1e-4)


def test_numbers_and_categories_have_a_column_each(rng):
    X = [
        pd.DataFrame({"c": pd.Categorical(rng.choice(["a", "b"], 6)), "v": range(6)})
        for _ in range(20)
    ]
    y = [x["c"].to_numpy(str) for x in X]
    tagger = RNNTagger(**{**SMALL, "max_epochs": 30}).fit(X, y)
    parts = step_attributions(tagger, X, step=3, target="a")
    assert parts.shape == (20, 6, 2)
    assert np.abs(parts[:, 3, 0]).mean() > np.abs(parts[:, 3, 1]).mean()
    display = AttributionDisplay.from_estimator(tagger, X, step=3)
    assert np.isnan(display.values[:, 0]).all()
    np.testing.assert_array_equal(display.values[:, 1], range(6))


def test_a_label_that_the_scheme_forbids_is_raised_by_nothing(word_tagger):
    parts = step_attributions(word_tagger, SENTENCES[:2], step=0, target="I-P")
    assert not parts.values.any()


def test_the_step_is_required_for_step_estimators_and_refused_for_others(
    tagger, ragged
):
    X, y = ragged
    for explain in (step_attributions, AttributionDisplay.from_estimator):
        with pytest.raises(TypeError, match="RNNTagger has one prediction per step"):
            explain(tagger, X)
        classifier = RNNClassifier(**SMALL).fit(X, y)
        with pytest.raises(TypeError, match="'step' must be None"):
            explain(classifier, X, step=0)


@pytest.mark.parametrize("step", [3, -4, 1.0, "last"])
def test_a_step_that_a_sequence_lacks_is_refused(tagger, ragged, step):
    X = [x for x in ragged[0] if len(x) > 4][:3] + [ragged[0][0][:3]]
    message = rf"from -3 to 2: X\[3\] has 3 steps. Got {step!r} instead"
    with pytest.raises(ValueError, match=message):
        step_attributions(tagger, X, step=step)


def test_the_picture_is_about_the_predicted_label_at_the_step(word_tagger):
    display = AttributionDisplay.from_estimator(
        word_tagger, SENTENCES, sample=1, step=2
    )
    label = word_tagger.predict(SENTENCES[1:2])[0][2]
    assert display.output_name == f"log-odds of {label} at step 2"
    tokens = display.tokens
    assert [t.lower() for t in tokens] == [w.lower() for w in SENTENCES[1]]
    if display.attributions.shape[1] > 1:
        ticks = [t.get_text() for t in display.ax_.get_xticklabels()]
        assert ticks == SENTENCES[1]


# The other ways to look --------------------------------------------------------------


def test_permutation_importance_finds_the_feature_that_the_labels_depend_on(
    ragged, labels
):
    X = ragged[0]
    tagger = RNNTagger(**{**SMALL, "max_epochs": 40}).fit(X, labels)
    result = permutation_importance(tagger, X, labels, random_state=0)
    assert result.importances_mean[0] > 0.2 > abs(result.importances_mean[1])
    scored = permutation_importance(
        tagger, X, labels, scoring=step_f1_scorer, by="segment", n_segments=2
    )
    assert scored.importances.shape == (2, 5)


def test_permutation_importance_of_a_step_regressor(regressor, ragged, sums):
    result = permutation_importance(regressor, ragged[0], sums, random_state=0)
    assert result.importances_mean[0] > result.importances_mean[1]


def test_permutation_importance_of_columns_of_words(word_tagger):
    result = permutation_importance(word_tagger, SENTENCES, TAGS, random_state=0)
    assert result.names.tolist() == names_of(word_tagger)


def test_the_characters_of_a_word_are_one_feature():
    first = WordAttributes(["shape", "characters"])
    tagger = make_pipeline(first, RNNTagger(**{**SMALL, "max_epochs": 40}))
    words = [["Ada", "Lee"], ["Bob", "Ann"], ["Lee", "Ada"], ["Ann", "Bob"]] * 4
    tags = [[word[-1] for word in sentence] for sentence in words]
    tagger.fit(words, tags)
    result = permutation_importance(tagger, words, tags, random_state=0)
    assert result.names.tolist() == ["shape", "characters"]
    assert result.importances_mean[0] == 0  # all words are "Xxx"
    assert result.importances_mean[1] > 0.3
    parts = step_attributions(tagger, words, target="a", step=0)
    assert np.abs(parts[:, 0, 1]).mean() > np.abs(parts[:, 0, 0]).mean()


def test_a_hidden_word_is_its_whole_vector():
    first = WordAttributes(["shape", "characters"], n_characters=4)
    tagger = make_pipeline(first, RNNTagger(**SMALL)).fit(SENTENCES, TAGS)
    rnn, module = tagger[-1], tagger[-1].module_
    parts = step_attributions(
        tagger, SENTENCES[:1], step=0, target="O", method="occlusion"
    )
    x = torch.tensor(rnn._index_tokens(first.transform(SENTENCES[:1])).values)[None]
    with torch.no_grad():
        vectors = module.inputs(x)
        scores = [module.forward_vectors(vectors)[0]]
        for step in range(3):
            hidden = vectors.clone()
            hidden[0, step, module.inputs.embeddings[0].output_size :] = 0
            scores.append(module.forward_vectors(hidden)[0])
    column = rnn.classes_.tolist().index("O")
    odds = [
        float(s[column] - torch.cat([s[:column], s[column + 1 :]]).logsumexp(0))
        for s in scores
    ]
    expected = odds[0] - np.array(odds[1:])
    np.testing.assert_allclose(parts[0, :, 1], expected, atol=1e-4)


def test_gradients_flow_from_all_steps(tagger, ragged, labels):
    display = GradientFlowDisplay.from_estimator(tagger, ragged[0], labels)
    assert display.gradient_norms.shape == (1, 2, max(map(len, ragged[0])))
    assert (display.gradient_norms > 0).all()


def test_gradient_of_a_step_loss_equals_autograd(ragged, labels):
    X = np.stack([x[:3] for x in ragged[0]])
    tagger = RNNTagger(**SMALL, bidirectional=False).fit(X, [y[:3] for y in labels])
    norms = GradientFlowDisplay.from_estimator(
        tagger, X[:1], [labels[0][:3]]
    ).gradient_norms
    # the last state reaches the loss through the head alone
    probability = np.asarray(tagger.predict_proba(X[:1])[0])[-1]
    target = tagger.classes_ == labels[0][2]
    weight = tagger.module_.head.weight.detach().numpy()
    expected = np.linalg.norm((probability - target) @ weight)
    assert norms[0, 0, 0] == pytest.approx(expected, rel=1e-4)


def test_gradient_flow_of_a_step_regressor(regressor, ragged, sums):
    display = GradientFlowDisplay.from_estimator(regressor, ragged[0], sums)
    assert (display.gradient_norms > 0).all()


def test_states_are_coloured_by_the_label_of_each_step(tagger, ragged, labels):
    X = ragged[0]
    display = HiddenStateDisplay.from_estimator(tagger, X, labels, kind="path")
    n_drawn = {s.get_label(): len(s.get_offsets()) for s in display.ax_.collections}
    n_high = sum((y == "high").sum() for y in labels)
    assert n_drawn["high"] == n_high
    assert n_drawn["low"] == sum(map(len, X)) - n_high
    assert display.ax_.get_legend().get_title().get_text() == "each step"
    display.plot(kind="heatmap", sample=3)
    assert display.ax_.get_title() == "sequence 3"


def test_states_of_a_step_regressor_are_coloured_by_a_scale(regressor, ragged):
    display = HiddenStateDisplay.from_estimator(regressor, ragged[0], kind="path")
    colored = display.ax_.collections[0].get_array()
    np.testing.assert_allclose(
        colored, np.concatenate(list(regressor.predict(ragged[0])))
    )


def test_states_of_several_targets_have_one_colour(ragged):
    X = ragged[0]
    regressor = RNNStepRegressor(**SMALL).fit(X, X)
    display = HiddenStateDisplay.from_estimator(regressor, X, kind="path")
    assert display.y is None


def test_labels_of_other_lengths_are_refused(tagger, ragged, labels):
    y = [*labels[:-1], labels[-1][:-1]]
    with pytest.raises(ValueError, match=r"X\[39\] has \d+ steps, but y\[39\] has"):
        HiddenStateDisplay.from_estimator(tagger, ragged[0], y)


def test_labels_of_steps_are_refused_by_an_estimator_of_one_label(ragged, labels):
    X = np.stack([x[:3] for x in ragged[0]])
    classifier = RNNClassifier(**SMALL).fit(X, ragged[1])
    with pytest.raises(ValueError, match="one label for each of the 40 sequences"):
        HiddenStateDisplay.from_estimator(classifier, X, [y[:3] for y in labels])


def test_gates_and_training_of_step_estimators(tagger, ragged):
    gates = gate_activations(tagger, ragged[0])
    assert gates["update"].lengths.tolist() == [len(x) for x in ragged[0]]
    assert len(TrainingDisplay.from_estimator(tagger).losses[0]) == 5


def test_attention_needs_pooling(tagger, ragged):
    for look in (attention_weights, AttentionDisplay.from_estimator):
        with pytest.raises(TypeError, match="RNNTagger has no pooling"):
            look(tagger, ragged[0])


def test_several_labels_a_step_are_explained_one_by_one(ragged):
    X = ragged[0]
    tagger = RNNTagger(**SMALL).fit(X, [(x > 0).astype(int) for x in X])
    parts = step_attributions(tagger, X[:4], step=0)
    assert list(parts) == [0, 1]
    permutation_importance(tagger, X, [(x > 0).astype(int) for x in X])
    with pytest.raises(ValueError, match="select one of"):
        AttributionDisplay.from_estimator(tagger, X, step=0)

"""Recipes of one answer a sequence."""

import numpy as np
from _data import load_classification, load_phone, load_pollution, load_skeletons
from _recipes import Recipe, train_and_test
from sklearn.base import clone
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    VotingClassifier,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import LeaveOneGroupOut, StratifiedKFold, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklearn_rnn import RaggedArray, RNNClassifier, RNNRegressor
from sklearn_rnn.datasets import (
    fetch_cmapss_fd001,
    fetch_monthly_sunspots,
    fetch_names,
    fetch_physionet2012,
    fetch_sst2,
)
from sklearn_rnn.preprocessing import (
    GapEncoder,
    SequenceFeatures,
    SequenceTokenizer,
    Stepwise,
    make_windows,
)


def plain_classifier():
    """Return the baseline: gradient boosting on statistics of each feature."""
    return make_pipeline(SequenceFeatures(), HistGradientBoostingClassifier())


def plain_regressor():
    return make_pipeline(SequenceFeatures(), HistGradientBoostingRegressor())


def vote_of_three(network):
    """Return the mean of three networks with different seeds."""
    members = [(str(i), clone(network)) for i in range(3)]
    return VotingClassifier(members, voting="soft")


def archive_default(name):
    return Recipe(
        *train_and_test(*load_classification(name)),
        model=make_pipeline(Stepwise(StandardScaler()), RNNClassifier()),
        baseline=plain_classifier(),
        scoring="accuracy",
    )


def same_for_three(**settings):
    """Return a grid with one candidate: parameters of each member of the vote."""
    return {
        f"votingclassifier__{i}__{name}": [value]
        for i in range(3)
        for name, value in settings.items()
    }


GRID = [
    same_for_three(conv_kernel_size=size, **decay)
    for size in (9, 17)
    for decay in (
        {"optimizer": "adam", "weight_decay": 0.0},
        {"optimizer": "adamw", "weight_decay": 0.3},
    )
]


def archive_tuned(name):
    """Return a vote of three networks with the same parameters, also in the search."""
    recipe = archive_default(name)
    recipe.model = make_pipeline(
        Stepwise(StandardScaler()),
        vote_of_three(RNNClassifier(random_kernels=None)),
    )
    recipe.grid = GRID
    return recipe


def phone():
    """Windows of the raw signals; the test data are from other people."""
    X, y, _, is_test = load_phone()
    return Recipe(
        X,
        y,
        [(np.flatnonzero(~is_test), np.flatnonzero(is_test))],
        model=RNNClassifier(),
        baseline=plain_classifier(),
        scoring="accuracy",
    )


def skeletons():
    """Leave one of the 20 recordings out at a time."""
    clips, y, recording = load_skeletons()
    return Recipe(
        RaggedArray.from_sequences([seen_from_the_hip(joints) for joints in clips]),
        y,
        list(LeaveOneGroupOut().split(y, y, recording)),
        model=RNNClassifier(),
        baseline=plain_classifier(),
        scoring="accuracy",
    )


def seen_from_the_hip(joints):
    """Return joints relative to the hip, the path of the hip, and joint velocities.

    The skeleton is rotated about the vertical axis to align its hips with the x axis.
    """
    hip = joints[:, :1]
    across = joints[:, 16] - joints[:, 12]  # from the left hip to the right
    x, z = across[:, [0, 2]].T / np.hypot(across[:, 0], across[:, 2])
    one, none = np.ones_like(x), np.zeros_like(x)
    turn = np.array([[x, none, z], [none, one, none], [-z, none, x]])
    points = np.concatenate([joints[:, 1:] - hip, hip - hip[0]], axis=1)
    turned = np.einsum("ijt,tpj->tpi", turn, points).reshape(-1, 60)
    return np.hstack([turned, np.gradient(turned[:, :-3], axis=0)])


def sst2():
    """The words are already separated by spaces."""
    X, y = fetch_sst2(subset="train", return_X_y=True)
    X_test, y_test = fetch_sst2(subset="test", return_X_y=True)
    return Recipe(
        *train_and_test(X, y, X_test, y_test),
        model=make_pipeline(SequenceTokenizer("word"), RNNClassifier()),
        baseline=make_pipeline(
            TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"\S+"),
            LogisticRegression(C=10),
        ),
        scoring="accuracy",
    )


def names():
    """A stratified fifth is the test set."""
    X, y = fetch_names(return_X_y=True)
    split = train_test_split(
        np.arange(len(y)), test_size=0.2, stratify=y, random_state=0
    )
    return Recipe(
        X,
        y,
        [split],
        model=make_pipeline(SequenceTokenizer("char"), RNNClassifier()),
        baseline=make_pipeline(
            TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 4)),
            LogisticRegression(C=20, max_iter=1000),
        ),
        scoring="accuracy",
    )


def engines(cap=125):
    """Predict the remaining cycles of an engine, capped at `cap`, from those so far.

    Training engines give a sample every 5 cycles from cycle 20 on, test engines one at
    their last cycle. The error is measured against the true remaining life, not the
    capped one. The sensors are noisy and there are few engines, so the network reads
    means of ten cycles. Its parameters were chosen on held-out training engines, 20 per
    fold, truncated at the cycles at which test engines may end.
    """
    train, test = fetch_cmapss_fd001(), fetch_cmapss_fd001(subset="test")
    X, y = lives_so_far(train.data, [np.minimum(cap, t[:, 0]) for t in train.target])
    y_test = [remaining[-1, 0] for remaining in test.target]
    return Recipe(
        *train_and_test(X, np.array(y), list(test.data), y_test),
        model=life_regressor(),
        baseline=plain_regressor(),
        naive=np.mean(y),
        scoring="neg_root_mean_squared_error",
    )


def engines_default():
    """Only the gaps are filled."""
    recipe = engines()
    recipe.model = make_pipeline(recipe.model[0], RNNRegressor())
    return recipe


def lives_so_far(X, y):
    """Return the beginnings of each sequence, and the answer at the end of each."""
    ends = [(i, end) for i, x in enumerate(X) for end in range(20, len(x) + 1, 5)]
    return [X[i][:end] for i, end in ends], [y[i][end - 1] for i, end in ends]


def life_regressor():
    return make_pipeline(
        GapEncoder(add_mask=False, add_time_since=False),
        FunctionTransformer(means_of_tens),
        RNNRegressor(
            cell="lstm",
            conv_channels=None,
            pooling="last",
            dropout=0.5,
            optimizer="adamw",
            weight_decay=1.0,
            max_epochs=10,
            batch_size=64,
        ),
    )


def means_of_tens(X):
    """Return the means of ten steps each; drop the first steps that remain."""
    return [x[len(x) % 10 :].reshape(-1, 10, x.shape[1]).mean(axis=1) for x in X]


def vital_signs():
    """Hourly means with gaps, and the data known at admission repeated for each hour.

    These are sex, age, height and weight. The splits are five stratified folds. Values
    are clipped at 4 standard deviations from the mean, since larger ones are
    errors or carry no more information. The model is a vote of three networks.
    """
    stays = fetch_physionet2012()
    hourly = np.full((len(stays.data), 48, 37), np.nan, dtype="f4")
    for mean_of_hours, steps in zip(hourly, stays.data, strict=True):
        hours = np.minimum(steps[:, 0] // 60, 47).astype(int)
        values = steps[:, 1:]
        count, total = np.zeros((2, 48, 37))
        np.add.at(count, hours, ~np.isnan(values))
        np.add.at(total, hours, np.nan_to_num(values))
        np.divide(total, count, out=mean_of_hours, where=count > 0)
    known = np.repeat(stays.static[:, np.newaxis], 48, axis=1)
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    clip = FunctionTransformer(np.clip, kw_args={"a_min": -4, "a_max": 4})
    network = RNNClassifier(
        random_kernels=None, max_epochs=4, batch_size=64, dropout=0.3
    )
    return Recipe(
        np.concatenate([hourly, known], axis=2),
        stays.target,
        list(folds.split(stays.target, stays.target)),
        model=make_pipeline(
            Stepwise(make_pipeline(StandardScaler(), clip)),
            GapEncoder(strategy="linear", add_time_since=False),
            vote_of_three(network),
        ),
        baseline=plain_classifier(),
        scoring="roc_auc",
    )


def vital_signs_default():
    """The same steps prepare the data."""
    recipe = vital_signs()
    recipe.model = make_pipeline(recipe.model[:-1], RNNClassifier())
    return recipe


def pollution():
    """Predict the change of PM2.5 in the next hour from the previous day.

    The training data are from 2010. Hours with unknown PM2.5 are not scored.
    """
    table = load_pollution()
    known = table["pm2.5"].ffill()
    change = (table["pm2.5"].shift(-1) - known).to_numpy()
    X, y, _ = make_windows(table, change, length=24, horizon=0)
    year = X[:, -1, table.columns.get_loc("year")]
    scored = ~np.isnan(y)
    X = np.delete(X, table.columns.get_loc("year"), axis=2).astype("f4")
    return Recipe(
        X[scored],
        y[scored],
        [(np.flatnonzero(year[scored] == 2010), np.flatnonzero(year[scored] > 2010))],
        model=make_pipeline(GapEncoder(), RNNRegressor()),
        baseline=plain_regressor(),
        naive=0,
        scoring="neg_root_mean_squared_error",
    )


def sunspots():
    """Predict next month's change from eleven years; the last fifth is the test set."""
    months = np.ravel(fetch_monthly_sunspots().data)
    X, y, _ = make_windows(months, length=132)
    n_train = round(0.8 * len(months)) - 132
    return Recipe(
        X,
        y - X[:, -1, 0],
        [(np.arange(n_train), np.arange(n_train, len(y)))],
        model=RNNRegressor(max_epochs=10),
        baseline=plain_regressor(),
        naive=0,
        scoring="neg_root_mean_squared_error",
    )

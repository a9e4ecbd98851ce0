"""A search on the workers of Dask and of Ray, through joblib."""

import os
import sys

import numpy as np
import pytest
from joblib import parallel_config
from sklearn.model_selection import GridSearchCV

from sklearn_rnn import RaggedArray, RNNClassifier, config_context
from sklearn_rnn.nn._config import KERNELS, get_kernels

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
N_WORKERS, N_TASKS = 2, 12


@pytest.fixture(scope="module")
def dask():
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=N_WORKERS, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster),
    ):
        yield "dask"


@pytest.fixture(scope="module")
def ray():
    ray = pytest.importorskip("ray")
    from ray.util.joblib import register_ray

    ray.init(
        num_cpus=N_WORKERS,
        include_dashboard=False,
        log_to_driver=False,
        runtime_env={"env_vars": {"PYTHONPATH": os.pathsep.join(sys.path)}},
    )
    register_ray()
    yield "ray"
    ray.shutdown()


@pytest.fixture(params=["dask", "ray"])
def backend(request):
    return request.getfixturevalue(request.param)


def make_data():
    rng = np.random.default_rng(0)
    lengths = rng.integers(20, 60, 90)
    X = RaggedArray(rng.normal(size=(lengths.sum(), 4)), np.r_[0, lengths.cumsum()])
    return X, np.array([x[:, 0].mean() > 0 for x in X])


def make_search(scoring="neg_log_loss"):
    classifier = RNNClassifier(max_epochs=2, hidden_size=4, random_state=0)
    grid = {"learning_rate": [0.001, 0.003, 0.01, 0.03]}
    return GridSearchCV(classifier, grid, cv=3, scoring=scoring, refit=False)


def test_scores_are_those_of_one_process_to_the_last_bit(backend):
    X, y = make_data()
    expected = make_search().fit(X, y).cv_results_
    with parallel_config(backend, n_jobs=N_WORKERS):
        results = make_search().fit(X, y).cv_results_
    for fold in range(3):
        name = f"split{fold}_test_score"
        np.testing.assert_array_equal(results[name], expected[name])


def test_dask_sends_X_to_each_worker_not_with_each_task(dask, monkeypatch):
    X, y = make_data()
    get_state, n_sent = RaggedArray.__getstate__, []

    def count(array):
        n_sent.append(len(array))
        return get_state(array)

    monkeypatch.setattr(RaggedArray, "__getstate__", count)
    with parallel_config(dask, n_jobs=N_WORKERS):
        make_search().fit(X, y)
    assert 1 <= len(n_sent) <= 2 * N_WORKERS < N_TASKS


def number_kernels(estimator, X, y):
    """Score an estimator by the setting of its worker."""
    return KERNELS.index(get_kernels())


def test_the_workers_have_the_setting_of_the_search(backend):
    X, y = make_data()
    with parallel_config(backend, n_jobs=N_WORKERS), config_context(kernels="torch"):
        scores = make_search(number_kernels).fit(X, y).cv_results_["mean_test_score"]
    assert (scores == KERNELS.index("torch")).all()

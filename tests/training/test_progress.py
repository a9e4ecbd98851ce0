"""Progress shown by `verbose`, and the warning of a long fit."""

import re
import warnings

import pytest
from training_tools import make_classifier


def test_fit_prints_nothing_by_default(ragged, capfd):
    make_classifier().fit(*ragged)
    assert capfd.readouterr() == ("", "")


def test_progress_bar_shows_loss_score_and_time_left(ragged, capfd):
    make_classifier(verbose=1, early_stopping=True).fit(*ragged)
    shown = capfd.readouterr().err
    assert re.search(r"36 sequences, [\d,]+ weights: at most 5 epochs of 2 mini", shown)
    assert "5/5" in shown
    assert "loss=" in shown
    assert "score=" in shown
    assert "<" in shown  # elapsed < left


def test_table_has_one_row_per_epoch(ragged, capfd):
    make_classifier(verbose=2, early_stopping=True).fit(*ragged)
    lines = capfd.readouterr().out.splitlines()
    assert all(w in lines[0] for w in ("epoch", "train_loss", "valid_score", "dur"))
    assert len(lines) == 2 + 5


@pytest.fixture
def clock(monkeypatch):
    """A clock that advances by `clock[0]` seconds at each reading."""
    step, now = [0.0], [0.0]

    def read():
        now[0] += step[0]
        return now[0]

    monkeypatch.setattr("sklearn_rnn._training._callbacks.monotonic", read)
    return step


def test_a_fit_of_more_than_ten_minutes_says_so_once(ragged, clock):
    clock[0] = 60.0  # seconds a mini-batch
    with pytest.warns(UserWarning, match="may take") as records:
        make_classifier(max_epochs=6, batch_size=20).fit(*ragged)
    (message,) = [str(r.message) for r in records if "may take" in str(r.message)]
    assert "may take 12 minutes: 6 epochs of 2 mini-batches" in message


def test_a_short_fit_says_nothing(ragged, clock):
    clock[0] = 1.0
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="This fit may take")
        make_classifier(max_epochs=6, batch_size=20).fit(*ragged)

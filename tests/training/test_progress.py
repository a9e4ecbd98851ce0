"""Progress shown by `verbose`."""

from training_tools import make_classifier


def test_fit_prints_nothing_by_default(ragged, capfd):
    make_classifier().fit(*ragged)
    assert capfd.readouterr() == ("", "")


def test_progress_bar_shows_loss_score_and_time_left(ragged, capfd):
    make_classifier(verbose=1, early_stopping=True).fit(*ragged)
    shown = capfd.readouterr().err
    assert "5/5" in shown
    assert "loss=" in shown
    assert "score=" in shown
    assert "<" in shown  # elapsed < left


def test_table_has_one_row_per_epoch(ragged, capfd):
    make_classifier(verbose=2, early_stopping=True).fit(*ragged)
    lines = capfd.readouterr().out.splitlines()
    assert all(w in lines[0] for w in ("epoch", "train_loss", "valid_score", "dur"))
    assert len(lines) == 2 + 5

"""A progress bar of sequences that are written token by token."""

from time import monotonic
from typing import Any


class Progress:
    """Bar over sequences, with the time left and the tokens a second.

    Parameters
    ----------
    total : int
        Number of sequences.
    unit : str
        Name of one.
    shows : bool
        Whether there is a bar.

    Examples
    --------
    >>> from sklearn_rnn.utils import Progress
    >>> with Progress(2, "sample", shows=False) as progress:
    ...     progress.advance(n_sequences=2, n_tokens=9)
    """

    def __init__(self, total: int, unit: str, *, shows: bool) -> None:
        self.total, self.unit, self.shows = total, unit, shows
        self.n_tokens = 0
        self.bar: Any = None

    def __enter__(self) -> "Progress":
        self.start = monotonic()
        if self.shows:
            from tqdm.auto import tqdm  # here: in a notebook its import may warn

            # miniters: tokens move the bar, too, if no sequence ends
            self.bar = tqdm(total=self.total, unit=self.unit, miniters=0)
        return self

    def __exit__(self, *error: Any) -> None:
        if self.bar is not None:
            self.bar.close()

    def advance(self, n_sequences: int, n_tokens: int = 0) -> None:
        """Show that some sequences have ended, and that some tokens were written.

        Parameters
        ----------
        n_sequences : int
        n_tokens : int, default=0
        """
        if self.bar is None:
            return
        self.n_tokens += n_tokens
        rate = self.n_tokens / max(monotonic() - self.start, 1e-9)
        self.bar.set_postfix({"tokens/s": f"{rate:,.0f}"}, refresh=False)
        self.bar.update(n_sequences)

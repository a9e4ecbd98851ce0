"""Columns of the calendar, regular times, and the times that come next."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Times = NDArray[np.datetime64]


def _in_day(times: Times) -> NDArray[np.float64]:
    """Return the time of the day, from 0 to 1."""
    days = times.astype("M8[D]")
    return (times - days) / np.timedelta64(1, "D")


def _to_day_of_week(times: Times) -> NDArray[np.float64]:
    days = times.astype("M8[D]").astype(np.int64)
    return ((days + 3) % 7).astype(np.float64)  # 1970-01-01 was a Thursday


def _since(times: Times, unit: str, step: str) -> NDArray[np.float64]:
    """Return the number of steps since the beginning of the month or year."""
    steps = times.astype(f"M8[{step}]")
    return (steps - times.astype(f"M8[{unit}]").astype(steps.dtype)).astype(np.float64)


# what is periodic is a phase from 0 to 1, which becomes a sine and a cosine
PHASES: dict[str, Callable[[Times], NDArray[np.float64]]] = {
    "minute": lambda t: _in_day(t) * 24 % 1,
    "hour": _in_day,
    "dayofweek": lambda t: _to_day_of_week(t) / 7,
    "day": lambda t: _since(t, "M", "D") / 31,
    "dayofyear": lambda t: _since(t, "Y", "D") / 366,
    "month": lambda t: _since(t, "Y", "M") / 12,
}
CALENDAR = (*PHASES, "weekend")


def name_columns(calendar: list[str]) -> list[str]:
    """Return the names of the columns that `compute_columns` returns."""
    return [
        name
        for part in calendar
        for name in ([part] if part == "weekend" else [f"{part}_sin", f"{part}_cos"])
    ]


def compute_columns(times: Times, calendar: list[str]) -> NDArray[np.float64]:
    """Return columns of the calendar.

    Parameters
    ----------
    times : ndarray of datetime64 of shape (n,)
        Points in time.
    calendar : list of str
        Some of `CALENDAR`.

    Returns
    -------
    columns : ndarray of shape (n, n_columns)
        The sine and the cosine of each phase; 1 on weekends, else 0.
    """
    columns: list[Any] = []
    for part in calendar:
        if part == "weekend":
            columns.append((_to_day_of_week(times) >= 5).astype(np.float64))
        else:
            angle = 2 * np.pi * PHASES[part](times)
            columns += [np.sin(angle), np.cos(angle)]
    return np.stack(columns, axis=1)


class Clock:
    """Distance of the steps of sequences: a number, a duration, or whole months.

    Parameters
    ----------
    times : ndarray of numbers, datetime64 or timedelta64 of shape (n_total_steps,)
        Times of all sequences, end to end, ascending in each.
    offsets : ndarray of int of shape (n_sequences + 1,)
        Where each sequence begins.

    Attributes
    ----------
    gap : tuple of int, or None
        The first sequence and step that another step does not follow in time.
    """

    def __init__(self, times: NDArray, offsets: NDArray[np.int64]) -> None:
        self.gap: tuple[int, int] | None = None
        self.by_month = False
        self._measure(times, offsets)
        is_date = times.dtype.kind == "M" and times.dtype != np.dtype("M8[M]")
        if self.gap is not None and is_date:
            months = _as_months(times)
            if months is not None:
                by_month = Clock(months, offsets)
                if by_month.gap is None:
                    self.gap, self.step, self.by_month = None, by_month.step, True

    def _measure(self, times: NDArray, offsets: NDArray[np.int64]) -> None:
        inner = np.ones(max(len(times) - 1, 0), bool)
        inner[offsets[1:-1] - 1] = False  # from one sequence to the next
        places = np.flatnonzero(inner)
        if len(places) == 0:
            raise ValueError(
                "The distance of steps in time is unknown: no sequence has two steps."
            )
        differences = times[places + 1] - times[places]
        values, counts = np.unique(differences, return_counts=True)
        self.step = values[counts.argmax()]
        if times.dtype.kind == "f":
            same = np.isclose(differences, self.step, rtol=1e-6, atol=0)
        else:
            same = differences == self.step
        if not same.all():
            place = places[same.argmin()]
            i = int(np.searchsorted(offsets, place, side="right")) - 1
            self.gap = i, int(place - offsets[i])

    def continue_times(self, last: NDArray, n_steps: int) -> NDArray:
        """Return the next times of each sequence, (n_sequences, n_steps)."""
        ahead = np.arange(1, n_steps + 1) * self.step
        if not self.by_month:
            return last[:, np.newaxis] + ahead
        shift = _is_month_end(last).all() * np.timedelta64(1, "D")
        last = last + shift
        months = last.astype("M8[M]")
        rest = (last - months)[:, np.newaxis]
        return (months[:, np.newaxis] + ahead).astype(last.dtype) + rest - shift


def _is_month_end(times: Times) -> NDArray[np.bool_]:
    next_day = times.astype("M8[D]") + 1
    return next_day == next_day.astype("M8[M]").astype("M8[D]")


def _as_months(times: Times) -> NDArray | None:
    """Return the months of times that are at the same point of their month."""
    if _is_month_end(times).all():
        times = times + np.timedelta64(1, "D")
    months = times.astype("M8[M]")
    rest = times - months
    return months if (rest == rest[0]).all() else None

"""Forecast series with a model of statsforecast, in an environment of its own.

    python _statsforecast_worker.py HORIZON SEASON MODEL FOLDER

Reads series.npz and writes forecasts.npy in the folder.
"""

import sys
from pathlib import Path

import numpy as np
from statsforecast import models


def main(horizon, season, name, folder):
    file = np.load(Path(folder) / "series.npz")
    model = getattr(models, name)(season_length=int(season))
    forecasts = [
        model.forecast(y=file[key], h=int(horizon))["mean"] for key in file.files
    ]
    np.save(Path(folder) / "forecasts.npy", np.stack(forecasts))


if __name__ == "__main__":
    main(*sys.argv[1:])

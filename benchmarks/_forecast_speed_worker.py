"""Fit a recurrent forecaster of another library, in an environment of its own.

    python _forecast_speed_worker.py LIBRARY HORIZON CONTEXT HIDDEN N_UPDATES FOLDER

Reads series.npz, writes forecasts.npy in the folder, and prints the CPU seconds of fit
and predict on one thread, without the imports.
"""

import logging
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import torch

BATCH_SIZE = 32  # windows of an update
SILENT = {
    "logger": False,
    "enable_checkpointing": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
}


class NeuralForecastLSTM:
    """LSTM of neuralforecast, which forecasts all steps at once."""

    def __init__(self, horizon, context, hidden, n_updates):
        from neuralforecast import NeuralForecast
        from neuralforecast.losses.pytorch import MAE
        from neuralforecast.models import LSTM

        model = LSTM(
            h=horizon,
            input_size=context,
            encoder_n_layers=1,
            encoder_hidden_size=hidden,
            decoder_hidden_size=hidden,
            loss=MAE(),
            max_steps=n_updates,
            batch_size=BATCH_SIZE,
            windows_batch_size=BATCH_SIZE,
            scaler_type="robust",
            accelerator="cpu",
            random_seed=0,
            **SILENT,
        )
        self.horizon = horizon
        self.forecast = NeuralForecast(models=[model], freq=1)

    def prepare(self, series):
        import pandas as pd

        lengths = [len(x) for x in series]
        self.table = pd.DataFrame(
            {
                "unique_id": np.repeat(np.arange(len(series)), lengths),
                "ds": np.concatenate([np.arange(n) for n in lengths]),
                "y": np.concatenate(series),
            }
        )

    def fit(self):
        self.forecast.fit(self.table)

    def predict(self):
        table = self.forecast.predict().sort_values(["unique_id", "ds"])
        return table["LSTM"].to_numpy().reshape(-1, self.horizon)


class DartsLSTM:
    """RNNModel of darts, which forecasts step by step."""

    def __init__(self, horizon, context, hidden, n_updates):
        from darts.models import RNNModel

        self.horizon = horizon
        self.model = RNNModel(
            input_chunk_length=context,
            training_length=context + horizon,
            model="LSTM",
            hidden_dim=hidden,
            n_rnn_layers=1,
            batch_size=BATCH_SIZE,
            n_epochs=1_000_000,  # n_updates end it
            random_state=0,
            pl_trainer_kwargs={
                "accelerator": "cpu",
                "max_steps": n_updates,
                "max_epochs": -1,
                **SILENT,
            },
        )

    def prepare(self, series):
        from darts import TimeSeries

        # each series in units of its own: darts does not scale windows
        self.moments = [(x.mean(), x.std() + 1e-9) for x in series]
        self.series = [
            TimeSeries.from_values(((x - mean) / std).astype(np.float32))
            for x, (mean, std) in zip(series, self.moments, strict=True)
        ]

    def fit(self):
        self.model.fit(self.series)

    def predict(self):
        forecasts = self.model.predict(self.horizon, self.series)
        return np.stack(
            [
                mean + std * forecast.values()[:, 0]
                for forecast, (mean, std) in zip(forecasts, self.moments, strict=True)
            ]
        )


LIBRARIES = {"neuralforecast": NeuralForecastLSTM, "darts": DartsLSTM}


def main(library, horizon, context, hidden, n_updates, folder):
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    file = np.load(Path(folder) / "series.npz")
    sizes = map(int, (horizon, context, hidden, n_updates))
    model = LIBRARIES[library](*sizes)
    model.prepare([file[key] for key in file.files])
    start = time.process_time()
    model.fit()
    fitted = time.process_time()
    forecasts = model.predict()
    print("seconds", fitted - start, time.process_time() - fitted)
    np.save(Path(folder) / "forecasts.npy", forecasts)


if __name__ == "__main__":
    main(*sys.argv[1:])

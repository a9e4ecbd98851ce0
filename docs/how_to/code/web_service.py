"""A web service that needs FastAPI, NumPy and onnxruntime."""

import numpy as np
import onnxruntime
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, Field

session = onnxruntime.InferenceSession("model.onnx", providers=["CPUExecutionProvider"])
n_features = session.get_inputs()[0].shape[2]
app = FastAPI()


class Request(BaseModel):
    X: list[list[list[float]]] = Field(min_length=1)  # sequences, steps, features


@app.post("/predict")
def predict(request: Request):
    if not all(x and all(len(step) == n_features for step in x) for x in request.X):
        raise HTTPException(
            422, f"A sequence has at least one step, a step {n_features} numbers."
        )
    lengths = np.array([len(x) for x in request.X])
    padded = np.zeros((len(lengths), lengths.max(), n_features), np.float32)
    for row, x in zip(padded, request.X, strict=True):
        row[: len(x)] = x
    label, probabilities = session.run(None, {"X": padded, "lengths": lengths})
    return {"label": label.tolist(), "probabilities": probabilities.tolist()}

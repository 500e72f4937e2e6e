"""The peer: a plain FastAPI server that holds the native model, as a careful user would write it in an hour."""

import os
from typing import Any

import joblib
import pandas as pd
from fastapi import FastAPI
from pydantic import BaseModel

model = joblib.load(os.environ["PEER_MODEL"])
app = FastAPI()


class Rows(BaseModel):
    """The request's body."""

    data: list[dict[str, float]]


@app.post("/predict")
def predict(rows: Rows) -> dict[str, Any]:
    """Answer the class and its probabilities for each row."""
    probabilities = model.predict_proba(pd.DataFrame(rows.data))
    return {"predictions": probabilities.argmax(axis=1).tolist(), "probabilities": probabilities.tolist()}

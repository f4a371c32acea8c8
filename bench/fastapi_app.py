"""fastapi_app.py - the same response from FastAPI, pydantic and NumPy. Served by uvicorn."""
from typing import List

import numpy
from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()


class Request(BaseModel):
    predictions: List[float]
    targets: List[float]


@app.post("/mse")
async def mse(request: Request):
    difference = numpy.array(request.predictions) - numpy.array(request.targets)
    gradient = 2 * difference / difference.size
    return {
        "loss": float(numpy.mean(difference**2)),
        "gradients": {"predictions": gradient.tolist(), "targets": (-gradient).tolist()},
    }

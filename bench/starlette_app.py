"""starlette_app.py - the same response from Starlette, Python's json and NumPy. Served by uvicorn."""
import numpy
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route


async def mse(request):
    document = await request.json()
    difference = numpy.array(document["predictions"]) - numpy.array(document["targets"])
    gradient = 2 * difference / difference.size
    return JSONResponse(
        {
            "loss": float(numpy.mean(difference**2)),
            "gradients": {"predictions": gradient.tolist(), "targets": (-gradient).tolist()},
        }
    )


app = Starlette(routes=[Route("/mse", mse, methods=["POST"])])

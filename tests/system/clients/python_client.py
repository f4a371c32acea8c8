"""python_client.py URL - calls the server through mse_client, which openapi-python-client has generated."""
import json
import sys

from mse_client import Client
from mse_client.api.mse import compute_mse
from mse_client.models import Input, MseRequest, Problem, ProblemType, Reduction

PREDICTIONS = [0.6964691855978616, 0.28613933495037946]
TARGETS = [0.22826323087895561, 0.29371404638882936]


def call(name, request):
    result = compute_mse.sync(client=Client(sys.argv[1]), body=request)
    if isinstance(result, Problem):
        assert result.type_ == ProblemType.SHAPE_MISMATCH
        print(name, json.dumps(result.pointer))
    else:
        print(name, json.dumps(result.to_dict()))


call('mean', MseRequest(PREDICTIONS, TARGETS))
call('weighted', MseRequest(PREDICTIONS, TARGETS, weights=[1, 0.3], reduction=Reduction.SUM, gradients=[Input.TARGETS]))
call('none', MseRequest(PREDICTIONS, TARGETS, reduction=Reduction.NONE))
call('nested', MseRequest([PREDICTIONS, TARGETS], [TARGETS, PREDICTIONS], reduction=Reduction.NONE))
call('refused', MseRequest(PREDICTIONS, TARGETS[:1]))

#!/usr/bin/env python3
"""oip.py - the clients of the Open Inference Protocol, unmodified: tritonclient, in its three ways, and KServe's.

Needs both of them, as `make test-oip` installs them. The last line is "N passed, N failed".
"""
import asyncio
import itertools
import os
import sys

import ml_dtypes
import numpy as np
import tritonclient.http as triton
import tritonclient.http.aio as triton_aio
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig
from kserve.protocol.infer_type import RequestedOutput
from tritonclient.utils import InferenceServerException

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
import service

OUTPUTS = ('loss', 'gradients.predictions', 'gradients.targets')

# Those that JSON of these clients cannot carry are sent as binary data only.
DATATYPES = {'FP64': np.float64, 'FP32': np.float32, 'FP16': np.float16, 'BF16': ml_dtypes.bfloat16,
             'INT8': np.int8, 'INT16': np.int16, 'INT32': np.int32, 'INT64': np.int64,
             'UINT8': np.uint8, 'UINT16': np.uint16, 'UINT32': np.uint32, 'UINT64': np.uint64}
BINARY_ONLY = ('FP16', 'BF16')

# What every datatype holds exactly; and the mean of the squares of 1, 1, 2, 4 and 2, whose halves are even.
PREDICTIONS = [1, 2, 3, 4, 6]
TARGETS = [0, 1, 1, 0, 4]
EXPECTED = (np.array([26 / 5]), np.array([2, 2, 4, 8, 4]) / 5, np.array([2, 2, 4, 8, 4]) / -5)


def raw(values, datatype):
    return np.array(values).astype(DATATYPES[datatype])


def check(result, expected=EXPECTED, shape=None):
    for name, wanted in zip(OUTPUTS, expected):
        found = result.as_numpy(name)
        wanted = wanted.reshape(shape) if shape and name != 'loss' else wanted
        assert found.dtype == np.float64 and found.shape == wanted.shape, f'{name} is {found}'
        assert found.tobytes() == wanted.astype(np.float64).tobytes(), f'{name}: {found}, not {wanted}'


def triton_input(name, values, datatype='FP64', binary=True, shape=None):
    array = raw(values, datatype).reshape(shape or [-1])
    tensor = triton.InferInput(name, list(array.shape), datatype)
    tensor.set_data_from_numpy(array, binary_data=binary)
    return tensor


def triton_inputs(datatype='FP64', binary=True, shape=None):
    return [triton_input('predictions', PREDICTIONS, datatype, binary, shape),
            triton_input('targets', TARGETS, datatype, binary, shape)]


def fails(call, status, part):
    """The client raises its own error, with the server's text and status."""
    try:
        call()
    except InferenceServerException as error:
        assert error.status() == str(status), error
        assert part in error.message(), error
    else:
        raise AssertionError(f'no error {status} {part}')


# ---- tritonclient, one request after the other

def triton_reads_health_metadata_and_configuration():
    assert client.is_server_live() and client.is_server_ready()
    assert client.is_model_ready('mse') and client.is_model_ready('mse', '1')
    assert not client.is_model_ready('other') and not client.is_model_ready('mse', '2')
    server = client.get_server_metadata()
    assert server['name'] == 'mse-server' and 'binary_tensor_data' in server['extensions'], server
    for version in ('', '1'):
        model = client.get_model_metadata('mse', version)
        assert model['versions'] == ['1'] and [output['name'] for output in model['outputs']] == list(OUTPUTS), model
        config = client.get_model_config('mse', version)
        assert [tensor.get('optional', False) for tensor in config['input']] == [False, False, True], config
        assert config['max_batch_size'] == 0, config
    assert client.get_model_repository_index() == [{'name': 'mse', 'version': '1', 'state': 'READY'}]


def triton_reads_statistics():
    before = client.get_inference_statistics()['model_stats'][0]
    client.infer('mse', triton_inputs())
    fails(lambda: client.infer('mse', triton_inputs()[:1]), 422, '"targets"')
    after = client.get_inference_statistics('mse', '1')['model_stats'][0]
    counts = [[stats['inference_stats'][name]['count'] for name in ('success', 'fail')] for stats in (before, after)]
    assert counts[1] == [counts[0][0] + 1, counts[0][1] + 1], counts
    assert after['inference_count'] == before['inference_count'] + 1
    assert after['last_inference'] > 1.6e12


def triton_sends_and_gets_every_datatype_in_json_and_in_binary():
    for datatype, binary_in, binary_out in itertools.product(DATATYPES, (True, False), (True, False)):
        if datatype in BINARY_ONLY and not binary_in:
            continue
        outputs = [triton.InferRequestedOutput(name, binary_data=binary_out) for name in OUTPUTS]
        check(client.infer('mse', triton_inputs(datatype, binary_in), outputs=outputs))
    check(client.infer('mse', triton_inputs()))


def triton_mixes_datatypes_forms_and_shapes():
    inputs = [triton_input('targets', TARGETS, 'INT8', True, (5, 1)),
              triton_input('weights', [1] * 5, 'FP32', False, (5, 1)),
              triton_input('predictions', PREDICTIONS, 'BF16', True, (5, 1))]
    for binary in itertools.product((True, False), repeat=3):
        outputs = [triton.InferRequestedOutput(*pair) for pair in zip(OUTPUTS, binary)]
        check(client.infer('mse', inputs, '1', outputs, request_id='a'), shape=(5, 1))


def triton_gets_its_id_back_and_only_the_outputs_it_wants():
    for request_id in ('42', 'a b', 'ä\0\n"\\\U0001F600'):
        for binary in (True, False):
            outputs = [triton.InferRequestedOutput('loss', binary_data=binary)]
            result = client.infer('mse', triton_inputs(), outputs=outputs, request_id=request_id)
            assert result.get_response()['id'] == request_id, result.get_response()
            assert result.as_numpy('gradients.targets') is None
            assert result.as_numpy('loss')[0] == EXPECTED[0][0]


def triton_sets_parameters():
    result = client.infer('mse', triton_inputs(), parameters={'reduction': 'none'}, priority=1, timeout=1000,
                          sequence_id=7, sequence_start=True, sequence_end=True)
    check(result, [np.array(values) for values in ([1, 1, 4, 16, 4], [2, 2, 4, 8, 4], [-2, -2, -4, -8, -4])])
    result = client.infer('mse', triton_inputs(), parameters={'reduction': 'sum'})
    assert result.as_numpy('loss')[0] == 26
    fails(lambda: client.infer('mse', triton_inputs(), parameters={'reduction': 'max'}), 422, '"max"')
    fails(lambda: client.infer('mse', triton_inputs(), parameters={'x': 1}), 422, 'unknown parameter "x"')


def triton_compresses_both_ways():
    ones = [triton_input(name, [1.5] * 1000, binary=binary) for binary in (True, False)
            for name in ('predictions', 'targets')]
    with service.Service('--compress') as other:
        packing = triton.InferenceServerClient(other.address)
        for algorithm in ('gzip', 'deflate'):
            for inputs in (ones[:2], ones[2:]):
                result = packing.infer('mse', inputs, request_compression_algorithm=algorithm,
                                       response_compression_algorithm=algorithm)
                check(result, (np.zeros(1), np.zeros(1000), np.zeros(1000)))
        packing.close()
        assert other.metrics()['mse_http_request_decoded_bytes_total'] > other.metrics()['mse_http_request_bytes_total']


def triton_moves_a_million_elements():
    random = np.random.default_rng(1)
    predictions, targets = random.random(1000000), random.random(1000000)
    inputs = [triton_input('predictions', predictions), triton_input('targets', targets)]
    references = None
    for binary in ((True,) * 3, (False,) * 3, (True, False, True)):
        outputs = [triton.InferRequestedOutput(*pair) for pair in zip(OUTPUTS, binary)]
        found = [client.infer('mse', inputs, outputs=outputs).as_numpy(name).tobytes() for name in OUTPUTS]
        references = references or found
        assert found == references


def triton_shows_what_is_wrong():
    fails(lambda: client.infer('other', triton_inputs()), 404, 'Unknown model')
    fails(lambda: client.infer('mse', triton_inputs(), '2'), 404, 'Unknown version')
    fails(lambda: client.get_model_metadata('other'), 404, 'Unknown model')
    fails(lambda: client.load_model('mse'), 404, 'Nothing is at this path')
    fails(lambda: client.infer('mse', [triton_input('x', [1])]), 422, 'Unknown input "x"')
    fails(lambda: client.infer('mse', [triton_input('predictions', [1, 2]), triton_input('targets', [1])]), 422,
          '"targets" has shape [1], but "predictions" has shape [2]')
    fails(lambda: client.infer('mse', [triton_input('predictions', [1, np.nan]), triton_input('targets', [1, 2])]),
          422, 'predictions[1] is NaN')
    classes = [triton.InferRequestedOutput('loss', class_count=1)]
    fails(lambda: client.infer('mse', triton_inputs(), outputs=classes), 422, 'classification')
    shared = triton.InferInput('predictions', [5], 'FP64')
    shared.set_shared_memory('region', 40)
    fails(lambda: client.infer('mse', [shared, triton_inputs()[1]]), 422, 'shared memory')
    body, length = triton.InferenceServerClient.generate_request_body(triton_inputs())
    response = client._post('v2/models/mse/infer', body, {'Inference-Header-Content-Length': length - 1}, None)
    assert response.status_code == 400 and b'Inference-Header-Content-Length' in response.read()
    check(client.infer('mse', triton_inputs()))  # the connection is usable still


def triton_sends_many_at_once():
    pool = triton.InferenceServerClient(server.address, concurrency=8)
    pending = [pool.async_infer('mse', triton_inputs(), request_id=str(i)) for i in range(64)]
    for i, request in enumerate(pending):
        result = request.get_result()
        assert result.get_response()['id'] == str(i)
        check(result)
    fails(pool.async_infer('mse', triton_inputs()[1:]).get_result, 422, '"predictions"')
    pool.close()


# ---- tritonclient with asyncio

async def use_aio():
    async with triton_aio.InferenceServerClient(server.address) as aio:
        assert await aio.is_server_live() and await aio.is_server_ready() and await aio.is_model_ready('mse')
        assert not await aio.is_model_ready('other')
        assert (await aio.get_model_metadata('mse'))['name'] == 'mse'
        assert (await aio.get_model_config('mse'))['name'] == 'mse'
        assert (await aio.get_model_repository_index())[0]['state'] == 'READY'
        assert (await aio.get_inference_statistics('mse'))['model_stats'][0]['inference_count'] > 0
        for binary_in, binary_out in itertools.product((True, False), repeat=2):
            outputs = [triton_aio.InferRequestedOutput(name, binary_data=binary_out) for name in OUTPUTS]
            check(await aio.infer('mse', triton_inputs(binary=binary_in), outputs=outputs))
        for result in await asyncio.gather(*(aio.infer('mse', triton_inputs()) for _ in range(32))):
            check(result)
        try:
            await aio.infer('mse', triton_inputs()[:1])
        except InferenceServerException as error:
            assert '"targets"' in error.message(), error
        else:
            raise AssertionError('no error')


def triton_works_with_asyncio():
    asyncio.run(use_aio())


# ---- KServe

def kserve_inputs(datatype, binary):
    inputs = []
    for name, values in (('predictions', PREDICTIONS), ('targets', TARGETS)):
        tensor = InferInput(name, [5], datatype)
        tensor.set_data_from_numpy(raw(values, datatype), binary_data=binary)
        inputs.append(tensor)
    return inputs


async def use_kserve():
    base = f'http://{server.address}'
    rest = InferenceRESTClient(RESTConfig(protocol='v2', retries=0))
    assert await rest.is_server_live(base) is True
    assert await rest.is_server_ready(base) is True
    assert await rest.is_model_ready(base, 'mse') is True
    for datatype, binary_in, binary_out in itertools.product(DATATYPES, (True, False), (True, False)):
        if datatype == 'BF16' or (datatype in BINARY_ONLY and not binary_in):
            continue  # KServe has no BF16
        outputs = [RequestedOutput(name, {'binary_data': binary_out}) for name in OUTPUTS]
        request = InferRequest('mse', kserve_inputs(datatype, binary_in), request_id='7', request_outputs=outputs)
        result = await rest.infer(base, request, model_name='mse')
        assert result.id == '7' and result.model_name == 'mse'
        for name, wanted in zip(OUTPUTS, EXPECTED):
            assert result.get_output_by_name(name).as_numpy().tobytes() == wanted.tobytes(), name
    request = InferRequest('mse', kserve_inputs('FP64', True), parameters={'reduction': 'sum'})
    result = await rest.infer(base, request, model_name='mse')
    assert result.get_output_by_name('loss').as_numpy()[0] == 26
    for model, inputs, part in (('mse', kserve_inputs('FP64', True)[:1], '"targets" is missing'),
                                ('other', kserve_inputs('FP64', False), 'Unknown model')):
        try:
            await rest.infer(base, InferRequest(model, inputs), model_name=model)
        except Exception as error:  # of httpx, which KServe's client uses
            assert part in str(error), error
        else:
            raise AssertionError('no error')
    await rest.close()


def kserve_works():
    asyncio.run(use_kserve())


with service.Service() as server:
    client = triton.InferenceServerClient(server.address)
    service.run([triton_reads_health_metadata_and_configuration,
                 triton_reads_statistics,
                 triton_sends_and_gets_every_datatype_in_json_and_in_binary,
                 triton_mixes_datatypes_forms_and_shapes,
                 triton_gets_its_id_back_and_only_the_outputs_it_wants,
                 triton_sets_parameters,
                 triton_compresses_both_ways,
                 triton_moves_a_million_elements,
                 triton_shows_what_is_wrong,
                 triton_sends_many_at_once,
                 triton_works_with_asyncio,
                 kserve_works])

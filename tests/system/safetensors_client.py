#!/usr/bin/env python3
"""safetensors_client.py - the server reads and writes the files of the safetensors package, of every type that it has.

Needs safetensors and numpy. What a response must hold is computed with fractions, exactly. The last line is "N passed, N failed".
"""
import fractions
import functools
import json
import os
import struct
import sys

import numpy as np
import safetensors
import safetensors.numpy

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
import service

TYPE = 'application/safetensors'
DTYPES = ['float64', 'float32', 'float16', 'int8', 'int16', 'int32', 'int64', 'uint8', 'uint16', 'uint32', 'uint64']


def post(connection, body, accept=None, content_type=TYPE):
    connection.request('POST', '/mse', body, {'Content-Type': content_type, **({'Accept': accept} if accept else {})})
    response = connection.getresponse()
    response.body = response.read()
    return response


def expect(connection, tensors, metadata=None, body=None):
    """Sends the tensors and compares every bit of the response with the exact result."""
    metadata = metadata or {}
    response = post(connection, body or safetensors.numpy.save(tensors, metadata=metadata or None))
    assert response.status == 200, response.body
    assert response.getheader('Content-Type') == TYPE
    assert int(response.getheader('Content-Length')) == len(response.body)
    result = safetensors.numpy.load(response.body)
    shape = tensors['predictions'].shape
    exact = {name: [fractions.Fraction(float(x)) for x in tensor.ravel()] for name, tensor in tensors.items()}
    weights = exact.get('weights') or [fractions.Fraction(1)] * len(exact['predictions'])
    errors = [s - y for s, y in zip(exact['predictions'], exact['targets'])]
    reduction = metadata.get('reduction', 'mean')
    divisor = sum(weights) if reduction == 'mean' else 1
    losses = [w * d * d for w, d in zip(weights, errors)]
    gradient = [2 * w * d / divisor for w, d in zip(weights, errors)]
    expected = {'loss': losses if reduction == 'none' else [sum(losses) / divisor]}
    wanted = metadata.get('gradients', 'predictions,targets')
    if 'predictions' in wanted:
        expected['gradients.predictions'] = gradient
    if 'targets' in wanted:
        expected['gradients.targets'] = [-g for g in gradient]
    assert result.keys() == expected.keys()
    for name, values in expected.items():
        assert result[name].dtype == np.float64
        assert result[name].shape == (() if name == 'loss' and reduction != 'none' else shape), (name, result[name].shape)
        # float() of a fraction is the nearest double, ties to even.
        assert result[name].tobytes() == np.array([float(v) for v in values]).tobytes(), name


def random_tensor(rng, dtype, shape):
    if dtype.startswith('float'):
        return rng.standard_normal(shape).astype(dtype)
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max, shape, dtype=dtype, endpoint=True)


def every_pair_of_types_gives_the_exact_result(connection):
    rng = np.random.default_rng(1)
    for first in DTYPES:
        for second in DTYPES:
            expect(connection, {'predictions': random_tensor(rng, first, (3, 5)),
                                'targets': random_tensor(rng, second, (3, 5)),
                                'weights': np.abs(random_tensor(rng, 'float32', (3, 5)))})


def every_half_is_the_number_that_it_is(connection):
    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    halves = halves[np.isfinite(halves)]
    expect(connection, {'predictions': halves, 'targets': np.zeros_like(halves)}, {'reduction': 'sum'})


def every_bfloat16_is_the_number_that_it_is(connection):
    """NumPy has none: the package writes them from bytes."""
    words = np.arange(1 << 16, dtype=np.uint16)
    numbers = (words.astype(np.uint32) << 16).view(np.float32)
    words, numbers = words[np.isfinite(numbers)], numbers[np.isfinite(numbers)].astype(np.float64)
    zeros = np.zeros(len(words), np.uint8)
    specs = {name: safetensors.TensorSpec(dtype=dtype, shape=array.shape, data_ptr=array.ctypes.data,
                                          data_len=array.nbytes)
             for name, dtype, array in (('predictions', 'bfloat16', words), ('targets', 'uint8', zeros))}
    body = bytes(safetensors.serialize(specs, {'reduction': 'sum'}))
    expect(connection, {'predictions': numbers, 'targets': zeros}, {'reduction': 'sum'}, body)


def every_choice_of_results_is_a_file(connection):
    rng = np.random.default_rng(2)
    for shape in ((), (1,), (7,), (2, 3, 4), (1,) * 32, (4099,)):
        tensors = {name: rng.standard_normal(shape) + 0.0 for name in ('predictions', 'targets')}
        tensors = {name: np.asarray(tensor) for name, tensor in tensors.items()}
        for reduction in ('mean', 'sum', 'none'):
            for gradients in ('', 'predictions', 'targets', 'predictions,targets'):
                metadata = {'reduction': reduction, 'gradients': gradients, 'format': 'np'}
                expect(connection, tensors, metadata)


def json_and_files_go_with_each_other(connection):
    tensors = {'predictions': np.array([[0.5, 1.5]]), 'targets': np.array([[0, 2]], np.int16)}
    body = json.dumps({name: tensor.tolist() for name, tensor in tensors.items()}).encode()
    text = post(connection, body, content_type='application/json').body
    assert post(connection, safetensors.numpy.save(tensors), 'application/json').body == text
    file = post(connection, body, TYPE, 'application/json').body
    assert file == post(connection, safetensors.numpy.save(tensors)).body
    assert safetensors.numpy.load(file)['gradients.targets'].tolist() == json.loads(text)['gradients']['targets']


def a_million_elements_come_back_whole(connection):
    rng = np.random.default_rng(3)
    predictions, targets = rng.integers(-1000, 1000, (2, 1000, 1000)).astype(np.float64)
    for reduction in ('sum', 'none'):
        body = safetensors.numpy.save({'predictions': predictions, 'targets': targets}, {'reduction': reduction})
        result = safetensors.numpy.load(post(connection, body).body)
        losses = (predictions - targets) ** 2  # integers, exact
        assert np.array_equal(result['loss'], losses if reduction == 'none' else np.array(losses.sum()))
        assert np.array_equal(result['gradients.predictions'], 2 * (predictions - targets))
        assert np.array_equal(result['gradients.targets'], 2 * (targets - predictions))


def what_the_package_refuses_is_malformed(connection):
    """And what it takes is not: of files that are near to a good one, both say the same."""
    good = safetensors.numpy.save({'predictions': np.ones(2), 'targets': np.zeros(2, np.float32)})
    length, = struct.unpack_from('<Q', good)
    header, data = good[8:8 + length].rstrip(b' '), good[8 + length:]
    files = [good[:i] for i in range(len(good))] + [good + b'\0']
    for i in range(len(header)):
        for byte in b'{}[],:"\\0129 ef':
            changed = header[:i] + bytes([byte]) + header[i + 1:]
            files += [struct.pack('<Q', len(changed)) + changed + data]
    for file in files:
        try:
            safetensors.deserialize(file)
            is_good = True
        except safetensors.SafetensorError:
            is_good = False
        response = post(connection, file)
        assert (response.status != 400) == is_good, (file, response.status, response.body)


def not_finite_and_refused_types_are_named(connection):
    ones = np.ones((2, 2))
    for value, word in ((np.nan, 'NaN'), (np.inf, 'infinity'), (-np.inf, '-infinity')):
        targets = np.ones((2, 2), np.float16)
        targets[1, 0] = value
        tensors = {'predictions': ones, 'targets': targets}
        problem = json.loads(post(connection, safetensors.numpy.save(tensors)).body)
        assert problem['status'] == 422 and problem['type'] == '/problems/not-finite'
        assert f'element [1,0] of the tensor "targets" is {word};' in problem['detail'], problem
        weights = np.array([[1, 1], [0, 1]], np.uint8)
        assert post(connection, safetensors.numpy.save({**tensors, 'weights': weights})).status == 200
    for dtype in (np.bool_, np.complex64):
        response = post(connection, safetensors.numpy.save({'predictions': ones.astype(dtype), 'targets': ones}))
        assert response.status == 422 and b'The tensor \\"predictions\\" has the dtype' in response.body, response.body


def a_shard_of_a_whole_gets_what_one_request_gives(connection):
    chance = np.random.default_rng(7)
    tensors = {'predictions': chance.random(100), 'targets': chance.random(100)}
    connection.request('POST', '/mse/partial', safetensors.numpy.save(tensors), {'Content-Type': TYPE})
    whole = connection.getresponse().read().decode()
    together = safetensors.numpy.load(post(connection, safetensors.numpy.save(tensors)).body)
    for part in (slice(0, 37), slice(37, 100)):
        shard = {name: values[part] for name, values in tensors.items()}
        response = post(connection, safetensors.numpy.save(shard, metadata={'whole': whole}))
        assert response.status == 200, response.body
        result = safetensors.numpy.load(response.body)
        assert result['loss'].tobytes() == together['loss'].tobytes()
        for name in ('gradients.predictions', 'gradients.targets'):
            assert result[name].tobytes() == together[name][part].tobytes(), name
    response = post(connection, safetensors.numpy.save(shard, metadata={'whole': '{"elements":1}'}))
    assert response.status == 422 and json.loads(response.body)['pointer'].startswith('/__metadata__/whole'), response.body


CHECKS = [
    a_shard_of_a_whole_gets_what_one_request_gives,
    every_pair_of_types_gives_the_exact_result,
    every_half_is_the_number_that_it_is,
    every_bfloat16_is_the_number_that_it_is,
    every_choice_of_results_is_a_file,
    json_and_files_go_with_each_other,
    a_million_elements_come_back_whole,
    what_the_package_refuses_is_malformed,
    not_finite_and_refused_types_are_named,
]


def bound(check, connection):
    @functools.wraps(check)
    def run():
        check(connection)
    return run


if __name__ == '__main__':
    with service.Service() as server:
        one = server.connect()
        service.run([bound(check, one) for check in CHECKS])

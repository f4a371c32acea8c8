#!/usr/bin/python3 -B
"""compression.py - what HTTP clients compress and decompress: curl, urllib3, requests, aiohttp and httpx, as they are.

Each posts requests in gzip and in deflate, or plain, and gets responses that the server has compressed because the
client asks for that by itself, or is asked to. What the client hands on must be the uncompressed response, byte for
byte. The packages are those of build/compression, where `make test-compression` puts them. The last line is "N passed,
N failed".
"""
import asyncio
import gzip
import http.client
import json
import os
import random
import subprocess
import sys
import zlib

import aiohttp
import httpx
import requests
import urllib3

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
import service

SIZES = (1, 30, 3000, 300_000)  # elements; the response to one is not compressed, that to the most leaves in pieces
COMPRESS = {'gzip': gzip.compress, 'deflate': zlib.compress, None: bytes}
ASK = 'gzip, deflate'


def body_of(size):
    source = random.Random(size)
    return json.dumps({name: [source.random() for _ in range(size)] for name in ('predictions', 'targets')}).encode()


def headers_of(coding):
    return {'Content-Type': 'application/json', **({'Content-Encoding': coding} if coding else {})}


def plain_response(server, body):
    connection = http.client.HTTPConnection(server.address, timeout=service.TIMEOUT)
    connection.request('POST', '/mse', body, headers_of(None))
    response = connection.getresponse()
    text = response.read()
    connection.close()
    assert response.status == 200 and response.getheader('Content-Encoding') is None
    return text


def each_exchange(post):
    """Calls post(url, body, headers) -> (status, text, the response's coding) with every size and coding."""
    with service.Service('--compress') as server:
        for size in SIZES:
            body = body_of(size)
            expected = plain_response(server, body)
            for coding, compress in COMPRESS.items():
                status, text, encoding = post(f'http://{server.address}/mse', compress(body), headers_of(coding))
                assert status == 200, f'{size}, {coding}: {status}, {text[:200]}'
                assert text == expected, f'{size}, {coding}: another text'
                wanted = ('gzip', 'deflate') if len(expected) >= 1024 else (None,)
                assert encoding in wanted, f'{size}, {coding}: Content-Encoding {encoding}'
        assert server.stop() == 0


def curl_reads_what_it_asks_for():
    def post(url, body, headers):
        words = ['curl', '--silent', '--show-error', '--compressed', '--data-binary', '@-', '--write-out',
                 '%{stderr}%{http_code} %header{content-encoding}']
        for name, value in headers.items():
            words += ['--header', f'{name}: {value}']
        done = subprocess.run([*words, url], input=body, capture_output=True, check=True)
        status, _, coding = done.stderr.decode().partition(' ')
        return int(status), done.stdout, coding or None
    each_exchange(post)


def urllib3_reads_what_it_asks_for():
    with urllib3.PoolManager() as pool:
        def post(url, body, headers):
            response = pool.request('POST', url, body=body, headers={**headers, 'Accept-Encoding': ASK})
            return response.status, response.data, response.headers.get('Content-Encoding')
        each_exchange(post)


def requests_read_what_they_ask_for():
    with requests.Session() as session:
        def post(url, body, headers):
            response = session.post(url, data=body, headers=headers)
            return response.status_code, response.content, response.headers.get('Content-Encoding')
        each_exchange(post)


def httpx_reads_what_it_asks_for():
    with httpx.Client(timeout=service.TIMEOUT) as client:
        def post(url, body, headers):
            response = client.post(url, content=body, headers=headers)
            return response.status_code, response.content, response.headers.get('Content-Encoding')
        each_exchange(post)


def post_by_aiohttp(url, compress, body, headers):
    async def exchange():
        async with aiohttp.ClientSession() as session:
            async with session.post(url, data=body, headers=headers, compress=compress) as response:
                return response.status, await response.read(), response.headers.get('Content-Encoding')
    return asyncio.run(exchange())


def aiohttp_reads_what_it_asks_for():
    each_exchange(lambda url, body, headers: post_by_aiohttp(url, None, body, headers))


def aiohttp_compresses_by_itself():
    """It then sends chunks."""
    with service.Service('--compress') as server:
        body = body_of(3000)
        for coding in ('gzip', 'deflate'):
            status, text, _ = post_by_aiohttp(f'http://{server.address}/mse', coding, body, headers_of(None))
            assert (status, text) == (200, plain_response(server, body)), coding
        metrics = server.metrics()
        assert metrics['mse_http_request_decoded_bytes_total'] == 4 * len(body)
        assert metrics['mse_http_request_bytes_total'] < 4 * len(body)


def clients_show_what_is_wrong_with_their_compression():
    with service.Service('--compress') as server:
        url = f'http://{server.address}/mse'
        body = gzip.compress(body_of(30))
        for damaged, coding, status, slug in ((body[:-1], 'gzip', 400, 'damaged-encoding'),
                                              (body + b'\0', 'gzip', 400, 'damaged-encoding'),
                                              (body, 'deflate', 400, 'damaged-encoding'),
                                              (body, 'zstd', 415, 'unsupported-media-type')):
            response = requests.post(url, data=damaged, headers=headers_of(coding))
            assert response.status_code == status, response.text
            assert response.json()['type'] == f'/problems/{slug}', response.text
            assert ('Accept-Encoding' in response.headers) == (status == 415)


service.run([
    curl_reads_what_it_asks_for,
    urllib3_reads_what_it_asks_for,
    requests_read_what_they_ask_for,
    httpx_reads_what_it_asks_for,
    aiohttp_reads_what_it_asks_for,
    aiohttp_compresses_by_itself,
    clients_show_what_is_wrong_with_their_compression,
])

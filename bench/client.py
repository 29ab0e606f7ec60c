"""HTTP as bare sockets, so that the client costs little beside the node that it measures.

It asks nodes on 127.0.0.1 and understands the answers that these nodes give: a stated length or chunks. It refuses anything else
(a body that only the end of the connection ends, an answer cut short, one larger than its buffer) with an `AnswerError`, and
every wait is bounded.
"""

import json
import re
import socket
from time import monotonic, perf_counter

TIMEOUT_SECONDS = 120
LAST_CHUNK = b'0\r\n\r\n'


class AnswerError(Exception):
    """An answer that is cut short, or not what was asked for."""


def connect(port, timeout_seconds=TIMEOUT_SECONDS):
    connection = socket.create_connection(('127.0.0.1', port), timeout=timeout_seconds)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def request_bytes(port, method, path, value=None, close=False):
    """A request as bytes; with a JSON body if there is a value."""
    body = b'' if value is None else json.dumps(value).encode()
    lines = [f'{method} {path} HTTP/1.1', f'Host: 127.0.0.1:{port}']
    if value is not None:
        lines += ['Content-Type: application/json', f'Content-Length: {len(body)}']
    if close:
        lines.append('Connection: close')
    return '\r\n'.join([*lines, '', '']).encode() + body


def stated_length(head):
    """The Content-Length of an answer; None if it comes in chunks."""
    length = re.search(rb'\r\ncontent-length: *(\d+)', head, re.IGNORECASE)
    if length:
        return int(length[1])
    if re.search(rb'\r\ntransfer-encoding: *chunked', head, re.IGNORECASE):
        return None
    raise AnswerError(f'an answer without a length: {bytes(head[:200])!r}')


def split_answer(answer):
    """An answer as received, taken apart: its status and its whole body."""
    head_end = answer.find(b'\r\n\r\n')
    if head_end < 0:
        raise AnswerError(f'not an HTTP answer: {bytes(answer[:200])!r}')
    head, body = answer[:head_end], answer[head_end + 4:]
    length = stated_length(head)
    if length is None:
        body = join_chunks(body)
    elif len(body) != length:
        raise AnswerError(f'{length} bytes were stated, {len(body)} came')
    return int(head[9:12]), body


def join_chunks(body):
    pieces = []
    position = 0
    while True:
        line_end = body.find(b'\r\n', position)
        if line_end < 0:
            raise AnswerError('the last chunk is missing')
        size = int(body[position:line_end].split(b';')[0], 16)
        if size == 0:
            return b''.join(pieces)
        pieces.append(body[line_end + 2:line_end + 2 + size])
        position = line_end + 2 + size + 2


def says_close(head):
    """Does the node end the connection after this answer?"""
    return re.search(rb'\r\nconnection: *close', head, re.IGNORECASE) is not None


class KeptConnection:
    """One connection for many requests, one after the other; a new one after each answer that says it is the last."""

    def __init__(self, port, timeout_seconds=TIMEOUT_SECONDS):
        self.port = port
        self.timeout_seconds = timeout_seconds
        self.socket = connect(port, timeout_seconds)
        self.ended = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def exchange(self, request):
        """Sends the bytes of a request and returns those of its answer, as they came."""
        deadline = monotonic() + self.timeout_seconds
        if self.ended:
            self.socket.close()
            self.socket = connect(self.port, self.timeout_seconds)
        self.socket.sendall(request)
        answer = bytearray()
        head_end = -1
        while True:
            piece = self.socket.recv(256 * 1024)
            if not piece or monotonic() > deadline:
                raise AnswerError(f'an answer cut short after {len(answer)} bytes')
            answer += piece
            if head_end < 0:
                head_end = answer.find(b'\r\n\r\n')
                if head_end < 0:
                    continue
                length = stated_length(answer[:head_end])
                self.ended = says_close(answer[:head_end])
            if answer.endswith(LAST_CHUNK) if length is None else len(answer) >= head_end + 4 + length:
                return answer


def ask(port, method, path, value=None, timeout_seconds=TIMEOUT_SECONDS):
    """One request on a connection of its own: the status and the body."""
    with KeptConnection(port, timeout_seconds) as connection:
        return split_answer(connection.exchange(request_bytes(port, method, path, value)))


def ask_json(port, method, path, value=None, expected_status=200):
    status, body = ask(port, method, path, value)
    if status != expected_status:
        raise AnswerError(f'{method} {path}: {status} instead of {expected_status}: {bytes(body[:200])!r}')
    return json.loads(body)


def time_reading(port, path, buffer, timeout_seconds=TIMEOUT_SECONDS):
    """Reads the answer to a GET into `buffer`, from connecting until the node closes.

    Returns the seconds that took, and the answer's bytes as a view of the buffer. Nothing is parsed in the meantime.
    """
    request = request_bytes(port, 'GET', path, close=True)
    view = memoryview(buffer)
    filled = 0
    started = perf_counter()
    with connect(port, timeout_seconds) as connection:
        connection.sendall(request)
        while True:
            count = connection.recv_into(view[filled:])
            if count == 0:
                break
            filled += count
            if perf_counter() - started > timeout_seconds:
                raise AnswerError(f'GET {path}: not finished after {timeout_seconds} seconds')
    seconds = perf_counter() - started
    if filled == len(buffer):
        raise AnswerError(f'GET {path}: more than the {len(buffer)} bytes of the buffer')
    return seconds, view[:filled]

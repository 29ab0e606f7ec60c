#!/usr/bin/env python3
"""A peer that does nothing but serve one chain: GET /chain is answered from bytes that were prepared once.

    python3 static_peer.py FILE -p PORT

FILE holds a body of GET /chain and is sent as it is, with one `sendall`, so that two nodes that adopt this chain wait equally
little for it. Every other request is answered with 404. It listens on 127.0.0.1 only.
"""

import argparse
import signal
import socketserver
from pathlib import Path

NOT_FOUND = b'HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n\r\n'


class ChainHandler(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True

    def handle(self):
        try:
            while self.answer():
                pass
        except ConnectionError:
            pass

    def answer(self):
        """Answers one request. False when the connection is at its end."""
        request_line = self.rfile.readline()
        headers = b''.join(iter(self.rfile.readline, b'\r\n')) if request_line else b''
        if request_line.startswith(b'GET /chain '):
            self.request.sendall(self.server.answer)
        elif request_line:
            self.request.sendall(NOT_FOUND)
        return bool(request_line) and b'connection: close' not in headers.lower()


class ChainServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, port, body):
        head = f'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n'
        self.answer = head.encode() + body
        super().__init__(('127.0.0.1', port), ChainHandler)


def main():
    parser = argparse.ArgumentParser(description='Serves one prepared body of GET /chain.')
    parser.add_argument('file', metavar='FILE', type=Path)
    parser.add_argument('-p', '--port', type=int, required=True)
    options = parser.parse_args()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    ChainServer(options.port, options.file.read_bytes()).serve_forever()


if __name__ == '__main__':
    main()

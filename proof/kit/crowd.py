"""An open loop: sign-ups asked for at a steady rate, whether the ones before were answered or not.

    python3 -m kit.crowd PORT RATE SECONDS

Prints one line of JSON. Each request takes a connection that waits for nothing, or a new one."""

import asyncio
import collections
import json
import os
import re
import sys
import time

from .report import percentile

MOST_CONNECTIONS = 15_000
LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.I)


class Connection(asyncio.Protocol):
    def __init__(self, crowd, request):
        self.crowd, self.request, self.begun, self.heard = crowd, request, time.monotonic(), b""

    def connection_made(self, transport):
        self.transport = transport
        self.transport.write(self.request)

    def ask(self, request):
        self.begun = time.monotonic()
        self.transport.write(request)

    def data_received(self, data):
        self.heard += data
        head = self.heard.find(b"\r\n\r\n")
        if head < 0:
            return
        length = LENGTH.search(self.heard, 0, head)
        if len(self.heard) < head + 4 + (int(length[1]) if length else 0):
            return
        self.crowd.answered(self.heard[9:12].decode(), time.monotonic() - self.begun)
        closes = b"connection: close" in self.heard[:head].lower()
        self.heard, self.begun = b"", None
        if closes:
            self.transport.close()
        else:
            self.crowd.idle.append(self)

    def connection_lost(self, _):
        self.crowd.open -= 1
        if self.begun is not None:
            self.crowd.answered("broken off", time.monotonic() - self.begun)
        self.begun = None


class Crowd:
    def __init__(self, port):
        self.port, self.idle, self.open = port, collections.deque(), 0
        self.statuses, self.waits, self.asked, self.unasked = collections.Counter(), [], 0, 0
        self.tag, self.tasks = os.urandom(4).hex(), []

    def answered(self, status, wait):
        self.statuses[status] += 1
        self.waits.append(wait)

    def request(self):
        body = f"email={self.tag}.{self.asked}%40reader.test"
        return (f"POST /members/subscribe/ HTTP/1.1\r\nhost: 127.0.0.1:{self.port}\r\norigin: http://site.test\r\n"
                f"content-type: application/x-www-form-urlencoded\r\ncontent-length: {len(body)}\r\n\r\n{body}").encode()

    async def connect(self, request):
        connection = Connection(self, request)
        try:
            await asyncio.get_running_loop().create_connection(lambda: connection, "127.0.0.1", self.port)
        except OSError:
            self.open -= 1
            self.answered("not connected", time.monotonic() - connection.begun)

    def ask(self):
        while self.idle:
            connection = self.idle.pop()
            if not connection.transport.is_closing():
                break
        else:
            if self.open >= MOST_CONNECTIONS:
                self.unasked += 1
                return
            connection = None
        request = self.request()
        self.asked += 1
        if connection:
            connection.ask(request)
        else:
            self.open += 1
            self.tasks.append(asyncio.ensure_future(self.connect(request)))

    async def come(self, rate, seconds):
        begun = time.monotonic()
        while (elapsed := time.monotonic() - begun) < seconds:
            for _ in range(int(rate * elapsed) - self.asked - self.unasked):
                self.ask()
            await asyncio.sleep(0.001)
        asked_in = time.monotonic() - begun
        end = time.monotonic() + 10
        while self.statuses.total() < self.asked and time.monotonic() < end:
            await asyncio.sleep(0.01)
        return {"asked_per_s": self.asked / asked_in, "unasked": self.unasked,
                "unanswered": self.asked - self.statuses.total(), "statuses": dict(self.statuses),
                "p99_s": percentile(self.waits, 0.99), "took_s": time.monotonic() - begun}


if __name__ == "__main__":
    port, rate, seconds = (float(text) for text in sys.argv[1:])
    print(json.dumps(asyncio.run(Crowd(int(port)).come(rate, seconds))))

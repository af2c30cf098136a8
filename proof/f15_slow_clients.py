#!/usr/bin/env python3
"""F15: thousands of clients that stall: in the head of a request, in its body, in the head of a second request, and
while they should read. All are closed in time, memory stays flat, and whoever is quick is served."""

import resource
import select
import socket
import threading
import time

from kit.client import Client
from kit.program import Program
from kit.report import experiment, percentile

HEAD, BODY = 2.0, 2.0
KINDS = {
    "half a head": b"GET /healthz HTTP/1.1\r\nHost: a\r\nX-Sl",
    "half a body": b"POST /members/subscribe/ HTTP/1.1\r\nHost: a\r\nOrigin: http://site.test\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\nemail=",
    "half a second head": b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\nGET /he",
    "nothing": b"",
}


def run(options):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65_536), hard))
    broken, closed, latencies = [], {}, []
    # What a server does that waits for ever.
    head, body = (120_000, 120_000) if options.sabotage else (int(HEAD * 1000), int(BODY * 1000))
    with Program(HTTP_HEADER_MS=head, HTTP_BODY_IDLE_MS=body, HTTP_BODY_TOTAL_MS=body * 2, HTTP_KEEP_ALIVE_MS=head,
                 HTTP_CONNECTIONS=options.connections + 512) as program:
        program.start()
        before = program.memory()
        each, sockets = options.connections // len(KINDS), {}
        for number, (kind, said) in enumerate(KINDS.items()):
            for count in range(each):
                # From many addresses: one has only so many ports.
                conn = socket.create_connection(("127.0.0.1", program.port), 10, (f"127.0.{number + 1}.{count % 200 + 1}", 0))
                conn.sendall(said)
                conn.setblocking(False)
                sockets[conn] = (kind, time.monotonic())
        ends = threading.Event()

        def quick():
            while not ends.is_set():
                began = time.monotonic()
                try:
                    status = Client(program.port, timeout=10).get("/members/api/site/").status
                except OSError as error:
                    status = repr(error)
                latencies.append(time.monotonic() - began)
                if status != 200:
                    broken.append(f"a quick client is answered {status}")
                time.sleep(0.02)

        thread = threading.Thread(target=quick)
        thread.start()
        begun = time.monotonic()
        highest, waits, end = before, {}, begun + HEAD + 2 * BODY + 6
        poll = select.poll()
        by_fd = {conn.fileno(): conn for conn in sockets}
        for fd in by_fd:
            poll.register(fd, select.POLLIN | select.POLLHUP)
        while by_fd and time.monotonic() < end:
            highest = max(highest, program.memory())
            for fd, _ in poll.poll(200):
                conn = by_fd[fd]
                try:
                    gone = conn.recv(65_536) == b""
                except BlockingIOError:
                    continue
                except OSError:
                    gone = True
                if gone:
                    kind, began = sockets[conn]
                    # While all of them were being opened nobody looked.
                    waits.setdefault(kind, []).append(time.monotonic() - max(began, begun))
                    closed[kind] = closed.get(kind, 0) + 1
                    poll.unregister(fd)
                    conn.close()
                    del by_fd[fd]
        ends.set()
        thread.join()
        left = len(by_fd)
        for conn in by_fd.values():
            conn.close()
        if not program.is_alive():
            broken.append("it died")
    p99 = percentile(latencies, 0.99)
    grown = (highest - before) // 1024
    if left:
        broken.append(f"{left} stalled connections are still open")
    if grown > 256:
        broken.append(f"it grew by {grown} MiB")
    if p99 > 0.25:
        broken.append(f"quick clients waited {p99 * 1000:.0f} ms")
    return {"stalled": len(sockets), "closed": closed, "still_open": left, "closed_within_s": {kind: round(max(times), 1) for kind, times in waits.items()},
            "quick_p50_ms": round(percentile(latencies, 0.5) * 1000, 1), "quick_p99_ms": round(p99 * 1000, 1),
            "memory_grew_mib": grown, "broken": broken}


experiment("F15", "clients that stall cost little and hold up nobody", run, [("--connections", {"type": int, "default": 8000})])

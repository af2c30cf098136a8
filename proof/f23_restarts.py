#!/usr/bin/env python3
"""F23: nodes are restarted one after the other while readers ask 200 times a second: no request fails. First three nodes
on one PostgreSQL behind nginx, then a single one on SQLite. The listening sockets are handed over, as systemd does."""

import contextlib
import threading
import time

from kit.client import Client
from kit.nginx import Nginx
from kit.postgres import Postgres
from kit.program import Program
from kit.report import experiment, percentile
from kit.sink import Sink, link_of

CLIENTS = 20


def load(port, per_second, ends, links):
    """Readers at a steady pace, whatever becomes of their requests."""
    failed, times, promised, lock = [], [], [], threading.Lock()

    def reader(who):
        client, number, begun = Client(port, timeout=30), 0, time.monotonic()
        client.redeem(links[who])
        while not ends.is_set():
            number += 1
            pause = begun + number * CLIENTS / per_second - time.monotonic()
            if pause > 0:
                time.sleep(pause)
            asked = time.monotonic()
            try:
                if number % 4 == 0:
                    address = f"r{port}.{who}.{number}@reader.test"
                    good = client.subscribe(address)
                    if good:
                        promised.append(address)
                elif number % 4 == 1:
                    good = client.get("/members/api/member/").status == 200
                else:
                    good = client.get(["/members/signin/", "/members/api/integrity-token/"][number % 2]).status == 200
            except Exception as error:
                good = error
            with lock:
                times.append(time.monotonic() - asked)
                if good is not True:
                    failed.append(f"request {number}: {good!r}")

    threads = [threading.Thread(target=reader, args=(who,)) for who in range(CLIENTS)]
    for thread in threads:
        thread.start()
    return threads, failed, times, promised


def links(port, sink, name):
    client = Client(port)
    for who in range(CLIENTS):
        assert client.subscribe(f"{name}{who}@reader.test")
    return [link_of(sink.wait(f"{name}{who}@reader.test")) for who in range(CLIENTS)]


def run(options):
    broken, figures = [], {}
    with contextlib.ExitStack() as stack:
        sink = stack.enter_context(Sink())
        for name, count in (("nodes", options.nodes), ("alone", 1)):
            database = stack.enter_context(Postgres()).url if name == "nodes" else None
            nodes = [stack.enter_context(Program(sink.port, database=database)) for _ in range(count)]
            balancer = stack.enter_context(Nginx([node.port for node in nodes])) if count > 1 else None
            port = balancer.port if balancer else nodes[0].port
            for node in nodes:
                node.settings["READERSHIP_URL"] = f"http://127.0.0.1:{port}/"
                node.settings["READERSHIP_LIMITS_LIVE_LINKS"] = "10"
                if not options.sabotage:
                    node.listens_itself()
                node.start()
            ends = threading.Event()
            threads, failed, times, promised = load(port, options.rate, ends, links(port, sink, name))
            time.sleep(1)
            for number in range(options.restarts):
                node = nodes[number % count]
                # The control hangs up on everybody, and on whoever knocks before the next one is there.
                if options.sabotage:
                    node.kill()
                    time.sleep(0.2)
                else:
                    code = node.stop()
                    if code != 0:
                        broken.append(f"a node ended with {code}")
                node.start()
                time.sleep(0.3)
            ends.set()
            for thread in threads:
                thread.join()
            if failed:
                broken.append(f"{name}: {len(failed)} of {len(times)} failed: {failed[:3]}")
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline and not set(promised) <= sink.counts().keys():
                time.sleep(0.2)
            counts = sink.counts()
            lost = sum(address not in counts for address in promised)
            twice = sum(counts.get(address, 0) > 1 for address in promised)
            if lost or twice:
                broken.append(f"{name}: {lost} mails missing, {twice} twice")
            figures |= {f"{name}_requests": len(times), f"{name}_failed": len(failed), f"{name}_promised": len(promised),
                        f"{name}_mails_twice": twice, f"{name}_p99_ms": round(percentile(times, 0.99) * 1000, 1)}
            for node in nodes:
                node.kill()
    return {"restarts": options.restarts, **figures, "broken": broken}


if __name__ == "__main__":
    experiment("F23", "a restart fails no request", run,
               [("--nodes", {"type": int, "default": 3}), ("--restarts", {"type": int, "default": 20}),
                ("--rate", {"type": int, "default": 200})])

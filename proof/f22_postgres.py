#!/usr/bin/env python3
"""F22: PostgreSQL's backends are killed every two seconds, and twice the whole server at once, while readers sign up.
What was promised is there; what was not is said to be so; it goes on by itself."""

import threading
import time

from kit.client import Client
from kit.postgres import Postgres
from kit.program import Program
from kit.report import experiment
from kit.sink import Sink

CLIENTS = 8


def run(options):
    broken, promised, refused, statuses = [], [], [], {}
    with Sink() as sink, Postgres() as postgres, Program(sink.port, database=postgres.url) as program:
        sink.is_down = True
        program.start()
        ends = threading.Event()

        def sign_up(who):
            client, number = Client(program.port, timeout=30), 0
            while not ends.is_set():
                address = f"pg{who}.{number}@reader.test"
                number += 1
                answer = client.form("/members/subscribe/", email=address)
                statuses[answer.status] = statuses.get(answer.status, 0) + 1
                # The control is a program that promises whatever becomes of it.
                if answer.status == 303 and ("members-pending" in answer.location or options.sabotage):
                    promised.append(address)
                else:
                    refused.append((time.monotonic(), answer.status))
                    time.sleep(0.05)

        threads = [threading.Thread(target=sign_up, args=(who,)) for who in range(CLIENTS)]
        for thread in threads:
            thread.start()
        end, number, holes = time.monotonic() + options.time, 0, []
        while time.monotonic() < end:
            time.sleep(2)
            number += 1
            if number % 5 == 0:
                before = len(promised)
                postgres.stop("immediate")
                time.sleep(0.5)
                postgres.start()
                back = time.monotonic()
                while len(promised) <= before and time.monotonic() - back < 30:
                    time.sleep(0.02)
                holes.append(time.monotonic() - back)
            else:
                postgres.ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = 'postgres'")
        ends.set()
        for thread in threads:
            thread.join()
        postgres.stop("immediate")
        postgres.start()
        if not program.is_alive():
            broken.append("it died")
        kept = {row[0] for row in postgres.ask("SELECT recipient FROM outbox")}
        links = {row[0] for row in postgres.ask("SELECT email FROM magic_links")}
        again = Client(program.port)
        end = time.monotonic() + 30
        while not again.subscribe(f"again{time.monotonic_ns()}@reader.test"):
            if time.monotonic() > end:
                broken.append("it does not go on")
                break
            time.sleep(0.1)
    lost = [address for address in promised if address not in kept]
    apart = kept ^ links
    broken += [f"promised and lost: {address}" for address in lost] + [f"half written: {address}" for address in apart]
    wrong = [status for status in statuses if status not in (303, 503)]
    if wrong:
        broken.append(f"answers of {wrong}")
    return {"promised": len(promised), "refused": len(refused), "lost": len(lost), "half_written": len(apart),
            "answers": {str(status): count for status, count in statuses.items()},
            "back_after_s": [round(hole, 2) for hole in holes], "broken": broken}


experiment("F22", "a database that fails loses nothing that was promised", run, [("--time", {"type": int, "default": 60})])

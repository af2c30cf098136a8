#!/usr/bin/env python3
"""F12: a thousand at once against a limit. Exactly as many as the limit are let through, whatever their headers say
of where they come from, and a restart forgets nothing."""

import itertools
import threading

from kit.client import Client, together
from kit.program import Program
from kit.report import experiment
from kit.sink import Sink

LIMIT = 60


def run(options):
    broken = []
    trusted = {"TRUSTED_PROXIES": "127.0.0.1"} if options.sabotage else {}
    with Sink() as sink, Program(sink.port, LIMITS_CLIENT_PER_HOUR=LIMIT, LIMITS_CLIENT_PER_MINUTE=0, **trusted) as program:
        program.start()
        numbers = itertools.count()
        lock = threading.Lock()

        def ask(_):
            with lock:
                number = next(numbers)
            # Each says to come from somewhere else.
            forged = f"198.51.{number // 250}.{number % 250 + 1}"
            headers = {"x_forwarded_for": forged, "forwarded": f"for={forged}", "cf_connecting_ip": forged,
                       "x_real_ip": forged, "true_client_ip": forged}
            answer = Client(program.port).ask(
                "POST", "/members/subscribe/", f"email=limit{number}%40reader.test",
                content_type="application/x-www-form-urlencoded", origin="http://site.test", **headers)
            return answer.status == 303

        def through(count):
            results = [result for _ in range(count // 100) for result in together(100, ask)]
            broken.extend(repr(result) for result in results if isinstance(result, Exception))
            # Whoever is over the limit is told the same: what counts is whether there is a mail.
            return program.rows("SELECT count(*) FROM outbox")[0][0]

        first = through(options.asks // 2)
        program.kill()
        program.start()
        let_through = through(options.asks // 2)
        if let_through != LIMIT:
            broken.append(f"{let_through} were let through, not {LIMIT}")
    return {"asked": options.asks, "limit": LIMIT, "let_through": let_through, "before_restart": first,
            "after_restart": let_through - first, "broken": broken}


experiment("F12", "a limit lets exactly as many through as it says", run, [("--asks", {"type": int, "default": 1000})])

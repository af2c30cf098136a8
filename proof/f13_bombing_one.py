#!/usr/bin/env python3
"""F13: five hundred networks want to fill one mailbox, for a day, under every spelling of its address. It gets no
more mails than one address may."""

import random

from kit.client import Client
from kit.clock import Clock
from kit.program import Program
from kit.report import experiment
from kit.sink import Sink

SPELLINGS = ["victim@reader.test", "VICTIM@reader.test", "victim+a@reader.test", "Victim+b@Reader.Test",
             "victim+c+d@reader.test", " victim@reader.test "]
DAY, HOUR = 10, 5


def run(options):
    chance, broken = random.Random(options.seed), []
    more = {}
    if options.sabotage:
        # Limits by network alone.
        more = {f"LIMITS_ADDRESS_{name}": 0 for name in ("GAP_S", "PER_15M", "PER_HOUR", "PER_DAY")}
    more.setdefault("LIMITS_CLIENT_PER_HOUR", 60)
    with Sink() as sink, Program(sink.port, TRUSTED_PROXIES="127.0.0.1", **more) as program:
        clock = Clock(program)
        program.start()
        client, asked, per_hour = Client(program.port), 0, []
        for _ in range(24):
            before = program.rows("SELECT count(*) FROM outbox")[0][0]
            for _ in range(options.asks // 24):
                network = f"198.51.{chance.randrange(2)}.{chance.randrange(250) + 1}"
                answer = client.ask(
                    "POST", "/members/subscribe/", "email=" + chance.choice(SPELLINGS).replace("@", "%40").replace("+", "%2B"),
                    content_type="application/x-www-form-urlencoded", origin="http://site.test", x_forwarded_for=network)
                asked += 1
                if answer.status != 303:
                    broken.append(f"an answer of {answer.status}")
            per_hour.append(program.rows("SELECT count(*) FROM outbox")[0][0] - before)
            clock.move(3_599)
        mails = program.rows("SELECT count(*) FROM outbox")[0][0]
    if mails > DAY:
        broken.append(f"{mails} mails in a day, and {DAY} are the limit")
    if max(per_hour) > HOUR:
        broken.append(f"{max(per_hour)} mails in an hour, and {HOUR} are the limit")
    if mails == 0:
        broken.append("not one mail went out")
    return {"asked": asked, "networks": 500, "mails": mails, "most_in_an_hour": max(per_hour), "broken": broken}


experiment("F13", "nobody's mailbox is filled by others", run, [
    ("--asks", {"type": int, "default": 2400}), ("--seed", {"type": int, "default": 1}),
])

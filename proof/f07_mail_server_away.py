#!/usr/bin/env python3
"""F7: the mail server is away for six hours. Every mail that is still good goes out when it is back, once, with a
link that works."""

import time

from kit.client import Client
from kit.clock import Clock
from kit.program import Program
from kit.report import experiment
from kit.sink import Sink, link_of


def run(options):
    broken = []
    # The control gives up after two tries.
    more = {"SMTP_ATTEMPTS": 2} if options.sabotage else {}
    with Sink() as sink, Program(sink.port, SMTP_CONNECT_MS=500, **more) as program:
        clock = Clock(program)
        program.start()
        client = Client(program.port)
        sink.is_down = True
        addresses = [f"away{number}@reader.test" for number in range(options.mails)]
        for address in addresses:
            if not client.subscribe(address):
                broken.append(f"{address} was refused")
        # Six hours in steps, so that every retry of the schedule falls due and fails.
        for _ in range(24):
            clock.move(15 * 60)
            time.sleep(0.25)
        tried = sum(count for (count,) in program.rows("SELECT attempts FROM outbox"))
        parked = program.rows("SELECT count(*) FROM outbox WHERE state NOT IN ('waiting', 'sending')")[0][0]
        sink.is_down = False
        begun = time.monotonic()
        while len(sink.counts()) < len(addresses) and time.monotonic() - begun < 60:
            clock.move(600)
            time.sleep(0.25)
        took = time.monotonic() - begun
        time.sleep(0.5)
        counts = sink.counts()
        missing = [address for address in addresses if not counts.get(address)]
        twice = [address for address, count in counts.items() if count > 1]
        broken += [f"missing: {address}" for address in missing] + [f"twice: {address}" for address in twice]
        good = 0
        for address in addresses[:20]:
            mails = sink.mails(address)
            link = link_of(sink.wait(address)) if mails else None
            if link and Client(program.port).redeem(link):
                good += 1
            elif mails:
                broken.append(f"the link to {address} does not work")
        if tried < len(addresses):
            broken.append("nothing was tried while it was away")
    return {"mails": len(addresses), "tries_while_away": tried, "given_up": parked, "missing": len(missing),
            "twice": len(twice), "links_that_work": good, "of": min(20, len(addresses)), "all_out_after_s": round(took, 1),
            "broken": broken}


experiment("F7", "mails wait six hours for their server and lose nothing", run, [("--mails", {"type": int, "default": 100})])

#!/usr/bin/env python3
"""F20: the clock jumps an hour ahead and back again, and again, while mails go out and readers are signed in. Nothing
goes out twice, nobody is signed out, and what waits is done."""

import threading
import time

from kit.client import Client
from kit.clock import Clock
from kit.program import Program
from kit.report import experiment
from kit.sink import Sink, link_of


def run(options):
    broken = []
    with Sink() as sink, Program(sink.port, LIMITS_ADDRESS_GAP_S=0) as program:
        clock = Clock(program)
        program.start()
        readers = []
        for number in range(5):
            client = Client(program.port)
            client.subscribe(f"reader{number}@reader.test")
            if client.redeem(link_of(sink.wait(f"reader{number}@reader.test"))):
                readers.append(client)
        # The control jumps further than any session lives.
        far = 200 * 86_400 if options.sabotage else 3_600
        ends, asked = threading.Event(), []

        def ask():
            client, number = Client(program.port), 0
            while not ends.is_set():
                address = f"jump{number}@reader.test"
                number += 1
                if client.subscribe(address):
                    asked.append(address)
                time.sleep(0.01)

        thread = threading.Thread(target=ask)
        thread.start()
        for number in range(options.jumps):
            clock.move(far if number % 2 == 0 else -far)
            time.sleep(0.3)
            for reader in readers:
                if reader.get("/members/api/member/").status != 200:
                    broken.append(f"a reader was signed out at jump {number}")
        ends.set()
        thread.join()
        end = time.monotonic() + 30
        while time.monotonic() < end and len([a for a in asked if sink.count(a)]) < len(asked):
            clock.move(60)
            time.sleep(0.2)
        time.sleep(1)
        counts = sink.counts()
        missing = [address for address in asked if not counts.get(address)]
        twice = [address for address in asked if counts.get(address, 0) > 1]
        broken += [f"missing: {address}" for address in missing] + [f"twice: {address}" for address in twice]
    return {"jumps": options.jumps, "mails": len(asked), "missing": len(missing), "twice": len(twice),
            "readers": len(readers), "broken": broken}


experiment("F20", "a clock that jumps doubles nothing and signs nobody out", run, [("--jumps", {"type": int, "default": 20})])

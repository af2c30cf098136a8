#!/usr/bin/env python3
"""F1: `kill -9` a thousand times while readers sign up. What was promised is there, and with it its mail."""

import random
import threading
import time

from kit.careless import Careless
from kit.client import Client
from kit.program import Program, integrity
from kit.report import experiment, percentile
from kit.sink import Sink

CLIENTS = 16


def run(options):
    chance = random.Random(options.seed)
    promised, starts, broken = [], [], []
    with Sink() as sink:
        # Mails wait, so that every one of them must be found in the database.
        sink.is_down = True
        make = (lambda: Careless("late")) if options.sabotage else (lambda: Program(sink.port, SMTP_CONNECTIONS=1))
        with make() as program:
            for number in range(options.rounds):
                starts.append(program.start())
                ends = threading.Event()
                round_promised = []

                def sign_up(who):
                    client, count = Client(program.port, timeout=5), 0
                    while not ends.is_set():
                        address = f"r{number}.{who}.{count}@reader.test"
                        count += 1
                        try:
                            if client.subscribe(address):
                                round_promised.append(address)
                        except Exception:  # It was killed: nothing was promised.
                            client.close()
                            if ends.wait(0.005):
                                return

                threads = [threading.Thread(target=sign_up, args=(who,)) for who in range(CLIENTS)]
                for thread in threads:
                    thread.start()
                time.sleep(chance.uniform(0.02, 0.15))
                program.kill()
                ends.set()
                for thread in threads:
                    thread.join()
                promised += round_promised
            path = program.folder / "readership.db"
            said = integrity(path)
            links = {address for (address,) in program.rows("SELECT email FROM magic_links")}
            mails = {address for (address,) in program.rows("SELECT recipient FROM outbox")}
    lost = [address for address in promised if address not in links]
    without = [address for address in links if address not in mails]
    p99 = percentile(starts, 0.99)
    broken += [f"lost: {address}" for address in lost] + [f"no mail: {address}" for address in without]
    if said != "ok":
        broken.append(f"integrity: {said}")
    if not promised:
        broken.append("nothing was promised at all")
    if p99 > 1.0:
        broken.append(f"it took {p99:.2f} s to start again")
    return {"kills": options.rounds, "promised": len(promised), "kept": len(links), "lost": len(lost),
            "without_mail": len(without), "integrity": said, "start_p99_ms": round(p99 * 1000), "seed": options.seed,
            "broken": broken}


experiment("F1", "kill -9 loses nothing that was promised", run, [
    ("--rounds", {"type": int, "default": 1000}), ("--seed", {"type": int, "default": 1}),
])

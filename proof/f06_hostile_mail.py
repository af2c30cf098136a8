#!/usr/bin/env python3
"""F6: a mail server at its worst. Whoever it does not refuse for good gets their mail, once, but for those where
the connection broke after the mail was taken; and nobody waits for a worker that hangs."""

import random
import threading
import time

from kit.client import Client
from kit.program import Program
from kit.report import experiment, percentile
from kit.sink import Sink

FATES = [("later", 20), ("later-data", 10), ("hang", 5), ("drop", 5), ("drop-after", 5), ("rubbish", 1), ("flood", 1),
         ("never", 5), ("take", 48)]

def run(options):
    chance = random.Random(options.seed)
    fates, kinds = {}, [fate for fate, share in FATES for _ in range(share)]

    def fate(recipient, count):
        first = fates[recipient]
        # The worst comes at the first try; whoever is refused for good is refused again.
        return first if count == 1 or first == "never" else "take"

    addresses = [f"mail{number}@reader.test" for number in range(options.mails)]
    for address in addresses:
        fates[address] = chance.choice(kinds)
    deadlines = {"SMTP_COMMAND_MS": 1000, "SMTP_DOT_MS": 1000, "SMTP_CONNECT_MS": 1000}
    if options.sabotage:
        # A sender that tries once.
        deadlines["SMTP_ATTEMPTS"] = 1
    with Sink(fate, hang=3) as sink, Program(sink.port, **deadlines) as program:
        program.start()
        asked = {}
        lock = threading.Lock()

        def ask(part):
            client = Client(program.port)
            for address in part:
                began = time.monotonic()
                client.subscribe(address)
                with lock:
                    asked[address] = began

        threads = [threading.Thread(target=ask, args=(addresses[who::4],)) for who in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        wanted = [address for address in addresses if fates[address] != "never"]
        end = time.monotonic() + options.within
        waits = {}
        memory = program.memory()
        while time.monotonic() < end:
            counts = sink.counts()
            now = time.monotonic()
            for address in wanted:
                if counts.get(address) and address not in waits:
                    waits[address] = now - asked[address]
            if len(waits) == len(wanted):
                break
            time.sleep(0.25)
        time.sleep(1)
        counts = sink.counts()
        after = program.memory()
        alive = program.is_alive()
    missing = [address for address in wanted if not counts.get(address)]
    twice = [address for address in addresses if counts.get(address, 0) > 1]
    wrong = [address for address in twice if fates[address] != "drop-after" or counts[address] > 2]
    ids = {}
    for mail in sink.mails():
        ids.setdefault(mail["to"], set()).add(mail["message-id"])
    other = [to for to, found in ids.items() if len(found) > 1]
    broken = [f"missing: {address} ({fates[address]})" for address in missing]
    broken += [f"twice: {address} ({fates[address]})" for address in wrong]
    broken += [f"another Message-ID: {to}" for to in other]
    if not alive:
        broken.append("it died")
    if after > memory + 64 * 1024:
        broken.append(f"it grew from {memory} to {after} KiB")
    refused = [address for address in addresses if fates[address] == "never"]
    return {"mails": len(addresses), "refused_for_good": len(refused), "delivered": len(waits), "missing": len(missing),
            "second_copies": len(twice), "wrong_copies": len(wrong), "p50_s": round(percentile(list(waits.values()), 0.5) or 0, 2),
            "p99_s": round(percentile(list(waits.values()), 0.99) or 0, 1), "memory_kib": [memory, after],
            "seed": options.seed, "broken": broken}


experiment("F6", "a hostile mail server loses no mail and doubles only what broke off after it was taken", run, [
    ("--mails", {"type": int, "default": 1000}), ("--seed", {"type": int, "default": 1}),
    ("--within", {"type": int, "default": 120}),
])

#!/usr/bin/env python3
"""F10: everything that Stripe told in a month is told again, several times over: nothing changes, nobody gets a mail."""

import threading
import time

from kit.demo import DECLINED_LATER, GOOD, Demo
from kit.report import experiment

TABLES = ("members", "stripe_customers", "paid_subscriptions", "payments", "trials", "billing_notices", "outbox",
          "member_events")
# When it was last looked at, not what it says.
PASSING = {"reads_begun", "read_applied", "read_at"}


def state(demo):
    found = {}
    for table in TABLES:
        columns = [row[1] for row in demo.rows(f"PRAGMA table_info({table})") if row[1] not in PASSING]
        found[table] = sorted(demo.rows(f"SELECT {', '.join(columns)} FROM {table}"), key=repr)
    return found


def run(options):
    broken = []
    with Demo() as demo:
        for number in range(options.payers):
            demo.buys(number, DECLINED_LATER if number % 4 == 0 else GOOD, "patron" if number % 3 == 0 else "supporter")
            if not demo.proves(number):
                broken.append(f"payer {number} got no link")
        # A second trial with the same card was ended at once.
        for number, (id, (status, *_)) in enumerate(sorted(demo.subscriptions_there().items())):
            if number % 5 == 0 and status != "canceled":
                demo.stripe("POST", f"/v1/subscriptions/{id}", cancel_at_period_end="true")
        for _ in range(5):
            demo.advance(7)
            demo.settles()
        events = list(reversed(demo.all("/v1/events")))
        demo.hears_all()
        before, begun = state(demo), time.monotonic()
        if options.sabotage:
            # A program that forgot what it has said.
            import sqlite3
            with sqlite3.connect(demo.folder / "data/readership.db", timeout=30) as conn:
                for table in ("billing_notices", "stripe_events", "paid_subscriptions"):
                    conn.execute(f"DELETE FROM {table}")
        told, refused, work = 0, 0, []
        for turn in range(max(1, options.events // len(events))):
            for event in events:
                # Every other time under another name, as when somebody presses "resend" on a copy of the endpoint.
                work.append(event if turn % 2 == 0 else {**event, "id": f"{event['id']}_{turn}"})

        def teller(first):
            nonlocal told, refused
            for event in work[first::4]:
                if demo.tell(event) == 200:
                    told += 1
                else:
                    refused += 1

        threads = [threading.Thread(target=teller, args=(first,)) for first in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        heard = time.monotonic() - begun
        if not demo.settles(400):
            broken.append("it does not come to rest")
        seconds = time.monotonic() - begun
        after = state(demo)
        for table in TABLES:
            if before[table] != after[table]:
                new = [row for row in after[table] if row not in before[table]]
                broken.append(f"{table}: {len(before[table])} rows, then {len(after[table])}; new: {new[:2]}")
        return {"events": len(events), "told_again": told, "refused": refused, "heard_per_s": round(told / heard),
                "worked_off_per_s": round(told / seconds),
                "mails": len(after["outbox"]) - len(before["outbox"]), "broken": broken}


if __name__ == "__main__":
    experiment("F10", "what was told once more changes nothing", run,
               [("--payers", {"type": int, "default": 60}), ("--events", {"type": int, "default": 10_000})])

#!/usr/bin/env python3
"""F9: a day on which no event of Stripe's arrives, and things change there. A comparison finds each of them; a second
one finds nothing."""

import re
import threading
import time

from kit.demo import Demo
from kit.report import experiment


def drift(demo):
    there, here = demo.subscriptions_there(), demo.subscriptions_here()
    return sum(there.get(id) != here.get(id) for id in there.keys() | here.keys())


def run(options):
    broken = []
    with Demo() as demo:
        def buyers(first):
            for number in range(first, options.payers, 8):
                if demo.buys(number) is None:
                    broken.append(f"payer {number} could not buy")
                elif not demo.proves(number):
                    broken.append(f"payer {number} got no link")

        threads = [threading.Thread(target=buyers, args=(first,)) for first in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if not demo.hears_all(within=600):
            broken.append("it does not come to rest")
        if drift(demo):
            broken.append("it differs before anything was lost")
        # The program's own first comparison is not to mend what this one is to find.
        end = time.monotonic() + 180
        while not demo.rows("SELECT 1 FROM settings WHERE key = 'billing_last_comparison'") and time.monotonic() < end:
            time.sleep(1)

        demo.orders(lost_events=100)
        there = sorted(demo.subscriptions_there())
        for number, id in enumerate(there[:options.changes]):
            if number % 3 == 0:
                demo.stripe("DELETE", f"/v1/subscriptions/{id}")
            else:
                demo.stripe("POST", f"/v1/subscriptions/{id}", cancel_at_period_end="true")
        before = drift(demo)
        if before != options.changes:
            broken.append(f"{before} differ, not {options.changes}: the loss itself does not work")
        # The control compares nothing.
        said = "" if options.sabotage else demo.reconcile()
        demo.settles()
        after = drift(demo)
        found = re.search(r"(\d+) differed", said)
        if after:
            broken.append(f"{after} differ afterwards")
        if not options.sabotage and int(found.group(1)) != options.changes:
            broken.append(f"it says: {said}")
        mails = demo.rows("SELECT count(*) FROM outbox")[0][0]
        again = "" if options.sabotage else demo.reconcile()
        demo.settles()
        if not options.sabotage and not re.search(r" 0 differed", again):
            broken.append(f"a second one says: {again}")
        more = demo.rows("SELECT count(*) FROM outbox")[0][0] - mails
        if more:
            broken.append(f"a second one sends {more} mails")
        return {"payers": len(there), "changes": options.changes, "drift_before": before, "drift_after": after,
                "second_says": again.split("\n")[0], "broken": broken}


if __name__ == "__main__":
    experiment("F9", "a comparison finds all that was never told", run,
               [("--payers", {"type": int, "default": 1_000}), ("--changes", {"type": int, "default": 300})])

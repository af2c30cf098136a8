#!/usr/bin/env python3
"""F8: Stripe answers 429 and 500, loses answers after the work was done, is silent for half a minute, tells twice,
out of order and sometimes not at all, while readers buy, change, end and fail to pay, and months pass. When it is calm
again, everything stands as Stripe says, nothing was made twice, and nobody was told anything twice."""

import random
import threading

from kit.demo import CALM, DECLINED_LATER, GOOD, STORM, Demo
from kit.report import experiment


def differences(there, here):
    return [f"{id}: {there.get(id)} there, {here.get(id)} here" for id in sorted(there.keys() | here.keys())
            if there.get(id) != here.get(id)]


def run(options):
    dice, broken = random.Random(options.seed), []
    with Demo() as demo:
        demo.orders(**(STORM if not options.sabotage else {**STORM, "lost_events": 100}))
        bought = {}

        def buyers(first):
            for number in range(first, options.payers, 6):
                card = DECLINED_LATER if number % 5 == 0 else GOOD
                tier, cadence = ("patron" if number % 3 == 0 else "supporter"), ("year" if number % 4 == 0 else "month")
                bought[number] = demo.buys(number, card, tier, cadence, tries=2)

        threads = [threading.Thread(target=buyers, args=(first,)) for first in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        # Who was told to come back later does.
        refused = [number for number, address in bought.items() if address is None]
        demo.orders(**CALM)
        for number in refused:
            # Nobody asks Stripe for half a minute after it was away.
            if demo.buys(number, tries=12, pause=5) is None:
                broken.append(f"payer {number} cannot buy although it is calm")
        for number in range(options.payers):
            if not demo.proves(number):
                broken.append(f"payer {number} got no link")

        # Somebody in the dashboard, whose own calls are not disturbed, and time, in a storm.
        changes = 0
        for month in range(options.months):
            demo.orders(**CALM)
            subscriptions = list(demo.subscriptions_there().items())
            prices = [price["id"] for price in demo.all("/v1/prices") if price["recurring"]]
            for id, (status, _, _, ends) in subscriptions:
                if status not in ("active", "trialing", "past_due") or dice.random() > 0.5:
                    continue
                what = dice.choice(["ends", "goes on", "plan", "now"]) if dice.random() > 0.1 else "now"
                if what == "ends":
                    demo.stripe("POST", f"/v1/subscriptions/{id}", cancel_at_period_end="true")
                elif what == "goes on":
                    demo.stripe("POST", f"/v1/subscriptions/{id}", cancel_at_period_end="false")
                elif what == "plan":
                    item = demo.stripe("GET", f"/v1/subscriptions/{id}")["items"]["data"][0]["id"]
                    demo.stripe("POST", f"/v1/subscriptions/{id}",
                                **{"items[0][id]": item, "items[0][price]": dice.choice(prices)})
                elif dice.random() < 0.3:
                    demo.stripe("DELETE", f"/v1/subscriptions/{id}")
                changes += 1
            demo.orders(**(STORM if not options.sabotage else {**STORM, "lost_events": 100}))
            demo.advance(31)

        demo.orders(**CALM)
        if not demo.settles(180):
            broken.append("it does not come to rest")
        said = ""
        # The control hears nothing, and nobody compares.
        if not options.sabotage:
            said = demo.reconcile()
            demo.settles(120)
        there, here = demo.subscriptions_there(), demo.subscriptions_here()
        differ = differences(there, here)
        broken += differ[:5]
        customers = demo.all("/v1/customers")
        emails = [one["email"] for one in customers if one.get("email")]
        doubled = len(emails) - len(set(emails))
        if doubled:
            broken.append(f"{doubled} customers were made twice")
        twice = demo.rows("SELECT kind, about, count(*) FROM billing_notices GROUP BY kind, about HAVING count(*) > 1")
        if twice:
            broken.append(f"told twice: {twice[:3]}")
        per_payer = {}
        for id, (status, *_rest) in there.items():
            per_payer.setdefault(id, status)
        events = demo.rows("SELECT count(*) FROM stripe_events")[0][0]
        if not options.sabotage:
            first = demo.rows("SELECT count(*) FROM outbox")[0][0]
            demo.reconcile()
            demo.settles()
            again = demo.rows("SELECT count(*) FROM outbox")[0][0] - first
            if again:
                broken.append(f"{again} mails for a second comparison")
        notices = demo.rows("SELECT count(*) FROM billing_notices")[0][0]
        if notices < options.payers:
            broken.append(f"only {notices} notices: the experiment itself does not work")
        return {"payers": options.payers, "notices": notices, "told_to_come_back": len(refused), "subscriptions": len(there), "changes": changes,
                "months": options.months, "events_heard": events, "differ": len(differ), "customers_twice": doubled,
                "told_twice": len(twice), "compared": said.split("\n")[0], "seed": options.seed, "broken": broken}


if __name__ == "__main__":
    experiment("F8", "a storm at Stripe changes nothing in the end", run,
               [("--payers", {"type": int, "default": 120}), ("--months", {"type": int, "default": 6}),
                ("--seed", {"type": int, "default": 8})])

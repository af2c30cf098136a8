#!/usr/bin/env python3
"""F28: three nodes on one PostgreSQL share mails and Stripe's events; two of them are killed again and again (kill -9)
in the middle of sending and applying. Nothing is lost; the only second copies are of mails that were in the air at a
kill, and those are the very same mail."""

import random
import threading
import time

from kit.demo import WEBHOOK_SECRET, Browser, Demo
from kit.nginx import Nginx
from kit.postgres import Postgres
from kit.program import Program
from kit.report import experiment

CONNECTIONS = 8


def run(options):
    broken, dice = [], random.Random(28)
    with Postgres() as postgres, Demo(postgres) as demo:
        def node():
            one = Program(demo.port + 3, database=postgres.url)
            one.settings |= {
                "READERSHIP_URL": demo.url, "READERSHIP_SITE_URL": f"http://127.0.0.1:{demo.site}/",
                "READERSHIP_SECRET_KEY": demo.key(), "READERSHIP_STRIPE_SECRET_KEY": "sk_test_sandbox",
                "READERSHIP_STRIPE_PUBLISHABLE_KEY": "pk_test_sandbox", "READERSHIP_STRIPE_WEBHOOK_SECRET": WEBHOOK_SECRET,
                "READERSHIP_STRIPE_API_BASE": f"http://127.0.0.1:{demo.bank}/", "READERSHIP_WELCOME_MAIL": "on",
                "READERSHIP_LIMITS_ADDRESS_GAP_S": "0",
            }
            one.start()
            return one

        nodes, ends, promised, lock = [node(), node()], threading.Event(), [], threading.Lock()
        # Readers ask the two that are killed; the third works with them, and has a budget for strangers' addresses.
        with Nginx([one.port for one in nodes]) as balancer:
            def readers(who):
                client, number = Browser(balancer.port), 0
                while not ends.is_set():
                    address, number = f"r{who}.{number}@reader.test", number + 1
                    try:
                        answer = client.own_form(demo.site, "/members/subscribe/", email=address)
                    except OSError:
                        continue
                    if answer.status == 303 and "members-pending" in answer.location:
                        with lock:
                            promised.append(address)
                    time.sleep(0.02)

            bought = []

            def buyers(first):
                for number in range(first, options.payers, 3):
                    if demo.buys(number) and demo.proves(number):
                        bought.append(number)

            threads = [threading.Thread(target=readers, args=(who,)) for who in range(4)]
            buying = [threading.Thread(target=buyers, args=(first,)) for first in range(3)]
            for thread in threads + buying:
                thread.start()
            kills = 0
            while kills < options.kills:
                time.sleep(dice.uniform(0.1, 0.8))
                one = nodes[kills % 2]
                one.kill()
                kills += 1
                # The control forgets what a dead node had in its hands.
                if options.sabotage:
                    postgres.ask("DELETE FROM outbox WHERE state = 'sending'")
                one.start()
            for thread in buying:
                thread.join()
            ends.set()
            for thread in threads:
                thread.join()
            # What the dead held is taken up when their leases end, after a minute.
            if not demo.settles(240):
                broken.append("it does not come to rest")
            demo.hears_all()
            there, here = demo.subscriptions_there(), demo.subscriptions_here()
            differ = sum(there.get(id) != here.get(id) for id in there.keys() | here.keys())
            twice_told = postgres.ask("SELECT kind, about FROM billing_notices GROUP BY 1, 2 HAVING count(*) > 1")
            states = dict(postgres.ask("SELECT state, count(*) FROM outbox GROUP BY 1"))
            mails = demo.mail_ids()
            ids = [id for _, id in mails]
            copies = len(ids) - len(set(ids))
            got = {to for to, _ in mails}
            lost = [address for address in promised if address not in got]
        for one in nodes:
            one.__exit__()
        if differ:
            broken.append(f"{differ} subscriptions differ")
        if twice_told:
            broken.append(f"told twice: {twice_told[:3]}")
        if lost:
            broken.append(f"{len(lost)} promised mails never came: {lost[:3]}")
        if copies > kills * CONNECTIONS:
            broken.append(f"{copies} second copies")
        if set(states) - {"accepted", "expired"}:
            broken.append(f"mails are {states}")
        return {"kills": kills, "promised": len(promised), "lost": len(lost), "mails": len(mails), "second_copies": copies,
                "payers": len(bought), "subscriptions_differ": differ, "told_twice": len(twice_told), "broken": broken}


if __name__ == "__main__":
    experiment("F28", "a node that is killed loses and doubles nothing", run,
               [("--kills", {"type": int, "default": 40}), ("--payers", {"type": int, "default": 40})])

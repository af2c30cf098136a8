#!/usr/bin/env python3
"""F14: five hundred networks type five thousand strangers' addresses into the form. No more mails go to strangers
than the site's budget; a member can sign in all the while."""

from kit.client import Client
from kit.program import Program
from kit.report import experiment
from kit.sink import Sink, link_of

BUDGET = 300


def run(options):
    broken = []
    budget = 0 if options.sabotage else BUDGET
    with Sink() as sink, Program(sink.port, TRUSTED_PROXIES="127.0.0.1", LIMITS_CLIENT_PER_HOUR=60,
                                 LIMITS_SITE_UNCONFIRMED_PER_HOUR=budget, LIMITS_ADDRESS_GAP_S=0) as program:
        program.start()
        client = Client(program.port)
        client.subscribe("ada@reader.test")
        if not Client(program.port).redeem(link_of(sink.wait("ada@reader.test"))):
            broken.append("a member cannot be made")
        for number in range(options.addresses):
            answer = client.ask(
                "POST", "/members/subscribe/", f"email=stranger{number}%40reader.test",
                content_type="application/x-www-form-urlencoded", origin="http://site.test",
                x_forwarded_for=f"198.51.{number % 2}.{number // 2 % 250 + 1}")
            if answer.status != 303:
                broken.append(f"an answer of {answer.status}")
        strangers = program.rows("SELECT count(*) FROM outbox WHERE recipient LIKE 'stranger%'")[0][0]
        client.form("/members/signin/", email="ada@reader.test")
        link = link_of(sink.wait("ada@reader.test", 2))
        signs_in = bool(link) and Client(program.port).redeem(link)
    if strangers > BUDGET:
        broken.append(f"{strangers} mails to strangers, and {BUDGET} are the budget")
    if not signs_in:
        broken.append("a member cannot sign in meanwhile")
    return {"addresses": options.addresses, "budget": BUDGET, "mails_to_strangers": strangers, "member_signs_in": signs_in,
            "broken": broken}


experiment("F14", "the form is no cannon", run, [("--addresses", {"type": int, "default": 5000})])

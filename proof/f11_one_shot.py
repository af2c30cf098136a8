#!/usr/bin/env python3
"""F11: a hundred at once use what is good once: a link, a code, the first account, an invitation, a form of staff;
and unsubscribe, which always works and happens once."""

import json
import urllib.parse

from kit.careless import Careless
from kit.client import Client, together
from kit.program import Program
from kit.report import experiment
from kit.sink import Sink, code_of, link_of

AT_ONCE = 100


def run(options):
    broken, figures = [], {}

    def exactly(name, results, wanted=1):
        count = sum(1 for result in results if result is True)
        errors = [result for result in results if isinstance(result, Exception)]
        figures[name] = count
        if count != wanted:
            broken.append(f"{name}: {count} times, not {wanted}")
        if errors:
            broken.append(f"{name}: {errors[0]!r}")

    if options.sabotage:
        with Careless("twice") as program:
            program.start()
            link = f"{program.url}members/?token=the-only-one"
            exactly("link", together(AT_ONCE, lambda _: Client(program.port).redeem(link)))
        return {"at_once": AT_ONCE, **figures, "broken": broken}
    with Sink() as sink, Program(sink.port, LIMITS_ADDRESS_GAP_S=0) as program:
        program.start()
        token = program.says(r"admin/join/\?token=(\S+)")
        # The first account.
        fields = {"token": token, "email": "olga@rexwire.test", "name": "Olga", "password": "plum ferry lantern oat",
                  "again": "plum ferry lantern oat"}
        clients = [Client(program.port) for _ in range(AT_ONCE)]

        def join(number):
            answer = clients[number].own("/admin/join/", **fields)
            clients[number].cookie = answer.cookies()
            return answer.status == 303 and bool(clients[number].cookie)

        joined = together(AT_ONCE, join)
        exactly("first_account", joined)
        staff = program.rows("SELECT count(*) FROM staff")[0][0]
        if staff != 1:
            broken.append(f"{staff} accounts")
        owner = clients[joined.index(True)]

        # A link.
        Client(program.port).subscribe("ada@reader.test")
        link = link_of(sink.wait("ada@reader.test"))
        exactly("link", together(AT_ONCE, lambda _: Client(program.port).redeem(link)))
        figures["sessions"] = program.rows("SELECT count(*) FROM sessions")[0][0]
        if figures["sessions"] != 1:
            broken.append(f"{figures['sessions']} sessions of one link")

        # A code.
        asking = Client(program.port)
        integrity = asking.get("/members/api/integrity-token/").body
        answer = asking.ask("POST", "/members/api/send-magic-link/", json.dumps({
            "email": "ada@reader.test", "emailType": "signin", "integrityToken": integrity, "includeOTC": True,
        }), content_type="application/json", origin="http://site.test")
        reference = json.loads(answer.body)["otc_ref"]
        code = code_of(sink.wait("ada@reader.test", 2))
        tokens = [asking.get("/members/api/integrity-token/").body for _ in range(AT_ONCE)]

        def give_code(number):
            answer = Client(program.port).ask("POST", "/members/api/verify-otc/", json.dumps({
                "otc": code, "otcRef": reference, "redirect": "http://site.test/", "integrityToken": tokens[number],
            }), content_type="application/json", origin="http://site.test")
            if answer.status != 200:
                return False
            url = urllib.parse.urlparse(json.loads(answer.body)["redirectUrl"])
            return bool(Client(program.port).get(f"{url.path}?{url.query}").headers.get("set-cookie"))

        exactly("code", together(AT_ONCE, give_code))

        # An invitation.
        owner.own("/admin/staff/invite/", email="sam@rexwire.test", role="support")
        invitation = link_of(sink.wait("sam@rexwire.test"))
        token = urllib.parse.parse_qs(urllib.parse.urlparse(invitation).query)["token"][0]
        given = {"token": token, "name": "Sam", "password": "oat lantern ferry plum", "again": "oat lantern ferry plum"}
        exactly("invitation", together(AT_ONCE, lambda _: Client(program.port).own("/admin/join/", **given).status == 303))

        # A form of staff that is sent again and again.
        def export(number):
            client = Client(program.port)
            client.cookie = owner.cookie
            return client.own("/admin/members/export/", filter="", once="the-same-form").status == 303

        exactly("form_answered", together(AT_ONCE, export), AT_ONCE)
        figures["form_done"] = program.rows("SELECT count(*) FROM jobs WHERE kind = 'export'")[0][0]
        if figures["form_done"] != 1:
            broken.append(f"a form was done {figures['form_done']} times")

        # Unsubscribing.
        reader = Client(program.port)
        record = None
        Client(program.port).subscribe("eve@reader.test")
        if reader.redeem(link_of(sink.wait("eve@reader.test"))):
            record = json.loads(reader.get("/members/api/member/").body)
        url = urllib.parse.urlparse(record["unsubscribe_url"])
        one_click = f"{url.path}?{url.query}"
        exactly("unsubscribed", together(AT_ONCE, lambda _: Client(program.port).ask(
            "POST", one_click, "List-Unsubscribe=One-Click",
            content_type="application/x-www-form-urlencoded").status in (200, 201)), AT_ONCE)
        figures["unsubscribe_events"] = program.rows(
            "SELECT count(*) FROM member_events WHERE kind = 'unsubscribed'")[0][0]
        if figures["unsubscribe_events"] != 1:
            broken.append(f"{figures['unsubscribe_events']} events of one unsubscribing")
    return {"at_once": AT_ONCE, **figures, "broken": broken}


experiment("F11", "what is good once is used once, however many come at the same moment", run)

"""`readership demo`: the program with a stand-in for Stripe that can be told to be hostile."""

import email
import hashlib
import hmac
import html
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import urllib.parse

from .client import Client
from .program import binary, rows

WEBHOOK_SECRET = "whsec_sandbox"
GOOD, DECLINED_LATER, OTHER = "4242424242424242", "4000000000000341", "5555555555554444"
CALM = {}
STORM = {"too_many": 10, "own_fault": 10, "lost_answers": 20, "slow": 2, "slowness_ms": 30_000,
         "lost_events": 10, "doubled_events": 100, "shuffled_events": True}


def five_ports():
    """The first of five neighbouring ports that are free."""
    for port in range(20_000, 60_000, 7):
        sockets = []
        try:
            for offset in range(5):
                one = socket.socket()
                sockets.append(one)
                one.bind(("127.0.0.1", port + offset))
            return port
        except OSError:
            continue
        finally:
            for one in sockets:
                one.close()
    raise RuntimeError("no five free ports in a row")


class Demo:
    def __init__(self, postgres=None):
        self.postgres = postgres
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="readership-proof-"))
        self.port = five_ports()
        self.site, self.members, self.inbox, self.bank = self.port, self.port + 1, self.port + 2, self.port + 4
        self.url = f"http://127.0.0.1:{self.members}/"
        self.process = None
        self.lock, self.links, self.seen = threading.Lock(), {}, 0
        # By how many seconds its clock was moved.
        self.ahead = 0

    def __enter__(self):
        log = open(self.folder / "log", "ab")
        self.process = subprocess.Popen(
            [binary(), "demo", "--port", str(self.port), "--data-dir", str(self.folder / "data"),
             *(["--postgres", self.postgres.url] if self.postgres else [])],
            env={"PATH": os.environ["PATH"], "HOME": str(self.folder)}, stdout=log, stderr=log,
            stdin=subprocess.DEVNULL)
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try:
                if Client(self.members).get("/healthz").status == 200:
                    return self
            except OSError:
                time.sleep(0.02)
        raise RuntimeError((self.folder / "log").read_text())

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def rows(self, sql, *values):
        if self.postgres:
            assert not values
            return [[int(cell) if cell.lstrip("-").isdigit() else cell == "t" if cell in ("t", "f") else cell
                     for cell in row] for row in self.postgres.ask(sql)]
        return rows(self.folder / "data/readership.db", sql, *values)

    def orders(self, **wishes):
        answer = Client(self.bank).ask("PUT", "/orders", json.dumps(wishes), content_type="application/json")
        assert answer.status == 204, answer.body
        # Whoever tells the events may be at a turn that began under other orders.
        time.sleep(0.3)

    def stripe(self, method, path, **form):
        """Calls the interface as somebody in Stripe's dashboard would; `__` stands for brackets."""
        fields = urllib.parse.urlencode({name: value for name, value in form.items()})
        headers = {"authorization": "Bearer sk_test_sandbox"}
        if method == "GET":
            answer = Client(self.bank, timeout=60).ask(method, f"{path}?{fields}", **headers)
        else:
            answer = Client(self.bank, timeout=60).ask(
                method, path, fields, content_type="application/x-www-form-urlencoded", **headers)
        assert answer.status == 200, f"{method} {path}: {answer.status} {answer.body}"
        return json.loads(answer.body)

    def all(self, path, **form):
        """Every object of a list."""
        found, after = [], {}
        while True:
            page = self.stripe("GET", path, limit=100, **form, **after)
            found += page["data"]
            if not page["has_more"]:
                return found
            after = {"starting_after": page["data"][-1]["id"]}

    def advance(self, days):
        assert Client(self.bank, timeout=600).form("/clock", days=days).status == 303
        self.ahead += days * 86_400

    def key(self):
        """The secret key, for another node of the same installation."""
        return (self.folder / "data/secret.key").read_text().strip()

    def mail_ids(self):
        """Whom each mail that was taken went to, and its Message-ID."""
        found, client = [], Client(self.inbox)
        for number in range(1, self.mails() + 1):
            mail = email.message_from_string(client.get(f"/mail/{number}/source").body)
            found.append((mail["To"], mail["Message-ID"]))
        return found

    def mails(self):
        found = re.findall(r'href="/mail/(\d+)"', Client(self.inbox).get("/").body)
        return max(map(int, found), default=0)

    def buys(self, number, card=GOOD, tier="supporter", cadence="month", tries=1, pause=3):
        """A visitor with an address of their own goes to Stripe and pays; the address, or None."""
        client = self.client(number)
        address = f"payer{number}@reader.test"
        for attempt in range(tries):
            answer = client.own_form(self.site, "/members/checkout/", email=address, tier=tier, cadence=cadence)
            found = re.search(r"/c/pay/([^/?#]+)", answer.location)
            if answer.status == 303 and found:
                break
            time.sleep(pause)
        else:
            return None
        paid = Client(self.bank, timeout=60).form(f"/c/pay/{found.group(1)}", email=address, card=card)
        assert paid.status == 303, paid.body
        path = urllib.parse.urlparse(paid.location)
        client.get(f"{path.path}?{path.query}")
        return address

    def newest_link(self, address):
        """The link of the newest mail to somebody that has one. Each mail is looked at once."""
        with self.lock:
            client = Client(self.inbox)
            while True:
                answer = client.get(f"/mail/{self.seen + 1}")
                if answer.status != 200:
                    return self.links.get(address)
                self.seen += 1
                to = re.search(r'class="quiet">to ([^ <]+)', answer.body)
                link = re.search(r'id="link" href="([^"]+)"', answer.body)
                if to and link:
                    self.links[to.group(1)] = html.unescape(link.group(1))

    def proves(self, number):
        """Opens the link of the mail that came after a payment: from now on it is a member who pays."""
        end = time.monotonic() + 20
        while time.monotonic() < end:
            link = self.newest_link(f"payer{number}@reader.test")
            if link:
                return self.client(number).redeem(link)
            time.sleep(0.1)
        return False

    def client(self, number):
        """A browser from a network of its own."""
        return Browser(self.members, source=f"127.{1 + number // 60_000}.{number // 250 % 240}.{1 + number % 250}")

    def subscriptions_there(self):
        """What Stripe says, by id."""
        found = {}
        for one in self.all("/v1/subscriptions", status="all"):
            item = one["items"]["data"][0]
            found[one["id"]] = (one["status"], item["price"]["id"], item["current_period_end"],
                                bool(one["cancel_at_period_end"]))
        return found

    def subscriptions_here(self):
        return {row[0]: (row[1], row[2], row[3] // 1000 if row[3] > 10**11 else row[3], bool(row[4]))
                for row in self.rows("SELECT id, status, price_id, period_end, cancel_at_period_end FROM paid_subscriptions")}

    def hears_all(self, within=60):
        """Waits until all that Stripe has to tell arrived; false when it takes too long."""
        end = time.monotonic() + within
        while time.monotonic() < end:
            told = {row[0] for row in self.rows("SELECT id FROM stripe_events")}
            if all(event["id"] in told for event in self.all("/v1/events")):
                return self.settles(max(120, within))
            time.sleep(3)
        return False

    def settles(self, within=120):
        """Waits until nothing new was told for a while and nothing is left to do; false when it takes too long."""
        end, seen, since = time.monotonic() + within, None, 0
        while time.monotonic() < end:
            told = self.rows("SELECT count(*) FROM stripe_events")[0][0]
            if told != seen:
                seen, since = told, time.monotonic()
            waiting = self.rows("SELECT count(*) FROM stripe_events WHERE state IN ('waiting', 'working')")[0][0]
            mails = self.rows("SELECT count(*) FROM outbox WHERE state IN ('waiting', 'sending')")[0][0]
            if waiting == 0 and mails == 0 and time.monotonic() - since > 1.5:
                return True
            time.sleep(0.1)
        return False

    def reconcile(self):
        """`readership billing reconcile` beside the running program; its words."""
        said = subprocess.run(
            [binary(), "billing", "reconcile"], capture_output=True, text=True, timeout=600,
            env={"PATH": os.environ["PATH"], "HOME": str(self.folder), "READERSHIP_URL": self.url,
                 "READERSHIP_SITE_URL": f"http://127.0.0.1:{self.site}/", "READERSHIP_LOG": "error",
                 "READERSHIP_DATA_DIR": str(self.folder / "data"),
                 "DATABASE_URL": f"sqlite:{self.folder}/data/readership.db",
                 "READERSHIP_STRIPE_SECRET_KEY": "sk_test_sandbox", "READERSHIP_STRIPE_PUBLISHABLE_KEY": "pk_test_sandbox",
                 "READERSHIP_STRIPE_API_BASE": f"http://127.0.0.1:{self.bank}/",
                 "READERSHIP_BILLING_CALLS_PER_S": "1000"})
        if said.returncode != 0:
            raise RuntimeError(said.stdout + said.stderr)
        return said.stdout

    def tell(self, event):
        """Delivers an event as Stripe does; the status of the answer."""
        body = json.dumps(event)
        at = int(time.time()) + self.ahead
        tag = hmac.new(WEBHOOK_SECRET.encode(), f"{at}.{body}".encode(), hashlib.sha256).hexdigest()
        return Client(self.members).ask("POST", "/members/webhooks/stripe/", body, content_type="application/json",
                                 stripe_signature=f"t={at},v1={tag}").status


class Browser(Client):
    def own_form(self, site, path, **fields):
        """Sends a form of the demo's newsroom."""
        return self.form(path, origin=f"http://127.0.0.1:{site}/", **fields)

#!/usr/bin/env python3
"""Readership beside Ghost on the same machine: the same work, asked for by the same generator (wrk), one after the
other. Every operation that writes is on the disk before it is answered, on both sides.

    bench/peers/measure.py --ghost DIR      # beside a Ghost that runs; README.md says what DIR holds
"""

import argparse
import base64
import email
import glob
import hashlib
import hmac
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "proof"))

from kit.client import Client, together  # noqa: E402
from kit.program import Program  # noqa: E402
from kit.sink import Sink, link_of, text_of  # noqa: E402

CONNECTIONS = 32


def wrk(port, script, seconds, connections=CONNECTIONS):
    """Requests a second, p50 and p99 in milliseconds, and how many were not answered 2xx or 3xx."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="readership-peers-"))
    try:
        (folder / "ask.lua").write_text(script)
        said = subprocess.run(["wrk", "-t2", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "--latency", "-s",
                               str(folder / "ask.lua"), f"http://127.0.0.1:{port}/"], capture_output=True, text=True,
                              check=True).stdout
    finally:
        shutil.rmtree(folder)
    number = lambda pattern: re.search(pattern, said)
    time_of = lambda share: float(number(rf"{share}%\s+([\d.]+)").group(1)) * {"us": 1e-3, "ms": 1.0, "s": 1e3}[number(rf"{share}%\s+[\d.]+(us|ms|s)").group(1)]
    wrong = number(r"Non-2xx or 3xx responses: (\d+)")
    return {"per_s": float(number(r"Requests/sec:\s+([\d.]+)").group(1)), "p50": time_of(50), "p99": time_of(99),
            "wrong": int(wrong.group(1)) if wrong else 0}


def once(requests, port, method, at_once=8, **headers):
    """Sends each of some requests once, a few at a time. Written in Python: where more than a thousand a second are
    answered, this is what bounds them, and not the program."""
    times, wrong = [], []

    def run(number):
        client = Client(port, timeout=60)
        for path, body in requests[number::at_once]:
            began = time.monotonic()
            answer = client.ask(method, path, body or None, **headers)
            times.append((time.monotonic() - began) * 1000)
            if answer.status >= 400:
                wrong.append(answer.status)

    begun = time.monotonic()
    for result in together(at_once, run):
        if isinstance(result, Exception):
            raise result
    took = time.monotonic() - begun
    times.sort()
    return {"per_s": len(requests) / took, "p50": times[len(times) // 2], "p99": times[int(len(times) * 0.99)], "wrong": len(wrong)}


def repeat(path, method="GET", body=None, **headers):
    heads = ", ".join(f'["{name.replace("_", "-")}"] = {json.dumps(value)}' for name, value in headers.items())
    return f'request = function() return wrk.format("{method}", {json.dumps(path)}, {{{heads}}}, {json.dumps(body) if body else "nil"}) end'


def jwt(key, now):
    identity, secret = key.split(":")
    part = lambda value: base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")
    said = part({"alg": "HS256", "typ": "JWT", "kid": identity}) + b"." + part({"iat": now, "exp": now + 300, "aud": "/admin/"})
    mark = hmac.new(bytes.fromhex(secret), said, hashlib.sha256).digest()
    return (said + b"." + base64.urlsafe_b64encode(mark).rstrip(b"=")).decode()


class Ghost:
    name = "Ghost 6.65"

    def __init__(self, folder):
        self.folder, self.port = pathlib.Path(folder), 2368
        self.key = json.loads((self.folder / "keys.json").read_text())["admin"]
        self.origin, self.host = "http://localhost:2368", {"host": "localhost:2368"}

    def process(self):
        return int((self.folder / "ghost.pid").read_text())

    def links(self, addresses):
        wanted, found, seen, end = set(addresses), {}, set(), time.monotonic() + 60
        while wanted - set(found) and time.monotonic() < end:
            for path in glob.glob(str(self.folder / "mail" / "*")):
                if path in seen:
                    continue
                mail = email.message_from_bytes(pathlib.Path(path).read_bytes())
                link = link_of(text_of(mail))
                if link:
                    seen.add(path)
                    found.setdefault(mail["to"], "/" + link.split("/", 3)[3])
            time.sleep(0.5)
        return [found[address] for address in addresses if address in found]

    def redeem(self, client, link):
        return client.get(link, **self.host).cookies()

    def use(self, links):
        """Not measured: Ghost asks a third party where a new member is, and waits for it, which a machine without
        a way out answers after many seconds."""

    def memory(self):
        return resident(self.process())


class Ours:
    name = "Readership"

    def __init__(self, program, sink):
        self.program, self.sink, self.port, self.origin = program, sink, program.port, "http://site.test"
        self.host = {}
        self.key = json.loads(program.run("keys", "--json").stdout)["admin"]

    def links(self, addresses):
        end = time.monotonic() + 120
        while len(self.sink.counts()) < len(addresses) and time.monotonic() < end:
            time.sleep(0.2)
        found = {mail["to"]: link_of(text_of(mail)) for mail in self.sink.mails()}
        return ["/" + found[address].split("/", 3)[3] for address in addresses if address in found]

    def redeem(self, client, link):
        client.redeem(link)
        return client.cookie

    def use(self, links):
        """Presses the button of each link's page."""
        bodies = [("/members/", link.split("?", 1)[1].split("&")[0]) for link in links]
        return once(bodies, self.port, "POST", content_type="application/x-www-form-urlencoded",
                    origin=f"http://127.0.0.1:{self.port}")

    def memory(self):
        return self.program.memory() // 1024


def resident(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) // 1024
    return 0


def measure(peer, count, seconds):
    figures, run, host = {}, f"{time.time_ns():x}", peer.host
    at_rest = peer.memory()
    addresses = [f"p{run}.{number}@reader.test" for number in range(count)]
    client = Client(peer.port, timeout=60)
    tokens = [client.get("/members/api/integrity-token/", **host).body for _ in addresses]
    asks = [("/members/api/send-magic-link/", json.dumps({"email": address, "emailType": "signup", "integrityToken": token}))
            for address, token in zip(addresses, tokens)]
    figures["ask for a link"] = once(asks, peer.port, "POST", content_type="application/json", origin=peer.origin, **host)
    links = peer.links(addresses)
    if len(links) < count * 0.9:
        raise SystemExit(f"{peer.name}: only {len(links)} of {count} mails came")
    cookie = peer.redeem(client, links.pop())
    used = peer.use(links)
    if used:
        figures["use a link"] = used
    figures["read own record"] = wrk(peer.port, repeat("/members/api/member/", cookie=cookie, **host), seconds)
    token = jwt(peer.key, int(time.time()))
    list_of = "/ghost/api/admin/members/?limit="
    figures["list 15 members by API"] = wrk(
        peer.port, repeat(f"{list_of}15", authorization=f"Ghost {token}", **host), seconds)
    paths = []
    while len(paths) < count * 0.8:
        page = json.loads(client.get(f"{list_of}100&page={len(paths) // 100 + 1}", authorization=f"Ghost {token}", **host).body)
        if not page["members"]:
            break
        paths += [("/" + member["unsubscribe_url"].split("/", 3)[3], "List-Unsubscribe=One-Click") for member in page["members"]]
    figures["unsubscribe by one click"] = once(
        paths, peer.port, "POST", content_type="application/x-www-form-urlencoded", **host)
    return {"figures": figures, "memory": [at_rest, peer.memory()]}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ghost", help="the folder of the Ghost that runs")
    parser.add_argument("--count", type=int, default=400, help="members of each")
    parser.add_argument("--seconds", type=int, default=5)
    options = parser.parse_args()
    with Sink() as sink, Program(sink.port, LIMITS_ADDRESS_GAP_S=0) as program:
        started = program.start()
        ours = measure(Ours(program, sink), options.count, options.seconds)
    print(f"Readership: started in {started * 1000:.0f} ms; resident at rest and afterwards {ours['memory']} MiB")
    theirs = None
    if options.ghost:
        theirs = measure(Ghost(options.ghost), options.count, options.seconds)
        print(f"Ghost 6.65: resident at rest and afterwards {theirs['memory']} MiB")
    print("\n| operation | Readership/s | p50, p99 ms | Ghost/s | p50, p99 ms | ratio |\n|---|---|---|---|---|---|")
    for name, mine in ours["figures"].items():
        line = f"| {name} | {mine['per_s']:,.0f} | {mine['p50']:.1f}, {mine['p99']:.1f} |"
        if theirs:
            other = theirs["figures"].get(name)
        if theirs and other:
            line += f" {other['per_s']:,.0f} | {other['p50']:.1f}, {other['p99']:.1f} | {mine['per_s'] / other['per_s']:.0f} |"
        print(line)
        for side in filter(None, (mine, theirs and theirs["figures"].get(name))):
            if side["wrong"]:
                print(f"  not answered well: {side['wrong']}")


main()

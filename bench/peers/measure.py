#!/usr/bin/env python3
"""Readership beside others on the same machine: the same work, asked for by the same generator (wrk), one after the
other. Every operation that writes is on the disk before it is answered, with all of them.

    bench/peers/measure.py [--ghost DIR] [--better-auth DIR]      # README.md says what the folders hold
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

from kit.client import Client  # noqa: E402
from kit.program import Program, free_port  # noqa: E402
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
    unit = {"us": 1e-3, "ms": 1.0, "s": 1e3}
    time_of = lambda share: float(number(rf"{share}%\s+([\d.]+)").group(1)) * unit[number(rf"{share}%\s+[\d.]+(us|ms|s)").group(1)]
    wrong = number(r"Non-2xx or 3xx responses: (\d+)")
    return {"per_s": float(number(r"Requests/sec:\s+([\d.]+)").group(1)), "p50": time_of(50), "p99": time_of(99),
            "wrong": int(wrong.group(1)) if wrong else 0}


def once(requests, port, method, seconds=2, **headers):
    """Sends each of some requests once, as many as there is time for."""
    heads = ", ".join(f'["{name.replace("_", "-")}"] = {json.dumps(value)}' for name, value in headers.items())
    with tempfile.NamedTemporaryFile("w", suffix=".tsv") as lines:
        lines.writelines(f"{path}\t{body or ''}\n" for path, body in requests)
        lines.flush()
        return wrk(port, f"""
            local threads = 0
            function setup(thread) thread:set("own", threads); threads = threads + 1 end
            function init(args)
              list, at = {{}}, 0
              local number = 0
              for line in io.lines({json.dumps(lines.name)}) do
                if number % 2 == own then list[#list + 1] = line end
                number = number + 1
              end
            end
            function request()
              at = at + 1
              local path, body = string.match(list[math.min(at, #list)], "([^\t]*)\t(.*)")
              return wrk.format("{method}", path, {{{heads}}}, #body > 0 and body or nil)
            end""", seconds)


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

    def __init__(self, folder, uses_links):
        self.folder, self.port, self.uses_links = pathlib.Path(folder), 2368, uses_links
        self.key = json.loads((self.folder / "keys.json").read_text())["admin"]
        self.origin, self.host = "http://localhost:2368", {"host": "localhost:2368"}

    def process(self):
        return int((self.folder / "ghost.pid").read_text())

    def links(self, addresses):
        found, seen, end = {}, set(), time.monotonic() + 6
        while time.monotonic() < end:
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
        """Ghost asks a third party where a new member is, and waits for it: only where somebody plays that party."""
        return once([(link, None) for link in links], self.port, "GET", **self.host) if self.uses_links else None

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
        seen = -1
        while (count := len(self.sink.counts())) > seen and time.monotonic() < end:
            seen = count
            time.sleep(1)
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


class BetterAuth:
    """It knows links and sessions; members' records, lists and newsletters it does not."""
    name = "better-auth 1.7"

    def __init__(self, folder):
        self.port, self.data = free_port(), pathlib.Path(tempfile.mkdtemp(prefix="readership-peers-"))
        shutil.copy(pathlib.Path(__file__).parent / "better-auth/server.mjs", folder)
        self.begun = time.monotonic()
        self.child = subprocess.Popen(["node", "server.mjs", str(self.port), str(self.data)], cwd=folder,
                                      stdout=subprocess.PIPE, text=True)
        if self.child.stdout.readline().strip() != "ready":
            raise SystemExit("better-auth does not start")
        self.started = time.monotonic() - self.begun

    def memory(self):
        return resident(self.child.pid)

    def stop(self):
        self.child.kill()
        self.child.wait()
        shutil.rmtree(self.data)


def resident(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) // 1024
    return 0


def measure_auth(peer, count, seconds):
    """The part of the work that a library for signing in does too."""
    figures, at_rest = {}, peer.memory()
    origin = f"http://127.0.0.1:{peer.port}"
    asks = [("/api/auth/sign-in/magic-link", json.dumps({"email": f"p{number}@reader.test", "callbackURL": "/"}))
            for number in range(count)]
    figures["ask for a link"] = once(asks, peer.port, "POST", content_type="application/json", origin=origin)
    links = [line.split(" ", 1)[1].split("/", 3)[3] for line in (peer.data / "links").read_text().splitlines()]
    client = Client(peer.port)
    cookie = client.get("/" + links.pop()).cookies()
    figures["use a link"] = once([("/" + link, None) for link in links], peer.port, "GET")
    figures["read own record"] = wrk(peer.port, repeat("/api/auth/get-session", cookie=cookie), seconds)
    return {"figures": figures, "memory": [at_rest, peer.memory()]}


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
    parser.add_argument("--ghost-links", action="store_true", help="use links of Ghost too: README.md says how")
    parser.add_argument("--better-auth", help="a folder with better-auth's packages")
    parser.add_argument("--count", type=int, default=20_000, help="members of ours")
    parser.add_argument("--their-count", type=int, default=400, help="members of theirs")
    parser.add_argument("--seconds", type=int, default=5)
    options = parser.parse_args()
    measured = []
    with Sink() as sink, Program(sink.port, LIMITS_ADDRESS_GAP_S=0) as program:
        started = program.start()
        ours = Ours(program, sink)
        measured.append((ours.name, {**measure(ours, options.count, options.seconds), "started": started}))
    if options.ghost:
        measured.append((Ghost.name, measure(Ghost(options.ghost, options.ghost_links), options.their_count, options.seconds)))
    if options.better_auth:
        peer = BetterAuth(options.better_auth)
        measured.append((peer.name, {**measure_auth(peer, options.their_count * 10, options.seconds), "started": peer.started}))
        peer.stop()
    for name, one in measured:
        started = f"started in {one['started'] * 1000:.0f} ms, " if "started" in one else ""
        print(f"{name}: {started}resident at rest and afterwards {one['memory']} MiB")
    names = [name for name, _ in measured]
    print("\n| operation | " + " | ".join(f"{name}/s | p50, p99 ms" for name in names)
          + "".join(f" | of {name}" for name in names[1:]) + " |")
    print("|---" * (1 + 2 * len(names) + len(names) - 1) + "|")
    for operation, mine in measured[0][1]["figures"].items():
        line, ratios = f"| {operation} |", ""
        for number, (name, one) in enumerate(measured):
            figure = one["figures"].get(operation)
            line += f" {figure['per_s']:,.0f} | {figure['p50']:.1f}, {figure['p99']:.1f} |" if figure else " | |"
            if number:
                ratios += f" {mine['per_s'] / figure['per_s']:.0f} x |" if figure else " |"
            if figure and figure["wrong"] > 40:
                print(f"  {name}, {operation}: {figure['wrong']} not answered well", file=sys.stderr)
        print(line + ratios)


main()

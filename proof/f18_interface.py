#!/usr/bin/env python3
"""F18: requests of every shape, made from the description of the interface (schemathesis): nothing is answered 5xx, and
nothing that the description does not say. Asked by nobody, by a member, by a program and by staff.

Takes schemathesis (`pip install schemathesis==4.32.5`)."""

import base64
import hashlib
import hmac
import json
import os
import pathlib
import re
import shutil
import subprocess
import time

from kit.client import Client
from kit.demo import Demo
from kit.program import binary
from kit.report import experiment

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance"


def said_first(demo):
    """The token of the first account."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        found = re.search(r"admin/join/\?token=(\S+)", (demo.folder / "log").read_text())
        if found:
            return found.group(1)
        time.sleep(0.05)
    raise RuntimeError("no first link")


def program_token(demo):
    """`Ghost` and a JWT of the key of administration, good for five minutes."""
    keys = json.loads(subprocess.run(
        [binary(), "keys", "--json"], capture_output=True, text=True, check=True,
        env={"PATH": os.environ["PATH"], "READERSHIP_URL": demo.url, "READERSHIP_SITE_URL": demo.url,
             "READERSHIP_DATA_DIR": str(demo.folder / "data"),
             "DATABASE_URL": f"sqlite:{demo.folder}/data/readership.db"}).stdout)
    id, secret = keys["admin"].split(":")
    encode = lambda part: base64.urlsafe_b64encode(part).rstrip(b"=").decode()
    now = int(time.time())
    head = encode(json.dumps({"alg": "HS256", "typ": "JWT", "kid": id}).encode())
    body = encode(json.dumps({"iat": now, "exp": now + 300, "aud": "/admin/"}).encode())
    return f"Ghost {head}.{body}.{encode(hmac.new(bytes.fromhex(secret), f'{head}.{body}'.encode(), hashlib.sha256).digest())}"


def run(options):
    tool, broken, figures = shutil.which("st"), [], {}
    if not tool:
        raise SystemExit("schemathesis is needed: pip install schemathesis==4.32.5")
    with Demo() as demo:
        description = demo.folder / "openapi.json"
        text = Client(demo.members).get("/members/api/openapi.json").body
        # The control leaves an answer out of the description.
        if options.sabotage:
            whole = json.loads(text)
            for operations in whole["paths"].values():
                for operation in operations.values():
                    operation["responses"].pop("200", None)
            text = json.dumps(whole)
        description.write_text(text)
        # A member who pays.
        demo.buys(1), demo.proves(1)
        member = demo.client(2)
        member.form("/members/subscribe/", origin=f"http://127.0.0.1:{demo.site}/", email="payer2@reader.test")
        demo.proves(2)
        demo.client(1).form("/members/signin/", origin=f"http://127.0.0.1:{demo.site}/", email="payer1@reader.test")
        time.sleep(1)
        jar = proves_as(demo, "payer1@reader.test")
        staff = Client(demo.members)
        staff.cookie = staff.own("/admin/join/", token=said_first(demo), email="olga@rexwire.test", name="Olga",
                                 password="plum ferry lantern oat", again="plum ferry lantern oat").cookies()
        origin = ["-H", f"origin:http://127.0.0.1:{demo.members}"]
        away = ["--exclude-path-regex", "signout|/session/|account/(delete|devices)|events/$"]
        roles = {
            "nobody": [*origin, "--exclude-path-regex", "events/$"],
            "stranger": ["--include-path-regex", "^/members", "--exclude-path-regex", "events/$"],
            "member": [*origin, "-H", f"cookie:{jar}", "--include-path-regex", "^/(members|unsubscribe)", *away],
            "program": ["-H", None, "--include-path-regex", "^/ghost/api/admin"],
            "staff": [*origin, "-H", f"cookie:{staff.cookie}", "--include-path-regex", "^/admin",
                      "--exclude-path-regex", "signout|devices|password|second-factor|preview|/settings/|jobs/import"],
        }
        for role, arguments in roles.items():
            if options.only and role not in options.only.split(","):
                continue
            if role == "program":
                arguments = ["-H", f"authorization:{program_token(demo)}", *arguments[2:]]
            done = subprocess.run(
                [tool, "run", str(description), "--url", demo.url.rstrip("/"), "-c", CHECKS, "-n", str(options.examples),
                 "--phases", "examples,coverage,fuzzing", "--max-redirects", "0", "--request-timeout", "30",
                 "--max-time", str(options.time), "--continue-on-failure", "--no-color", "--warnings", "off",
                 "--seed", "18", "-w", "2", "--suppress-health-check", "all", *arguments],
                capture_output=True, text=True, cwd=demo.folder)
            cases = re.search(r"(\d+) generated", done.stdout)
            figures[role] = int(cases.group(1)) if cases else 0
            if done.returncode != 0:
                pathlib.Path(options.report).mkdir(exist_ok=True)
                (pathlib.Path(options.report) / f"{role}.txt").write_text(done.stdout + done.stderr)
                lines = re.findall(r"^(?:- |\s+- ).*|^_+ .* _+$|Undocumented.*|Server error.*", done.stdout, re.M)
                broken.append(f"{role}: {lines[:6] or done.stdout[-300:] + done.stderr[-300:]}")
        if demo.process.poll() is not None:
            broken.append("it ended")
        log = (demo.folder / "log").read_text()
        if "panicked" in log:
            broken.append(f"a panic: {log[log.index('panicked') - 50:][:300]}")
    return {"requests": figures, "operations": len(re.findall(r'"responses"', text)), "broken": broken}


def proves_as(demo, address):
    """Opens the newest link of an address; the cookies of the browser that did."""
    client = Client(demo.members)
    client.redeem(demo.newest_link(address))
    return client.cookie


if __name__ == "__main__":
    experiment("F18", "the interface answers as it is described, and never 5xx", run,
               [("--examples", {"type": int, "default": 50}), ("--time", {"type": int, "default": 240}),
                ("--only", {"default": ""}), ("--report", {"default": "/tmp/f18"})])

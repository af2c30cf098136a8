#!/usr/bin/env python3
"""F27: every secret that went over the wire is looked for in the database, its log, a backup, the program's log, its
metrics, and what it leaves behind when it crashes. None of them is there."""

import json
import re
import signal
import subprocess
import time

from kit.client import Client
from kit.program import Program, free_port
from kit.report import experiment
from kit.sink import Sink, code_of, link_of


# Whatever crashes leaves a core in the folder it was started in.
CRASHES = ["bash", "-c", 'ulimit -c unlimited; cd "$0"; exec "$@"']


def leaves_cores(folder):
    """Whether this machine writes the core of a program that crashes where it was started."""
    crashing = subprocess.Popen([*CRASHES, str(folder), "sleep", "60"])
    time.sleep(0.2)
    crashing.send_signal(signal.SIGABRT)
    crashing.wait()
    cores = list(folder.glob("core*"))
    for core in cores:
        core.unlink()
    return bool(cores)


def run(options):
    secrets, broken = {}, []
    metrics = free_port()
    with Sink() as sink, Program(sink.port, LIMITS_ADDRESS_GAP_S=0, METRICS_LISTEN=f"127.0.0.1:{metrics}") as program:
        program.settings["READERSHIP_LOG"] = "debug"
        writes_cores = leaves_cores(program.folder)
        program.before = [*CRASHES, str(program.folder)]
        program.start()
        for number in range(options.flows):
            address = f"canary{number}@reader.test"
            client = Client(program.port)
            client.subscribe(address)
            link = link_of(sink.wait(address))
            secrets[f"link {number}"] = re.search(r"token=([^&\s]+)", link).group(1)
            client.redeem(link)
            secrets[f"cookie {number}"] = client.cookie.split("=", 1)[1]
            client.get("/members/?token=" + secrets[f"link {number}"])
            secrets[f"identity {number}"] = client.get("/members/api/session/").body
            record = json.loads(client.get("/members/api/member/").body)
            secrets[f"unsubscribe key {number}"] = re.search(r"key=([0-9a-f]+)", record["unsubscribe_url"]).group(1)
            integrity = client.get("/members/api/integrity-token/").body
            secrets[f"integrity {number}"] = integrity
            client.ask("POST", "/members/api/send-magic-link/", json.dumps({
                "email": address, "emailType": "signin", "integrityToken": integrity, "includeOTC": True,
            }), content_type="application/json", origin="http://site.test")
            text = sink.wait(address, 2)
            secrets[f"second link {number}"] = re.search(r"token=([^&\s]+)", link_of(text)).group(1)
            if code_of(text) is None:
                broken.append("a mail has no code")
        token = program.says(r"admin/join/\?token=(\S+)")
        staff, password = Client(program.port), "canary lantern oat plum"
        staff.cookie = staff.own("/admin/join/", token=token, email="olga@rexwire.test", name="Olga", password=password,
                                 again=password).cookies()
        secrets.update({"password": password, "staff cookie": staff.cookie.split("=", 1)[1]})
        made = staff.own("/admin/settings/keys/make/", name="Canary", scope="all", until="")
        secrets["admin secret"] = re.search(r"<pre>[0-9a-f]{24}:([0-9a-f]{64})</pre>", made.body).group(1)
        if options.sabotage:
            # A program that writes the address of each request into its log, with what stands in it.
            with open(program.folder / "log", "a") as log:
                log.write(f"GET /members/?token={secrets['link 0']}\n")
        said = Client(metrics).get("/metrics").body
        backup = program.folder / "backup.db"
        done = program.run("backup", str(backup))
        if done.returncode:
            broken.append(f"no backup: {done.stderr[-200:]}")
        program.process.send_signal(signal.SIGABRT)
        if program.process.wait(30) != -signal.SIGABRT:
            broken.append("it did not crash")
        places = {name.name: name.read_bytes() for name in program.folder.iterdir()
                  if name.is_file() and name.suffix != ".key"}
        # What is printed for whoever starts it is no log.
        places["log"] = b"\n".join(line for line in places["log"].splitlines() if b"/admin/join/" not in line)
        places["metrics"] = said.encode()
        for what, secret in secrets.items():
            for place, data in places.items():
                if secret.encode() in data:
                    broken.append(f"{what} stands in {place}")
        for number in range(options.flows):
            if f"canary{number}@reader.test".encode() in places["log"]:
                broken.append("an address stands in the log")
    return {"secrets": len(secrets), "cores_are_written_here": writes_cores, "places": sorted(places),
            "log_bytes": len(places["log"]), "broken": broken}


experiment("F27", "no secret is kept in clear", run, [("--flows", {"type": int, "default": 50})])

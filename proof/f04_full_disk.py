#!/usr/bin/env python3
"""F4: the disk is full. Writes are refused, reads go on, and when there is room again it goes on without a
restart. Needs root, for a small file system in memory."""

import os
import pathlib
import subprocess
import tempfile
import time

from kit.careless import Careless
from kit.client import Client
from kit.program import Program, integrity
from kit.report import experiment
from kit.sink import Sink, link_of


def run(options):
    if os.geteuid() != 0:
        raise SystemExit("this one mounts a small file system and must be run as root")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="readership-full-"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)], check=True)
    broken = []
    try:
        with Sink() as sink:
            program = Careless("wrong", folder=folder) if options.sabotage else Program(sink.port, folder=folder)
            try:
                program.start()
                reader = Client(program.port)
                reader.subscribe("ada@reader.test")
                if not options.sabotage:
                    link = link_of(sink.wait("ada@reader.test"))
                    if not (link and reader.redeem(link)):
                        broken.append("nobody can sign in before it is full")
                promised, refused, filler = [], 0, folder / "filler"
                with open(filler, "wb", buffering=0) as file:
                    try:
                        while True:
                            file.write(bytes(4096))
                    except OSError:
                        pass
                client = Client(program.port)
                for number in range(400):
                    address = f"full{number}@reader.test"
                    answer = client.form("/members/subscribe/", email=address)
                    if answer.status == 303 and "members-pending" in answer.location:
                        promised.append(address)
                    else:
                        refused += 1
                        if answer.status not in (303, 503, 507):
                            broken.append(f"a full disk is answered {answer.status}")
                if refused == 0 and not options.sabotage:
                    broken.append("it was never full")
                if not options.sabotage and reader.get("/members/api/member/").status != 200:
                    broken.append("whoever is signed in is not known any more")
                ready = reader.get("/readyz").status
                filler.unlink()
                begun = time.monotonic()
                while not client.subscribe(f"after{time.monotonic_ns()}@reader.test"):
                    if time.monotonic() - begun > 30:
                        broken.append("it does not go on when there is room again")
                        break
                    time.sleep(0.05)
                back = time.monotonic() - begun
                if not program.is_alive():
                    broken.append("it died")
                program.kill()
                kept = {address for (address,) in program.rows("SELECT recipient FROM outbox")}
                lost = [address for address in promised if address not in kept]
                broken += [f"promised and lost {address}" for address in lost]
                said = integrity(folder / "readership.db")
                if said != "ok":
                    broken.append(f"integrity: {said}")
            finally:
                program.kill()
    finally:
        subprocess.run(["umount", str(folder)], check=True)
        folder.rmdir()
    return {"promised": len(promised), "refused": refused, "lost": len(lost), "readyz_when_full": ready,
            "back_after_ms": round(back * 1000), "integrity": said, "broken": broken}


experiment("F4", "a full disk refuses writes, loses nothing and passes", run)

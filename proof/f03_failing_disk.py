#!/usr/bin/env python3
"""F3: a write or a sync fails, now this one and now that. No promise is made that is not kept, the process lives,
and it goes on by itself when the disk is well again."""

import shutil

from kit.careless import Careless
from kit.client import Client
from kit.program import Program, integrity
from kit.report import experiment

FAULTS = ["fdatasync:error=EIO", "pwrite64:error=ENOSPC", "pwrite64:error=EIO", "fsync:error=EIO", "write:error=ENOSPC"]


def run(options):
    if shutil.which("strace") is None:
        raise SystemExit("strace is needed: apt-get install strace")
    promised, refused, lost, broken, tried = 0, 0, [], [], 0
    for fault in FAULTS:
        for first in range(1, options.places + 1, max(1, options.places // options.runs)):
            # Begins at one call and comes again, so that trying again meets it too; not for ever.
            inject = f"{fault}:when={first + 30}+7"
            call = fault.split(":")[0]
            before = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={inject}"]
            if call == "write":
                # Answers and logs are written too: only the files of the database are to fail.
                before += ["-P", "{db}", "-P", "{db}-wal"]
            program = Careless("wrong") if options.sabotage else Program()
            program.before = [part.replace("{db}", f"{program.folder}/readership.db") for part in before]
            tried += 1
            with program:
                try:
                    program.start(within=60)
                except RuntimeError:
                    # It may not start on a disk that fails while it migrates; it must say so and end.
                    if program.is_alive():
                        broken.append(f"{inject}: it neither starts nor ends")
                    continue
                client, good = Client(program.port, timeout=20), []
                for number in range(options.asks):
                    address = f"disk{number}@reader.test"
                    try:
                        if client.subscribe(address):
                            good.append(address)
                        else:
                            refused += 1
                    except OSError:
                        refused += 1
                if not program.is_alive():
                    broken.append(f"{inject}: it died")
                program.kill()
                kept = {address for (address,) in program.rows("SELECT recipient FROM outbox")}
                gone = [address for address in good if address not in kept]
                lost += gone
                broken += [f"{inject}: promised and lost {address}" for address in gone]
                said = integrity(program.folder / "readership.db")
                if said != "ok":
                    broken.append(f"{inject}: integrity {said}")
                promised += len(good)
                # Well again: it starts and takes more.
                program.before = []
                program.start()
                if not Client(program.port).subscribe("again@reader.test"):
                    broken.append(f"{inject}: it does not go on")
    if refused == 0:
        broken.append("no fault was ever met")
    return {"runs": tried, "promised": promised, "refused": refused, "lost": len(lost), "broken": broken}


experiment("F3", "a disk that fails makes no wrong promise", run, [
    ("--places", {"type": int, "default": 200}), ("--runs", {"type": int, "default": 8}),
    ("--asks", {"type": int, "default": 40}),
])

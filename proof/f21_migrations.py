#!/usr/bin/env python3
"""F21: the process is killed at fifty places of its migrations, each time at another write. The next start goes on
where that one stopped, and works."""

import pathlib
import shutil
import subprocess
import sys

from kit.client import Client
from kit.program import Program, binary, integrity
from kit.report import experiment


def run(options):
    if shutil.which("strace") is None:
        raise SystemExit("strace is needed: apt-get install strace")
    broken, killed = [], 0
    careless = pathlib.Path(__file__).parent / "kit/careless_migration.py"
    for number in range(options.places):
        place = 3 + number * options.step
        with Program() as program:
            path = program.folder / "readership.db"
            command = [sys.executable, str(careless), str(path)] if options.sabotage else [binary(), "migrate"]
            trace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=pwrite64", "-e",
                     f"inject=pwrite64:signal=KILL:when={place}"]
            first = subprocess.run(trace + command, env=program.environment(), capture_output=True, timeout=120)
            killed += first.returncode != 0
            again = subprocess.run(command, env=program.environment(), capture_output=True, text=True, timeout=120)
            if again.returncode != 0:
                broken.append(f"killed at write {place}: {again.stderr[-200:]}")
                continue
            if integrity(path) != "ok":
                broken.append(f"killed at write {place}: integrity")
            if not options.sabotage and number % 10 == 0:
                program.start()
                if not Client(program.port).subscribe("ada@reader.test"):
                    broken.append(f"killed at write {place}: it does not work")
    if killed < options.places // 2:
        broken.append(f"only {killed} of {options.places} were killed in the middle")
    return {"places": options.places, "killed": killed, "broken": broken}


experiment("F21", "migrations that are killed go on", run, [
    ("--places", {"type": int, "default": 50}), ("--step", {"type": int, "default": 5}),
])

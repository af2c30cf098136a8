#!/usr/bin/env python3
"""F17: a file of a million members, one line in twenty of them bad, and the process is killed half way. The rest
comes in afterwards, nobody twice, every bad line is told with its number, and memory stays small."""

import json
import random
import re
import sqlite3
import time

from kit.client import Client
from kit.program import Program
from kit.report import experiment

BAD = [b"no address,x", b",nobody", b"two@@signs.test,x", b"blank in@it.test,x", b"nul@\x00.test,x", b"a@b,x",
       b"\xff\xfe@bytes.test,x", b"long" + b"x" * 300 + b"@reader.test,x"]
ODD = ["=HYPERLINK(\"\"http://x\"\")", "+49 30", "@SUM(A1)", "O'Neill", "Zoë ☂", "a \"\"b\"\""]


def file(rows, chance):
    """The bytes of it, how many are good, and the numbers of the lines that are bad."""
    lines, bad, good, addresses = [b"\xef\xbb\xbfemail,name"], [], 0, []
    for number in range(rows):
        line = number + 2
        if number % 20 == 7:
            lines.append(chance.choice(BAD))
            bad.append(line)
        elif number % 1000 == 500 and addresses:
            # Somebody who stood there before, written otherwise.
            lines.append(chance.choice(addresses).upper().encode() + b",again")
        else:
            address = f"row{number}@reader.test"
            if number % 97 == 0:
                addresses.append(address)
            lines.append(f'{address},"{chance.choice(ODD)}"'.encode())
            good += 1
    # Unix and Windows by turns, as files are that went through several hands.
    text = b"".join(line + (b"\r\n" if number % 2 else b"\n") for number, line in enumerate(lines))
    return text, good, bad


def run(options):
    chance, broken = random.Random(options.seed), []
    text, good, bad = file(options.rows, chance)
    with Program() as program:
        program.start()
        token = program.says(r"admin/join/\?token=(\S+)")
        owner = Client(program.port, timeout=300)
        password = "plum ferry lantern oat"
        owner.cookie = owner.own("/admin/join/", token=token, email="olga@rexwire.test", name="Olga", password=password,
                                 again=password).cookies()
        edge = "proofboundary"
        body = (f'--{edge}\r\nContent-Disposition: form-data; name="consent"\r\n\r\nThey ticked the box in our shop.\r\n'
                f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="many.csv"\r\n'
                f'Content-Type: text/csv\r\n\r\n').encode() + text + f"\r\n--{edge}--\r\n".encode()
        origin = f"http://127.0.0.1:{program.port}"
        answer = owner.ask("POST", "/admin/jobs/import/", body, content_type=f"multipart/form-data; boundary={edge}",
                           origin=origin)
        job = re.search(r"/admin/jobs/([0-9a-f]{24})/", answer.location).group(1)

        def row():
            return program.rows("SELECT state, done, total, report FROM jobs WHERE lower(hex(id)) = ?", job)[0]

        def wait(states, until=lambda row: False):
            end = time.monotonic() + options.within
            highest = 0
            while time.monotonic() < end:
                highest = max(highest, program.memory())
                now = row()
                if now[0] in states or until(now):
                    return highest
                time.sleep(0.05)
            raise RuntimeError(f"it takes too long: {row()}")

        memory = wait(("checked", "failed"))
        if row()[0] == "failed":
            return {"broken": [f"the file was refused: {row()[3]}"]}
        begun = time.monotonic()
        owner.own(f"/admin/jobs/{job}/start/")
        memory = max(memory, wait(("done",), lambda now: now[1] * 2 > now[2] > 0))
        program.kill()
        half = program.rows("SELECT count(*) FROM members")[0][0]
        if options.sabotage:
            # A program that forgets what it was doing.
            conn = sqlite3.connect(program.folder / "readership.db")
            conn.execute("UPDATE jobs SET state = 'stopped' WHERE lower(hex(id)) = ?", (job,))
            conn.commit()
            conn.close()
        program.start(within=60)
        memory = max(memory, wait(("done", "stopped")))
        took = time.monotonic() - begun
        members = program.rows("SELECT count(*), count(DISTINCT email_key) FROM members")[0]
        told = [line for (line,) in program.rows(
            "SELECT line FROM job_lines WHERE kind = 'bad' AND lower(hex(job_id)) = ? ORDER BY line", job)]
        mails = program.rows("SELECT count(*) FROM outbox")[0][0]
        report = row()[3]
    if not 0 < half < good:
        broken.append(f"it was not killed half way: {half} of {good} were in")
    if members != (good, good):
        broken.append(f"{members[0]} members of {members[1]} addresses, and {good} were in the file")
    if told != bad[:len(told)] or len(told) < min(len(bad), 10_000):
        broken.append(f"{len(told)} bad lines are told, and {len(bad)} there were")
    if json.loads(report).get("bad") != len(bad):
        broken.append(f"it counts {json.loads(report).get('bad')} bad lines, and {len(bad)} there were")
    if mails:
        broken.append(f"{mails} mails to people who asked for none")
    if memory > 256 * 1024:
        broken.append(f"{memory} KiB of memory")
    return {"rows": options.rows, "megabytes": len(text) >> 20, "good": good, "in_when_killed": half, "members": members[0],
            "bad": len(bad), "bad_told": len(told), "mails": mails, "rows_per_s": round(options.rows / took),
            "memory_mib": memory // 1024, "seed": options.seed, "broken": broken}


experiment("F17", "a file of a million members comes in whole, killed or not", run, [
    ("--rows", {"type": int, "default": 1_000_000}), ("--seed", {"type": int, "default": 1}),
    ("--within", {"type": int, "default": 900}),
])

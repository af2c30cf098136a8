#!/usr/bin/env python3
"""F2: the power goes at every acknowledgement. Every write of the process is recorded; for each 2xx the disk is
made as it would be if nothing but what was synced had reached it, and then once more with some of the rest, in
whole sectors and by chance. What was promised until then must be there."""

import os
import pathlib
import random
import re
import shutil
import signal
import sqlite3
import tempfile

from kit.careless import Careless
from kit.client import Client
from kit.program import Program
from kit.report import experiment

CALLS = "openat,close,dup,pwrite64,write,writev,lseek,ftruncate,fsync,fdatasync,unlink,sendto,sendmsg"
LINE = re.compile(r"^(\d+) +(?:\[pid +\d+\] )?(\w+)\((.*)\)\s+= (-?\d+)")
SECTOR = 512


class Disk:
    """Files as they are in memory and as they are on the disk."""

    def __init__(self):
        self.memory, self.synced, self.pending = {}, {}, {}

    def write(self, name, at, data):
        file = self.memory.setdefault(name, bytearray())
        if len(file) < at + len(data):
            file.extend(bytes(at + len(data) - len(file)))
        file[at:at + len(data)] = data
        self.pending.setdefault(name, []).append((at, bytes(data)))

    def truncate(self, name, size):
        file = self.memory.setdefault(name, bytearray())
        del file[size:]
        file.extend(bytes(size - len(file)))
        self.pending.setdefault(name, []).append((size, None))

    def sync(self, name):
        self.synced[name] = bytes(self.memory.get(name, b""))
        self.pending[name] = []

    def after_cut(self, chance=None):
        """What is left: what was synced, and with `chance` some sectors of what was not."""
        left = {name: bytearray(data) for name, data in self.synced.items()}
        for name, writes in self.pending.items() if chance else ():
            file = left.setdefault(name, bytearray())
            for at, data in writes:
                if data is None:
                    continue
                for begin in range(0, len(data), SECTOR):
                    if chance.random() < 0.5:
                        part = data[begin:begin + SECTOR]
                        if len(file) < at + begin + len(part):
                            file.extend(bytes(at + begin + len(part) - len(file)))
                        file[at + begin:at + begin + len(part)] = part
        return left


def bytes_of(text):
    """The bytes of a string that strace wrote in hexadecimal."""
    return bytes.fromhex(text.replace("\\x", ""))


def replay(trace, each_ack):
    """Goes through a trace; calls `each_ack(disk)` at each answer that promised something."""
    disk, places, unfinished = Disk(), {}, {}
    for raw in open(trace, errors="replace"):
        pid, _, rest = raw.partition(" ")
        rest = rest.strip()
        if rest.endswith("<unfinished ...>"):
            unfinished[pid] = rest[:-len("<unfinished ...>")].rstrip()
            # An answer counts as given when its call begins: from then on it may arrive.
            if not rest.startswith(("sendto", "sendmsg", "writev", "write")):
                continue
            line = f"{pid} {unfinished[pid]}) = 0"
        elif rest.startswith("<... "):
            begun = unfinished.pop(pid, None)
            if begun is None or begun.startswith(("sendto", "sendmsg", "writev", "write")) and is_answer(begun):
                continue
            line = f"{pid} {begun}{rest.split('resumed>', 1)[1]}"
        else:
            line = f"{pid} {rest}"
        found = LINE.match(line)
        if not found:
            continue
        _, call, arguments, result = found.groups()
        if is_answer(f"{call}({arguments}"):
            each_ack(disk)
            continue
        descriptor = re.match(r"(\d+)<([^>]*)>", arguments)
        if call == "unlink" and int(result) == 0:
            name = pathlib.Path(bytes_of(re.search(r'"(.*?)"', arguments).group(1)).decode()).name
            for files in (disk.memory, disk.synced, disk.pending):
                files.pop(name, None)
            continue
        if not descriptor:
            continue
        fd, path = int(descriptor.group(1)), descriptor.group(2)
        path = bytes_of(path).decode(errors="replace") if path.startswith("\\x") else path
        name = pathlib.Path(path).name
        if not name.startswith("readership.db") or name.endswith(("-shm", ".lock")):
            continue
        if int(result) < 0:
            continue
        if call == "pwrite64":
            data = bytes_of(re.search(r'"(.*?)"', arguments).group(1))
            at = int(arguments.rsplit(",", 1)[1])
            disk.write(name, at, data[:int(result)])
        elif call == "lseek":
            places[fd] = int(result)
        elif call == "write":
            data = bytes_of(re.search(r'"(.*?)"', arguments).group(1))
            disk.write(name, places.get(fd, 0), data[:int(result)])
            places[fd] = places.get(fd, 0) + int(result)
        elif call == "ftruncate":
            disk.truncate(name, int(arguments.rsplit(",", 1)[1]))
        elif call in ("fsync", "fdatasync"):
            disk.sync(name)
    return disk


PROMISE = "".join(f"\\x{byte:02x}" for byte in b"HTTP/1.1 303")


def is_answer(call):
    return call.startswith(("sendto", "sendmsg", "writev", "write")) and PROMISE in call


def kept_after(files):
    """The addresses that a database holds after the power came back; `None` when it is corrupt."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="readership-cut-"))
    try:
        for name, data in files.items():
            (folder / name).write_bytes(data)
        conn = sqlite3.connect(folder / "readership.db")
        try:
            if conn.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
                return None
            links = {row[0] for row in conn.execute("SELECT email FROM magic_links")}
            mails = {row[0] for row in conn.execute("SELECT recipient FROM outbox")}
            return links & mails if links == mails else None
        except sqlite3.DatabaseError:
            return None
        finally:
            conn.close()
    finally:
        shutil.rmtree(folder)


def run(options):
    if shutil.which("strace") is None:
        raise SystemExit("strace is needed: apt-get install strace")
    trace = pathlib.Path(tempfile.mkdtemp(prefix="readership-trace-")) / "trace"
    before = ["strace", "-f", "-y", "-xx", "-s", "10000000", "-e", f"trace={CALLS}", "-o", str(trace)]
    program = Careless("normal", before=before) if options.sabotage else Program(before=before)
    with program:
        program.start(within=60)
        client = Client(program.port)
        promised = []
        for number in range(options.acks):
            address = f"cut{number}@reader.test"
            if client.subscribe(address):
                promised.append(address)
        client.get("/healthz")
        # The recorder writes down the last of it once what it follows is gone.
        os.kill(program.pid(), signal.SIGKILL)
        program.process.wait(30)
        program.kill()
    chance, lost, corrupt, seen = random.Random(options.seed), [], [], 0

    def each_ack(disk):
        nonlocal seen
        seen += 1
        for torn in (None, chance):
            kept = kept_after(disk.after_cut(torn))
            if kept is None:
                corrupt.append(f"after answer {seen}{', torn' if torn else ''}")
            else:
                gone = [address for address in promised[:seen] if address not in kept]
                if gone:
                    lost.append(f"after answer {seen}{', torn' if torn else ''}: {gone[0]}")

    replay(trace, each_ack)
    shutil.rmtree(trace.parent)
    broken = [f"lost {what}" for what in lost] + [f"corrupt {what}" for what in corrupt]
    if seen < len(promised) or not promised:
        broken.append(f"{len(promised)} were promised, and {seen} answers were seen")
    return {"answers": seen, "cuts": 2 * seen, "lost": len(lost), "corrupt": len(corrupt), "seed": options.seed,
            "broken": broken}


experiment("F2", "a power cut at any answer loses nothing that was promised", run, [
    ("--acks", {"type": int, "default": 60}), ("--seed", {"type": int, "default": 1}),
])

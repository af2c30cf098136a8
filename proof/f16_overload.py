#!/usr/bin/env python3
"""F16: five times as many sign-ups as it can do, in an open loop: they come at their rate whether the ones before were
answered or not. It goes on at its pace, says no quickly to the rest, answers whoever looks whether it is well, and is
itself again a moment later.

A crowd that outruns the program would need more of the machine than the program has. So the program is held back, and
the crowd has a core of its own: by a disk that takes 20 ms for each sync, with batch and queue small in proportion (what
bounds durable writes on most servers), or with `--bound processor` by a share of one core."""

import contextlib
import json
import os
import pathlib
import resource
import subprocess
import sys
import threading
import time

from kit.client import Client
from kit.program import Program
from kit.report import experiment, percentile
from kit.share import Share


def crowd(port, rate, seconds):
    said = subprocess.run([sys.executable, "-m", "kit.crowd", str(port), str(rate), str(seconds)], capture_output=True,
                          text=True, cwd=pathlib.Path(__file__).resolve().parent)
    if said.returncode:
        raise RuntimeError(said.stderr)
    return json.loads(said.stdout)


def run(options):
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(40_000, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),) * 2)
    broken, latencies, ends = [], [], threading.Event()
    # The control takes no more than a handful of connections: whoever asks how it is waits behind the crowd.
    more = {"HTTP_CONNECTIONS": 64} if options.sabotage else {}
    is_disk = options.bound == "disk"
    if is_disk:
        more |= {"DB_BATCH": 16, "DB_QUEUE": 160}
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[0]})
    slow_disk = ["strace", "-f", "--seccomp-bpf", "-o", "/dev/null", "-e", "trace=fdatasync,fsync",
                 "-e", "inject=fdatasync,fsync:delay_enter=20000"]
    with (contextlib.nullcontext() if is_disk else Share(options.share)) as share, \
            Program(before=slow_disk if is_disk else (), **more) as program:
        program.start()
        os.sched_setaffinity(0, {cores[-1]})
        if share:
            share.take(program.process.pid)

        def kept():
            return program.rows("SELECT count(*) FROM outbox")[0][0]

        def pace(rate, seconds):
            """Sign-ups kept a second, and what the crowd saw."""
            before = kept()
            seen = crowd(program.port, rate, seconds)
            return (kept() - before) / seen["took_s"], seen

        # What it can do: more and more are asked for until it keeps no more.
        peak, rate = 0, 200
        while True:
            reached, seen = pace(rate, 4)
            if reached < 1.05 * peak:
                break
            peak, calm_p99, rate = max(peak, reached), seen["p99_s"], round(rate * 1.3)

        def look():
            while not ends.is_set():
                began = time.monotonic()
                try:
                    status = Client(program.port, timeout=5).get("/healthz").status
                except OSError as error:
                    status = repr(error)
                latencies.append(time.monotonic() - began)
                if status != 200:
                    broken.append(f"asked how it is, it answers {status}")
                time.sleep(0.05)

        watcher = threading.Thread(target=look)
        watcher.start()
        goodput, seen = pace(options.times * peak, options.time)
        ends.set()
        watcher.join()
        memory = program.memory("VmHWM") // 1024
        begun = time.monotonic()
        while True:
            began = time.monotonic()
            good = Client(program.port).subscribe(f"after{time.monotonic_ns()}@reader.test")
            if good and time.monotonic() - began < 0.05:
                break
            if time.monotonic() - begun > 10:
                broken.append("it is not itself again")
                break
        back = time.monotonic() - begun
    share_kept = goodput / peak
    health = percentile(latencies, 0.99)
    if share_kept < 0.8:
        broken.append(f"it keeps {share_kept:.0%} of its pace")
    if health > 0.5:
        broken.append(f"asked how it is, it takes {health * 1000:.0f} ms")
    if back > 5:
        broken.append(f"it takes {back:.1f} s to be itself again")
    if seen["asked_per_s"] < 0.95 * options.times * peak:
        broken.append(f"only {seen['asked_per_s']:.0f} a second were asked: this is no crowd of {options.times} times")
    return {"bound": options.bound, "peak_per_s": round(peak), "asked_per_s": round(seen["asked_per_s"]),
            "goodput_per_s": round(goodput), "share": round(share_kept, 2), "answers": seen["statuses"], "unanswered": seen["unanswered"],
            "p99_ms": [round(calm_p99 * 1000), round(seen["p99_s"] * 1000)], "health_p99_ms": round(health * 1000),
            "memory_mib": memory, "back_after_s": round(back, 2), "broken": broken}


experiment("F16", "more readers than it can serve cost the others nothing", run, [
    ("--times", {"type": float, "default": 5}), ("--time", {"type": int, "default": 60}),
    ("--bound", {"choices": ["disk", "processor"], "default": "disk"}),
    ("--share", {"type": float, "default": 0.15, "help": "of one core, for the program"}),
])

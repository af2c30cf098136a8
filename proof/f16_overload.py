#!/usr/bin/env python3
"""F16: more readers than it can serve, three thousand at once. It goes on at its pace, says no quickly to the rest, answers whoever
looks whether it is well, and is itself again a moment later."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import threading
import time

from kit.client import Client
from kit.program import Program
from kit.report import experiment, percentile

SCRIPT = """
local number, promised = 0, 0
math.randomseed(os.time())
local seed = math.random(1, 1000000000)
request = function()
  number = number + 1
  return wrk.format("POST", "/members/subscribe/", {["content-type"] = "application/x-www-form-urlencoded",
    origin = "http://site.test"}, "email=o" .. seed .. "." .. number .. "%40reader.test")
end
"""
# Each connection waits so long before it asks again, so that all of them together ask as often as they are to.
PAUSE = "delay = function() return math.random(0, 2 * %d) end\n"


def load(port, connections, seconds, pause_ms=0):
    """Sign-ups from so many connections; returns requests a second, how many timed out or failed, and the 99th
    percentile in milliseconds."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="readership-wrk-"))
    try:
        (folder / "ask.lua").write_text(SCRIPT + (PAUSE % pause_ms if pause_ms else ""))
        said = subprocess.run(["nice", "-n", "19", "wrk", "-t2", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "--latency", "-s",
                               str(folder / "ask.lua"), f"http://127.0.0.1:{port}/"], capture_output=True, text=True,
                              check=True).stdout
    finally:
        shutil.rmtree(folder)
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", said).group(1))
    failed = sum(map(int, re.findall(r"(?:connect|read|write|timeout) (\d+)", said)))
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)", said)
    p99 = float(p99.group(1)) * {"us": 1e-3, "ms": 1, "s": 1e3}[p99.group(2)]
    return rate, failed, p99


def run(options):
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is needed: apt-get install wrk")
    broken, latencies, ends = [], [], threading.Event()
    # The control takes no more than a handful of connections: whoever asks how it is waits behind the crowd.
    more = {"HTTP_CONNECTIONS": 64} if options.sabotage else {}
    # The program has one core, and the crowd another: else the crowd takes the time in which it would be served.
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[0]})
    with Program(**more) as program:
        program.start()
        os.sched_setaffinity(0, {cores[-1]})

        def kept():
            return program.rows("SELECT count(*) FROM outbox")[0][0]

        load(program.port, 16, 2)
        before, begun = kept(), time.monotonic()
        _, _, calm_p99 = load(program.port, 64, options.time)
        peak = (kept() - before) / (time.monotonic() - begun)

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
        before, begun = kept(), time.monotonic()
        pause_ms = round(options.connections * 1000 / (options.times * peak))
        rate, failed, p99 = load(program.port, options.connections, options.time, pause_ms)
        goodput = (kept() - before) / (time.monotonic() - begun)
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
    share = goodput / peak
    health = percentile(latencies, 0.99)
    if share < 0.8:
        broken.append(f"it keeps {share:.0%} of its pace")
    if health > 0.5:
        broken.append(f"asked how it is, it takes {health * 1000:.0f} ms")
    if back > 5:
        broken.append(f"it takes {back:.1f} s to be itself again")
    # Whoever waits for an answer asks no more meanwhile, so that a crowd never asks as often as it would.
    if rate < 1.5 * peak:
        broken.append(f"only {rate:.0f} a second were asked: this is no crowd")
    return {"peak_per_s": round(peak), "asked_per_s": round(rate), "goodput_per_s": round(goodput), "share": round(share, 2),
            "failed": failed, "p99_ms": [round(calm_p99), round(p99)],
            "health_p99_ms": round(health * 1000), "memory_mib": memory, "back_after_s": round(back, 2), "broken": broken}


experiment("F16", "more readers than it can serve cost the others nothing", run, [
    ("--connections", {"type": int, "default": 3000}), ("--times", {"type": int, "default": 1_000}), ("--time", {"type": int, "default": 20}),
])

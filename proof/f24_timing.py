#!/usr/bin/env python3
"""F24: does the time an answer takes tell whether an address is a member's, a link was ever made, a member of staff
exists? Two kinds of request, one after the other, thousands of times; Welch's t says whether they differ."""

import math
import re
import statistics
import time

from kit.careless import Careless
from kit.client import Client
from kit.program import Program
from kit.report import experiment
from kit.sink import Sink, link_of

BOUND = 4.5


def compare(first, second, count):
    """t between the times of two kinds of request that take turns; the slowest hundredth is left out of both."""
    times = ([], [])
    for number in range(count):
        for side in ((0, 1) if number % 2 else (1, 0)):
            work = (first, second)[side]
            began = time.perf_counter()
            work(number)
            times[side].append(time.perf_counter() - began)
    kept = [sorted(part)[: int(len(part) * 0.99)] for part in times]
    means = [statistics.fmean(part) for part in kept]
    spread = math.sqrt(sum(statistics.variance(part) / len(part) for part in kept))
    return (means[0] - means[1]) / spread, abs(statistics.median(kept[0]) - statistics.median(kept[1])) * 1e6


def run(options):
    broken, figures = [], {}

    def judge(name, first, second):
        # Every address has as many links as it may have before it counts.
        for number in range(200 if not options.sabotage else 0):
            first(number)
            second(number)
        # A chance of a noisy machine: what differs must differ again.
        for _ in range(3):
            t, gap = compare(first, second, options.pairs)
            if abs(t) < BOUND:
                break
        figures[name] = {"t": round(t, 2), "median_gap_us": round(gap, 1)}
        if abs(t) >= BOUND:
            broken.append(f"{name}: t = {t:.1f}, {gap:.0f} µs apart")

    if options.sabotage:
        with Careless("oracle") as program:
            program.start()
            client = Client(program.port)
            judge("signin", lambda _: client.form("/members/signin/", email="known@reader.test"),
                  lambda n: client.form("/members/signin/", email=f"unknown{n}@reader.test"))
        return {"pairs": options.pairs, **figures, "broken": broken}
    limits = {f"LIMITS_ADDRESS_{name}": 0 for name in ("GAP_S", "PER_15M", "PER_HOUR", "PER_DAY")}
    # The mail server is slow, so that whoever waited for it would show.
    with Sink(hang=2) as sink, Program(sink.port, STAFF_ACCOUNT_TRIES=1000, STAFF_CLIENT_TRIES=10_000,
                                       STAFF_FAILURES=10_000,
                                       LIMITS_SITE_UNCONFIRMED_PER_HOUR=10_000_000, **limits) as program:
        program.start()
        client = Client(program.port)
        members = [f"known{number}@reader.test" for number in range(40)]
        for address in members:
            client.subscribe(address)
            Client(program.port).redeem(link_of(sink.wait(address)))
        sink.fate = lambda recipient, count: "hang"
        judge("signin", lambda n: client.form("/members/signin/", email=members[n % len(members)]),
              lambda n: client.form("/members/signin/", email=f"unknown{n % len(members)}@reader.test"))
        judge("signup", lambda n: client.form("/members/signup/", email=members[n % len(members)]),
              lambda n: client.form("/members/signup/", email=f"new{n % len(members)}@reader.test"))
        # A token that was never made, and one that is a real one but for its end.
        sink.fate = lambda recipient, count: "take"
        client.subscribe("token@reader.test")
        real = re.search(r"token=([^&\s]+)", link_of(sink.wait("token@reader.test"))).group(1)
        sink.fate = lambda recipient, count: "hang"
        near, never = real[:36] + "AAAAAAA", "k" * 36 + "AAAAAAA"
        judge("token", lambda _: client.get("/members/?token=" + near), lambda _: client.get("/members/?token=" + never))
        token = program.says(r"admin/join/\?token=(\S+)")
        client.own("/admin/join/", token=token, email="olga@rexwire.test", name="Olga", password="plum ferry lantern oat",
                   again="plum ferry lantern oat")
        judge("staff", lambda _: client.own("/admin/signin/", email="olga@rexwire.test", password="not it at all"),
              lambda _: client.own("/admin/signin/", email="nobody@rexwire.test", password="not it at all"))
    return {"pairs": options.pairs, **figures, "broken": broken}


experiment("F24", "the time of an answer tells nothing", run, [("--pairs", {"type": int, "default": 2000})])

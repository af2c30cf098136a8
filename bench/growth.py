#!/usr/bin/env python3
"""How cost grows with members and with connections, as a table and as a picture (SVG).

    cargo bench --bench load --no-run      # prints the path of the bench
    bench/growth.py BENCH [--picture docs/images/growth.svg]
"""

import argparse
import html
import math
import pathlib
import re
import subprocess

MEMBERS, CONNECTIONS = [1_000, 10_000, 100_000, 1_000_000], [1, 4, 16, 64, 256]


def measured(bench, members, connections, seconds, only):
    """Rows of one run: name, a second, of the bare handler, p50, p99."""
    said = subprocess.run([bench, "--members", str(members), "--connections", str(connections), "--seconds", str(seconds),
                           "--only", only], capture_output=True, text=True, check=True).stdout
    rows = {}
    for line in said.splitlines():
        cells = [cell.strip() for cell in line.strip("| ").split("|")]
        if len(cells) == 5 and re.fullmatch(r"[\d.]+", cells[1]):
            rows[cells[0]] = [float(cell) if cell else None for cell in cells[1:]]
    facts = dict(re.findall(r"^- (.*?): (.*)$", said, re.M))
    return rows, facts


def picture(points, title, axis, places):
    """One chart: a line for each figure, both axes logarithmic."""
    width, height, left, right, bottom = 520, 300, 76, 34, 44
    values = [value for line in points.values() for value in line if value]
    low, high = 10 ** math.floor(math.log10(min(values))), 10 ** math.ceil(math.log10(max(values)))
    x = lambda n: left + (width - left - right) * n / max(1, len(places) - 1)
    y = lambda v: height - bottom - (height - bottom - 40) * (math.log10(v) - math.log10(low)) / (math.log10(high) - math.log10(low))
    parts = [f'<g font-family="system-ui, sans-serif" font-size="12" fill="currentColor">'
             f'<text x="{left}" y="20" font-weight="600">{html.escape(title)}</text>']
    tick = low
    while tick <= high:
        parts.append(f'<line x1="{left}" x2="{width - right}" y1="{y(tick):.1f}" y2="{y(tick):.1f}" stroke="currentColor" opacity=".2"/>'
                     f'<text x="{left - 8}" y="{y(tick) + 4:.1f}" text-anchor="end">{tick:,.0f}</text>')
        tick *= 10
    for number, place in enumerate(places):
        parts.append(f'<text x="{x(number):.1f}" y="{height - bottom + 18}" text-anchor="middle">{place:,}</text>')
    parts.append(f'<text x="{(left + width) / 2:.0f}" y="{height - 8}" text-anchor="middle">{axis}</text>')
    for (name, line), (colour, above) in zip(points.items(), (("#8a8f98", -8), ("#0a7d55", 18), ("#b3541e", -8))):
        path = " ".join(f"{x(n):.1f},{y(v):.1f}" for n, v in enumerate(line) if v)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2.5"/>')
        last = max(n for n, v in enumerate(line) if v)
        parts.append(f'<text x="{x(last):.1f}" y="{y(line[last]) + above:.1f}" text-anchor="end" fill="{colour}">{html.escape(name)}</text>')
    return "".join(parts) + "</g>", width, height


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bench")
    parser.add_argument("--picture", default="docs/images/growth.svg")
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--most", type=int, default=1_000_000, help="members")
    options = parser.parse_args()
    charts = []
    for title, axis, places, of in (
        ("Requests a second, 64 connections", "members", [n for n in MEMBERS if n <= options.most], lambda n: (n, 64)),
        ("Requests a second, 100,000 members", "connections", CONNECTIONS, lambda n: (100_000, n)),
    ):
        lines = {}
        print(f"\n| {axis} | bare handler | read own record | of bare | p99 ms | sign-up | p99 ms |\n|---|---|---|---|---|---|---|")
        for place in places:
            members, connections = of(place)
            reads, _ = measured(options.bench, members, connections, options.seconds, "read own record")
            writes, facts = measured(options.bench, members, connections, options.seconds, "sign-up")
            bare, read, write = reads["bare handler"], reads["read own record"], writes["sign-up, committed"]
            for name, value in (("bare handler", bare[0]), ("read own record", read[0]), ("sign-up, committed", write[0])):
                lines.setdefault(name, []).append(value)
            print(f"| {place:,} | {bare[0]:,.0f} | {read[0]:,.0f} | {read[1]:.2f} | {read[3]:.2f} | {write[0]:,.0f} | {write[3]:.2f} |", flush=True)
        charts.append(picture(lines, title, axis, places))
    width, height = charts[0][1] + charts[1][1], charts[0][2]
    body = f'{charts[0][0]}<g transform="translate({charts[0][1]},0)">{charts[1][0]}</g>'
    style = "<style>svg{color:#222;background:#fff}@media(prefers-color-scheme:dark){svg{color:#ddd;background:#16181d}}</style>"
    pathlib.Path(options.picture).write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-label="Requests a second by members and by connections">{style}{body}</svg>\n')


main()

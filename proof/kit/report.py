"""One line of JSON, and an exit code that says whether the promise held."""

import argparse
import json
import sys
import time
import traceback


def experiment(number, promise, run, arguments=()):
    """Runs `run(options)`, which returns its figures; `broken` among them lists what did not hold.

    With `--sabotage` the classic fault is put in, and the experiment must find it."""
    parser = argparse.ArgumentParser(description=promise)
    parser.add_argument("--sabotage", action="store_true", help="put the classic fault in: this run must fail")
    for names, about in arguments:
        parser.add_argument(names, **about)
    options = parser.parse_args()
    begun = time.monotonic()
    try:
        figures = run(options)
    except Exception:  # Whatever it is: the line must say so.
        traceback.print_exc()
        figures = {"broken": ["it did not run to its end"]}
    broken = figures.pop("broken", [])
    line = {"experiment": number, "promise": promise, "holds": not broken, **figures}
    if broken:
        line["broken"] = broken[:10]
    if options.sabotage:
        line["sabotage"] = True
    line["seconds"] = round(time.monotonic() - begun, 1)
    print(json.dumps(line), flush=True)
    sys.exit(1 if broken else 0)


def percentile(values, share):
    """A value of a list in order: `share` of the others are not above it."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else None

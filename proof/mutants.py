#!/usr/bin/env python3
"""Would a test notice? Every small fault that cargo-mutants thinks of, in the rooms where a mistake costs most.

cargo-mutants builds the program once for each fault, which is a night for a thousand of them. Here they are built
once, all together: each stands in a copy of the source behind a switch (`if on(17) { fault } else { code }`), and
READERSHIP_MUTANT turns one on. A first run of each test alone notes which faults it passes by, so that a fault meets
only the tests that reach it. A failure of a story is repeated before it counts.

Needs cargo-mutants (its list of faults), and tree-sitter with tree-sitter-rust (by pip). Stories run on SQLite; with
TEST_POSTGRES_URL what those did not notice meets the ones on PostgreSQL too.

    proof/mutants.py                    # target/mutants/report.json, and a table
    proof/mutants.py --only src/limits  # some of it
"""

import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

import tree_sitter
import tree_sitter_rust

HOUSE = pathlib.Path(__file__).resolve().parent.parent
WORK = HOUSE / "target/mutants"
TREE = WORK / "tree"
ROOMS = ["src/signin/", "src/limits/", "src/billing/sync.rs", "src/billing/access.rs", "src/mail/outbox.rs"]
BINARIES = ["lib", "properties", "stories", "known_faults"]
# Stories that look at a room most closely, beside those of its own name.
CLOSE = {
    "access": "plans money", "asking": "limits links subscribing signing_in", "client": "limits", "devices": "account",
    "integrity": "limits members_api", "kept": "sessions", "links": "waiting codes", "mod": "limits links",
    "outbox": "mailing", "present": "sessions account", "redemption": "signing_in subscribing links",
    "return_to": "signing_in links", "signing_keys": "tokens sessions", "sync": "webhooks plans",
}
# These run for minutes each, and others reach the same places.
TOO_LONG = re.compile(r"permutations|random_orders")
PARSER = tree_sitter.Parser(tree_sitter.Language(tree_sitter_rust.language()))

SWITCH = '''//! Which fault is turned on.

use std::{collections::HashSet, io::Write, sync::{LazyLock, Mutex}};

static ACTIVE: LazyLock<u32> =
    LazyLock::new(|| std::env::var("READERSHIP_MUTANT").ok().and_then(|text| text.parse().ok()).unwrap_or(0));
static REACHED: LazyLock<Option<Mutex<(HashSet<u32>, std::fs::File)>>> = LazyLock::new(|| {
    let path = std::env::var_os("READERSHIP_REACHED")?;
    Some(Mutex::new((HashSet::new(), std::fs::File::options().append(true).create(true).open(path).ok()?)))
});

pub fn on(number: u32) -> bool {
    if let Some(reached) = &*REACHED {
        let mut reached = reached.lock().unwrap();
        if reached.0.insert(number) {
            writeln!(reached.1, "{number}").unwrap();
        }
    }
    *ACTIVE == number
}
'''


def faults():
    """The list of cargo-mutants, with a number each."""
    flags = [flag for room in ROOMS for flag in ("-f", room + "*.rs" if room.endswith("/") else room)]
    path = f"{HOUSE}/target/tools/bin:{os.environ['PATH']}"
    listed = subprocess.run(["cargo", "mutants", "--list", "--json", *flags], cwd=HOUSE, env=os.environ | {"PATH": path},
                            capture_output=True, check=True).stdout
    found, seen = [], set()
    for fault in json.loads(listed):
        kind = fault["function"]["return_type"] if fault["genre"] == "FnValue" else ""
        aliased = re.fullmatch(r"-> (?:Db|Billing)Result<(.*)>", kind)
        if aliased is None:
            found.append(fault)
            continue
        # The list does not know that these are results; none of what it proposes would compile.
        place = f"{fault['file']}:{fault['span']['start']['line']}"
        for value in () if place in seen else values(aliased[1]):
            name = f"{place}: replace {fault['function']['function_name']} {kind} with Ok({value})"
            found.append(fault | {"replacement": f"Ok({value})", "name": name})
        seen.add(place)
    return dict(enumerate(found, 1))


def values(kind):
    """What a function might answer without looking."""
    if kind == "bool":
        return ["true", "false"]
    if kind in ("usize", "u64"):
        return ["0", "1"]
    return {"Option": ["None"], "Vec": ["vec![]"], "()": ["()"]}.get(kind.split("<")[0], ["Default::default()"])


def switch(number, text):
    return f"if crate::mutants::on({number}) {{ /*<{number}>*/ {text} /*</{number}>*/ }}"


class Source:
    """A file whose faults can be switched on."""

    def __init__(self, path):
        self.path = path
        # A function that is constant cannot ask for a switch. Two make constants, and stay.
        text = re.sub(r"\bconst (fn (?!new\b|of_state\b))", r"      \1", (HOUSE / path).read_text())
        self.bytes = text.encode()
        self.lines = [line.encode() for line in text.split("\n")]
        self.tree = PARSER.parse(self.bytes)
        self.edits = collections.defaultdict(list)
        self.left_out = {}

    def offset(self, place):
        before = sum(len(line) + 1 for line in self.lines[:place["line"] - 1])
        return before + len(self.lines[place["line"] - 1].decode()[:place["column"] - 1].encode())

    def add(self, number, fault):
        start, end = self.offset(fault["span"]["start"]), self.offset(fault["span"]["end"])
        node = self.tree.root_node.descendant_for_byte_range(start, end)
        around = node
        while around is not None:
            begins = self.bytes[around.start_byte:around.start_byte + 60]
            is_constant_function = around.type == "function_item" and b"const fn" in begins
            if around.type in ("const_item", "static_item") or is_constant_function:
                self.left_out[number] = "in a constant"
                return
            around = around.parent
        genre = fault["genre"]
        if genre == "FnValue":
            if fault["replacement"].startswith("::std::iter::"):
                self.left_out[number] = "another type of iterator"
                return
            self.edits[(start, start)].append((number, f"return {fault['replacement']};"))
            return
        if genre == "MatchArm":
            while node.type != "match_arm":
                node = node.parent
            pattern = node.child_by_field_name("pattern")
            self.edits[(pattern.start_byte, pattern.end_byte)].append((number, "arm"))
            return
        if genre == "MatchArmGuard":
            self.edits[(start, end)].append((number, fault["replacement"]))
            return
        if genre == "StructField":
            node = self.tree.root_node.descendant_for_byte_range(start, start)
            while node.type not in ("field_initializer", "shorthand_field_initializer"):
                node = node.parent
            value = node.child_by_field_name("value")
            if value is None:
                self.left_out[number] = "a field named as its value"
                return
            self.edits[(value.start_byte, value.end_byte)].append((number, "Default::default()"))
            return
        wanted = {"BinaryOperator": ("binary_expression", "compound_assignment_expr"),
                  "UnaryOperator": ("unary_expression",)}[genre]
        node = self.tree.root_node.descendant_for_byte_range(start, end)
        while node is not None and node.type not in wanted:
            node = node.parent if node.start_byte <= start and node.type not in ("let_chain", "block") else None
        if node is None:
            self.left_out[number] = "no expression of its own"
            return
        text = self.bytes[node.start_byte:start] + fault["replacement"].encode() + self.bytes[end:node.end_byte]
        self.edits[(node.start_byte, node.end_byte)].append((number, text.decode()))

    def render(self, without):
        """The file with its switches, each fault between two marks."""
        edits = {span: [one for one in there if one[0] not in without] for span, there in self.edits.items()}
        edits = [(span, there) for span, there in edits.items() if there]
        edits.sort(key=lambda item: (item[0][0], -item[0][1]))

        def inside(start, end, todo):
            out, at = [], start
            while todo and todo[0][0][0] < end or todo and todo[0][0] == (end, end):
                (first, last), there = todo.pop(0)
                out.append(self.bytes[at:first].decode())
                if first == last:
                    out += [f"{switch(number, text)} " for number, text in there]
                elif there[0][1] == "arm":
                    number = there[0][0]
                    inner = inside(first, last, todo)
                    pattern, _, guard = inner.partition(" if ")
                    guard = f" && ({guard})" if guard else ""
                    out.append(f"/*<{number}>*/{pattern} if !crate::mutants::on({number}){guard}/*</{number}>*/")
                else:
                    inner = inside(first, last, todo)
                    chain = "".join(f"{switch(number, text)} else " for number, text in there)
                    numbers = ",".join(str(number) for number, _ in there)
                    out.append(f"(/*[{numbers}]*/{chain}{{ {inner} }}/*[/{numbers}]*/)")
                at = last
            out.append(self.bytes[at:end].decode())
            return "".join(out)

        return inside(0, len(self.bytes), edits)


def write_tree(sources, without):
    for source in sources.values():
        (TREE / source.path).write_text(source.render(without))


def copy_house():
    listed = subprocess.run(["git", "ls-files"], cwd=HOUSE, capture_output=True, text=True, check=True).stdout
    for name in listed.splitlines():
        source, target = HOUSE / name, TREE / name
        if not source.is_file():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists() or target.read_bytes() != source.read_bytes():
            shutil.copyfile(source, target)
    lib = TREE / "src/lib.rs"
    lib.write_text((HOUSE / "src/lib.rs").read_text() + "pub mod mutants;\n")
    (TREE / "src/mutants.rs").write_text(SWITCH)
    # Whoever waits for what a fault holds back, waits shorter.
    world = TREE / "tests/support/world.rs"
    world.write_text(re.sub(r"(PATIENCE: Duration = Duration::from_secs\()\d+", r"\g<1>8", world.read_text()))
    # Some tests look for npm packages there; what is compiled goes elsewhere.
    if not (TREE / "target").exists():
        (TREE / "target").symlink_to(HOUSE / "target")


def cargo(*arguments):
    environment = os.environ | {"CARGO_TARGET_DIR": str(WORK / "target"), "RUSTFLAGS": "", "CARGO_INCREMENTAL": "1"}
    return subprocess.run(["cargo", *arguments, "--message-format=json"], cwd=TREE, env=environment,
                          capture_output=True, text=True)


def does_not_compile(done):
    """The faults between whose marks the compiler complained."""
    found, elsewhere = set(), []
    for line in done.stdout.splitlines():
        message = json.loads(line).get("message")
        if not isinstance(message, dict) or message.get("level") != "error" or not message["spans"]:
            continue
        hit = set()
        for span in message["spans"]:
            if not span["is_primary"]:
                continue
            text = (TREE / span["file_name"]).read_bytes()
            for opening, ending in ((rb"/\*<(\d+)>\*/", b"/*</%s>*/"), (rb"/\*\[([\d,]+)\]\*/", b"/*[/%s]*/")):
                around = [mark for mark in re.finditer(opening, text[:span["byte_end"]])
                          if mark.start() <= span["byte_start"]
                          and text.find(ending % mark[1], mark.end()) >= span["byte_end"]]
                if around:
                    hit.update(int(number) for number in around[-1][1].split(b","))
                    break
        found |= hit
        if not hit:
            elsewhere.append(message["rendered"])
    return found, elsewhere


def build(sources):
    """Builds until only faults that compile are left; gives the test binaries and what does not compile."""
    without = set()
    while True:
        write_tree(sources, without)
        done = cargo("check", "--no-default-features", "--lib")
        found, elsewhere = does_not_compile(done)
        if done.returncode == 0:
            break
        print(f"{len(found - without)} faults do not compile, {len(elsewhere)} complaints elsewhere", flush=True)
        if not found - without:
            sys.exit("".join(elsewhere[:5]) or done.stderr[-2000:])
        without |= found
    tests = [flag for name in BINARIES if name != "lib" for flag in ("--test", name)]
    done = cargo("test", "--no-run", "--no-default-features", "--lib", *tests)
    if done.returncode:
        sys.exit("".join(does_not_compile(done)[1]) or done.stderr[-3000:])
    binaries = {}
    for line in done.stdout.splitlines():
        message = json.loads(line)
        if message.get("executable") and message.get("profile", {}).get("test"):
            name = "lib" if "lib" in message["target"]["kind"] else message["target"]["name"]
            binaries[name] = message["executable"]
    return {name: binaries[name] for name in BINARIES}, without


def tell(binary, names, fault=0, reached=None, threads=2, within=120):
    """Runs tests by name until the first that fails; its name, `None` when all passed, `too long` when they did not
    end."""
    environment = os.environ | {"READERSHIP_MUTANT": str(fault), "RUST_BACKTRACE": "0"}
    if reached:
        environment["READERSHIP_REACHED"] = str(reached)
    running = subprocess.Popen([binary, "--exact", *names, "--test-threads", str(threads)], cwd=TREE, env=environment,
                               text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True)
    alarm = threading.Timer(within, lambda: os.killpg(running.pid, signal.SIGKILL))
    alarm.start()
    failed, ended = None, False
    for line in running.stdout:
        verdict = re.match(r"test (\S+) ... FAILED", line)
        if verdict:
            failed = verdict[1]
            break
        ended |= line.startswith("test result: ok")
    if failed is None and not ended:
        failed = "too long" if not alarm.is_alive() else "it ended"
    alarm.cancel()
    try:
        os.killpg(running.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    running.wait()
    return failed


def reach(binaries, engine, workers):
    """Runs each test alone: which faults it passes by, and how long it takes."""
    tests = []
    for kind, binary in binaries.items():
        listed = subprocess.run([binary, "--list"], cwd=TREE, capture_output=True, text=True, check=True).stdout
        for name in re.findall(r"^(\S+): test$", listed, re.M):
            other = {"on_sqlite": "on_postgres", "on_postgres": "on_sqlite"}[engine]
            if other in name or TOO_LONG.search(name) or (engine == "on_postgres" and engine not in name):
                continue
            tests.append((kind, name))
    folder = WORK / "reached"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)

    def alone(numbered):
        number, (kind, name) = numbered
        started = time.monotonic()
        failed = tell(binaries[kind], [name], reached=folder / str(number))
        took = time.monotonic() - started
        notes = folder / str(number)
        passed_by = {int(line) for line in notes.read_text().split()} if notes.exists() else set()
        if failed:
            print(f"without a fault, {name}: {failed}", flush=True)
        return (kind, name), (passed_by, took, failed)

    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        told = pool.map(alone, enumerate(tests))
        return {test: (passed_by, took) for test, (passed_by, took, failed) in told if not failed}


def judge(number, fault, tests, binaries, most):
    """Who notices the fault: the tests that reach it, those that reach little else first."""
    there = [(kind, name, took, len(passed_by)) for (kind, name), (passed_by, took) in tests.items()
             if number in passed_by]
    if not there:
        return "not reached", None
    stem = pathlib.Path(fault["file"]).stem
    close = (stem, *CLOSE.get(stem, "").split())
    there.sort(key=lambda test: (test[1].split("::")[0] not in close, test[3] * (1 + test[2])))
    for kind in ("lib", "properties"):
        names = [name for its, name, _, _ in there if its == kind]
        failed = names and tell(binaries[kind], names, number)
        if failed:
            return "noticed", failed
    rest = [test for test in there if test[0] in ("stories", "known_faults")][:most]
    for wave in (rest[:2], rest[2:8], rest[8:]):
        for kind in ("stories", "known_faults"):
            names = {name: took for its, name, took, _ in wave if its == kind}
            while names:
                failed = tell(binaries[kind], list(names), number, within=60 + 3 * sum(names.values()))
                if failed is None:
                    break
                if failed not in names or tell(binaries[kind], [failed], number, within=60):
                    return "noticed", failed
                # It failed once, for another reason; the others are still to be asked.
                del names[failed]
    return "missed", f"{len(there)} tests reach it"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="files whose path begins so")
    parser.add_argument("--sample", type=int, help="so many faults, drawn by --seed")
    parser.add_argument("--seed", type=int, default=8)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--most", type=int, default=60, help="stories that one fault meets at most")
    parser.add_argument("--again", action="store_true", help="only what the last report says was not noticed")
    parser.add_argument("--minutes", type=float, default=1000, help="ends in time, with what it has")
    options = parser.parse_args()

    WORK.mkdir(parents=True, exist_ok=True)
    found = faults()
    copy_house()
    sources = {}
    for number, fault in found.items():
        sources.setdefault(fault["file"], Source(fault["file"])).add(number, fault)
    left_out = {number: why for source in sources.values() for number, why in source.left_out.items()}
    started = time.monotonic()
    binaries, broken = build(sources)
    print(f"{len(found)} faults, {len(broken)} do not compile, {len(left_out)} have no switch; "
          f"built in {time.monotonic() - started:.0f} s", flush=True)
    tests = reach(binaries, "on_sqlite", options.workers)
    print(f"{len(tests)} tests, {time.monotonic() - started:.0f} s", flush=True)
    todo = [number for number, fault in found.items()
            if number not in broken and number not in left_out and fault["file"].startswith(options.only)]
    report_file = WORK / "report.json"
    report = json.loads(report_file.read_text()) if report_file.exists() else {}
    if options.again:
        todo = [number for number in todo if report.get(found[number]["name"], ["missed"])[0] != "noticed"]
    if options.sample:
        todo = sorted(random.Random(options.seed).sample(todo, min(options.sample, len(todo))))
    engines = {"on_sqlite": tests}
    if "TEST_POSTGRES_URL" in os.environ:
        engines["on_postgres"] = None

    deadline = started + options.minutes * 60
    for engine in engines:
        if engine == "on_postgres":
            with_databases = {kind: binaries[kind] for kind in ("stories", "known_faults")}
            tests = reach(with_databases, engine, options.workers)
            todo = [number for number in todo if report.get(found[number]["name"], ["", ""])[0] != "noticed"]

        def one(number):
            if time.monotonic() > deadline:
                return number, None
            return number, judge(number, found[number], tests, binaries, options.most)

        with concurrent.futures.ThreadPoolExecutor(options.workers) as pool:
            for number, verdict in pool.map(one, todo):
                name = found[number]["name"]
                before = report.get(name, ["", ""])[0]
                if verdict and not (before == "missed" and verdict[0] == "not reached"):
                    report[name] = list(verdict)
                    report_file.write_text(json.dumps(report, indent=1))
                    if verdict[0] != "noticed":
                        print(f"{verdict[0]:12} {name} ({verdict[1]})", flush=True)

    table = collections.defaultdict(collections.Counter)
    for number, fault in found.items():
        verdict = report.get(fault["name"], ["not run"])[0]
        if number in broken or number in left_out:
            verdict = "does not compile" if number in broken else "no switch"
        table[fault["file"]][verdict] += 1
        table["all"][verdict] += 1
    share_of_all = 0
    print(f"{'file':32} {'faults':>7} {'noticed':>8} {'missed':>7} {'not run':>8} {'of those run':>13}")
    for file in [*sorted(table.keys() - {"all"}), "all"]:
        counts = table[file]
        missed = counts["missed"] + counts["not reached"]
        share = counts["noticed"] / max(1, counts["noticed"] + missed)
        share_of_all = share if file == "all" else share_of_all
        print(f"{file:32} {counts.total():7} {counts['noticed']:8} {missed:7} {counts['not run']:8} {share:12.1%}")
    return 0 if share_of_all >= 0.85 else 1


if __name__ == "__main__":
    sys.exit(main())

"""`readership serve` as a process that can be killed, stopped and started again."""

import base64
import os
import pathlib
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
SITE = "http://site.test/"
KEY = base64.b64encode(bytes(range(32))).decode()


def binary():
    """The program under test: `READERSHIP_BIN`, or what `cargo build --release` made."""
    path = pathlib.Path(os.environ.get("READERSHIP_BIN", ROOT / "target/release/readership"))
    if not path.exists():
        raise SystemExit(f"{path} is not there: run `cargo build --release --no-default-features` first")
    return str(path.resolve())


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Program:
    """One installation in a folder of its own; `with` removes it."""

    def __init__(self, mail_port=None, folder=None, database=None, before=(), **settings):
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix="readership-proof-"))
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/"
        self.database = database or f"sqlite:{self.folder}/readership.db"
        # What stands before the program on its command line, such as strace.
        self.before = list(before)
        self.passed = []
        self.process = None
        self.settings = {
            "READERSHIP_URL": self.url, "READERSHIP_SITE_URL": SITE, "READERSHIP_SITE_TITLE": "REX Wire",
            "READERSHIP_LISTEN": f"127.0.0.1:{self.port}", "READERSHIP_DATA_DIR": str(self.folder),
            "READERSHIP_SECRET_KEY": KEY, "READERSHIP_LOG": "error", "DATABASE_URL": self.database,
            "READERSHIP_STAFF_SECOND_FACTOR": "0", "READERSHIP_STAFF_PASSWORD_KIB": "64",
            "READERSHIP_STAFF_PASSWORD_PASSES": "1", "READERSHIP_HTTP_REQUESTS_PER_CONNECTION": "1000000",
        }
        for limit in ("CLIENT_PER_MINUTE", "CLIENT_PER_HOUR", "SITE_UNCONFIRMED_PER_HOUR"):
            self.settings[f"READERSHIP_LIMITS_{limit}"] = "0"
        if mail_port:
            self.settings["READERSHIP_SMTP_URL"] = f"smtp://127.0.0.1:{mail_port}"
            self.settings["READERSHIP_MAIL_FROM"] = "REX Wire <wire@rexwire.test>"
        self.settings.update({f"READERSHIP_{name}": str(value) for name, value in settings.items()})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def environment(self):
        # The path of the host is kept for what stands before the program.
        return {"PATH": os.environ["PATH"], "HOME": str(self.folder), **self.settings}

    def listens_itself(self):
        """A socket of the experiment's own, handed over to each process in turn, as systemd does."""
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(("127.0.0.1", self.port))
        self.socket.listen(1024)
        fd = self.socket.fileno()
        self.before = ["bash", "-c", f'exec 3<&{fd} {fd}<&-; LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"', "handed-over"]
        self.passed = [fd]
        return self

    def spawn(self):
        log = open(self.folder / "log", "ab")
        # A group of its own, so that strace and what it traces die together.
        self.process = subprocess.Popen(
            self.before + [binary(), "serve"], env=self.environment(), stdout=log, stderr=log,
            stdin=subprocess.DEVNULL, start_new_session=True, pass_fds=self.passed)
        return self

    def start(self, within=30):
        """Starts it and waits for its first good answer; returns the seconds that took."""
        begun = time.monotonic()
        self.spawn()
        while not self.is_ready():
            if self.process.poll() is not None:
                raise RuntimeError(f"it ended with {self.process.returncode}: {self.log()[-2000:]}")
            if time.monotonic() - begun > within:
                raise RuntimeError(f"it does not start: {self.log()[-2000:]}")
            time.sleep(0.002)
        return time.monotonic() - begun

    def is_ready(self):
        try:
            return urllib.request.urlopen(self.url + "healthz", timeout=5).status == 200
        except (OSError, urllib.error.URLError):
            return False

    def is_alive(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        """`kill -9`."""
        if self.process is not None:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.process.wait()
            self.process = None

    def stop(self, within=40):
        """SIGTERM; returns the exit code."""
        os.killpg(self.process.pid, signal.SIGTERM)
        code = self.process.wait(within)
        self.process = None
        return code

    def run(self, *arguments, within=120):
        return subprocess.run([binary(), *arguments], env=self.environment(), capture_output=True, text=True,
                              timeout=within)

    def log(self):
        return (self.folder / "log").read_text(errors="replace") if (self.folder / "log").exists() else ""

    def says(self, pattern, within=10):
        """What it writes, as soon as it does: the first group of a pattern."""
        end = time.monotonic() + within
        while time.monotonic() < end:
            found = re.search(pattern, self.log())
            if found:
                return found.group(1)
            time.sleep(0.01)
        raise RuntimeError(f"it never said {pattern}")

    def rows(self, sql, *values):
        """Reads from the SQLite file, as it is now."""
        return rows(self.folder / "readership.db", sql, *values)

    def memory(self, name="VmRSS"):
        """KiB of the program itself, whatever stands before it."""
        for line in pathlib.Path(f"/proc/{self.pid()}/status").read_text().splitlines():
            if line.startswith(name + ":"):
                return int(line.split()[1])
        return 0

    def pid(self):
        if not self.before:
            return self.process.pid
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return int(children[0])


def rows(path, sql, *values):
    conn = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
    try:
        return conn.execute(sql, values).fetchall()
    finally:
        conn.close()


def integrity(path):
    """What SQLite says of the whole file; `ok` when nothing is wrong."""
    conn = sqlite3.connect(path, timeout=10)
    try:
        return conn.execute("PRAGMA integrity_check").fetchone()[0]
    finally:
        conn.close()

"""A PostgreSQL of the experiment's own, that can be ill-treated."""

import glob
import os
import pathlib
import pwd
import shutil
import subprocess
import tempfile

from .program import free_port


class Postgres:
    def __init__(self, **options):
        found = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
        if not found:
            raise SystemExit("PostgreSQL is needed: apt-get install postgresql")
        self.bin, self.port = pathlib.Path(found[-1]), free_port()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="readership-postgres-"))
        self.options = {"fsync": "on", "synchronous_commit": "on", **options}
        # The server refuses to run as root.
        self.owner = "postgres" if os.geteuid() == 0 else None
        if self.owner:
            user = pwd.getpwnam(self.owner)
            os.chown(self.folder, user.pw_uid, user.pw_gid)
        self.run("initdb", "-D", self.folder / "data", "-U", "tester", "--auth=trust", "-E", "UTF8", "--locale=C.UTF-8")
        self.url = f"postgres://tester@127.0.0.1:{self.port}/postgres"

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, name, *arguments):
        command = [str(self.bin / name), *map(str, arguments)]
        if self.owner:
            command = ["setpriv", f"--reuid={self.owner}", f"--regid={self.owner}", "--clear-groups", *command]
        return subprocess.run(command, cwd="/", check=True, capture_output=True, text=True).stdout

    def start(self):
        options = f"-p {self.port} -h 127.0.0.1 -k '' " + " ".join(f"-c {name}={value}" for name, value in self.options.items())
        subprocess_log = self.folder / "log"
        self.run("pg_ctl", "-D", self.folder / "data", "-w", "-l", subprocess_log, "-o", options, "start")

    def stop(self, how="immediate"):
        try:
            self.run("pg_ctl", "-D", self.folder / "data", "-m", how, "-w", "stop")
        except subprocess.CalledProcessError:
            pass

    def ask(self, sql):
        """Rows, as lists of texts."""
        said = self.run("psql", self.url, "-At", "-F", "\t", "-c", sql)
        return [line.split("\t") for line in said.splitlines()]

"""The stub in the program's place."""

import pathlib
import subprocess
import sys

from .program import Program


class Careless(Program):
    def __init__(self, fault, **more):
        super().__init__(**more)
        self.fault = fault

    def spawn(self):
        stub = pathlib.Path(__file__).with_name("stub.py")
        log = open(self.folder / "log", "ab")
        self.process = subprocess.Popen(
            self.before + [sys.executable, str(stub), str(self.port), str(self.folder / "readership.db"), self.fault],
            stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
        return self

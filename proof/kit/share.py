"""A share of one core for a process, by the control groups of Linux (either version). Needs root."""

import os
import pathlib

PERIOD_US = 20_000


class Share:
    """`with Share(0.15) as share: share.take(pid)`"""

    def __init__(self, of_a_core):
        root = pathlib.Path("/sys/fs/cgroup")
        self.is_second = (root / "cgroup.controllers").exists()
        self.folder = (root if self.is_second else root / "cpu") / f"readership-proof-{os.getpid()}"
        self.quota = round(PERIOD_US * of_a_core)

    def __enter__(self):
        try:
            self.folder.mkdir()
            if self.is_second:
                (self.folder / "cpu.max").write_text(f"{self.quota} {PERIOD_US}")
            else:
                (self.folder / "cpu.cfs_period_us").write_text(str(PERIOD_US))
                (self.folder / "cpu.cfs_quota_us").write_text(str(self.quota))
        except OSError as error:
            self.__exit__()
            raise SystemExit(f"this takes root and control groups for the processor: {error}")
        return self

    def take(self, process):
        (self.folder / "cgroup.procs").write_text(str(process))

    def __exit__(self, *_):
        if self.folder.exists():
            self.folder.rmdir()

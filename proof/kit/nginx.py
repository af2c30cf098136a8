"""Debian's nginx before several nodes: each request goes to whichever chance picks."""

import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time

from .program import free_port


class Nginx:
    def __init__(self, ports):
        self.port, self.folder = free_port(), pathlib.Path(tempfile.mkdtemp(prefix="readership-nginx-"))
        user = "user root;" if os.geteuid() == 0 else ""
        servers = " ".join(f"server 127.0.0.1:{port} max_fails=0;" for port in ports)
        temporary = " ".join(f"{kind}_temp_path {self.folder}/{kind};"
                             for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        # A connection for each request to a node: one that is kept could end just when a form is sent on it, and
        # nginx may not send a form twice.
        (self.folder / "conf").write_text(f"""{user} daemon off; worker_processes 1; pid {self.folder}/pid;
            error_log {self.folder}/error.log; events {{ worker_connections 4096; }}
            http {{ access_log off; {temporary}
              upstream nodes {{ random; {servers} }}
              server {{ listen 127.0.0.1:{self.port}; location / {{
                proxy_pass http://nodes; proxy_set_header Host $http_host;
                proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; }} }} }}""")

    def __enter__(self):
        nginx = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
        if not nginx:
            raise SystemExit("nginx is needed: apt-get install nginx-light")
        self.process = subprocess.Popen([nginx, "-c", str(self.folder / "conf"), "-p", str(self.folder)],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 10
        while time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return self
            except OSError:
                time.sleep(0.02)
        raise RuntimeError((self.folder / "error.log").read_text())

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

#!/usr/bin/env python3
"""What a careless program would do, for the runs that must fail. It takes the footer's form and keeps it in
tables with the names that the experiments look for.

    stub.py PORT DATABASE FAULT

`late`: promises the mail and writes it down a moment later. `normal`: writes without waiting for the disk.
`apart`: the request and its mail in two commits. `wrong`: promises the mail though it could not be written. `oracle`: does nothing for an address it does not know. `twice`: takes a token that was used a moment ago."""

import http.server
import sqlite3
import sys
import threading
import time
import urllib.parse

PORT, DATABASE, FAULT = int(sys.argv[1]), sys.argv[2], sys.argv[3]

conn = sqlite3.connect(DATABASE, isolation_level=None, check_same_thread=False)
conn.execute("PRAGMA journal_mode = WAL")
conn.execute("PRAGMA synchronous = " + ("NORMAL" if FAULT == "normal" else "FULL"))
conn.execute("CREATE TABLE IF NOT EXISTS magic_links (email TEXT)")
conn.execute("CREATE TABLE IF NOT EXISTS outbox (recipient TEXT)")
conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
lock, used = threading.Lock(), set()


def keep(address):
    with lock:
        if FAULT == "apart":
            conn.execute("INSERT INTO magic_links VALUES (?)", (address,))
            time.sleep(0.002)
            conn.execute("INSERT INTO outbox VALUES (?)", (address,))
            return
        conn.execute("BEGIN IMMEDIATE")
        conn.execute("INSERT INTO magic_links VALUES (?)", (address,))
        conn.execute("INSERT INTO outbox VALUES (?)", (address,))
        conn.execute("COMMIT")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, *headers):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("content-length", "0")
        self.end_headers()

    def do_GET(self):
        self.answer(200)

    def redeem(self, token):
        """Looks whether a token was used, and notes it a moment later."""
        if token in used:
            return self.answer(410)
        time.sleep(0.002)
        used.add(token)
        self.answer(303, ("location", "/"), ("set-cookie", "session=1"))

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        fields = urllib.parse.parse_qs(body)
        if "token" in fields:
            return self.redeem(fields["token"][0])
        address = fields["email"][0]
        if FAULT == "oracle" and address.startswith("unknown"):
            pass
        elif FAULT == "late":
            threading.Timer(0.02, keep, [address]).start()
        elif FAULT == "wrong":
            try:
                keep(address)
            except sqlite3.Error:
                pass
        else:
            keep(address)
        self.answer(303, ("location", "http://site.test/#members-pending"))


http.server.ThreadingHTTPServer.request_queue_size = 128
http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Handler).serve_forever()

"""A mail server on loopback that keeps what it takes and does to each recipient what it was told."""

import email
import re
import socket
import threading
import time


class Sink:
    """`fate(recipient, count)` says what becomes of the `count`th try at a recipient: `take`, `later`
    (450), `never` (550), `later-data` (451 after the dot), `hang`, `drop` (before the answer to DATA),
    `drop-after` (after the dot was taken), `rubbish`, `flood`."""

    def __init__(self, fate=None, hang=2.0):
        self.fate = fate or (lambda recipient, count: "take")
        self.hang = hang
        self.lock = threading.Lock()
        self.taken = []
        self.tries = {}
        self.is_down = False
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(512)
        self.port = self.listener.getsockname()[1]
        self.ends = False
        threading.Thread(target=self.serve, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ends = True
        self.listener.close()

    def serve(self):
        while not self.ends:
            try:
                conn, _ = self.listener.accept()
            except OSError:
                return
            if self.is_down:
                conn.close()
                continue
            conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.talk, args=(conn,), daemon=True).start()

    def talk(self, conn):
        try:
            with conn:
                self.converse(conn)
        except OSError:
            pass

    def converse(self, conn):
        lines = conn.makefile("rb")
        say = lambda text: conn.sendall(text.encode() + b"\r\n")
        say("220 sink.test ESMTP")
        recipient, fate = None, "take"
        while line := lines.readline():
            word = line[:4].upper()
            if self.is_down:
                return
            if word in (b"EHLO", b"HELO"):
                say("250 sink.test")
            elif word == b"RCPT":
                recipient = re.search(rb"<(.*?)>", line).group(1).decode().lower()
                with self.lock:
                    self.tries[recipient] = self.tries.get(recipient, 0) + 1
                    count = self.tries[recipient]
                fate = self.fate(recipient, count)
                if fate == "later":
                    say("450 4.2.1 not now")
                elif fate == "never":
                    say("550 5.1.1 no such user")
                elif fate == "hang":
                    time.sleep(self.hang)
                    return
                elif fate == "rubbish":
                    conn.sendall(b"\x00\xff\xfe garbage\r\n\r\n999\r\n")
                    return
                elif fate == "flood":
                    for _ in range(2_000):
                        conn.sendall(b"250-" + b"x" * 70 + b"\r\n")
                    return
                else:
                    say("250 ok")
            elif word == b"DATA":
                if fate == "drop":
                    return
                say("354 go on")
                body = bytearray()
                while (line := lines.readline()) not in (b".\r\n", b""):
                    body += line[1:] if line.startswith(b"..") else line
                if line == b"":
                    return
                if fate == "later-data":
                    say("451 4.3.0 try again")
                    continue
                with self.lock:
                    self.taken.append((recipient, bytes(body)))
                if fate == "drop-after":
                    return
                say("250 2.0.0 taken")
            elif word == b"QUIT":
                say("221 bye")
                return
            else:
                say("250 ok")

    def mails(self, recipient=None):
        with self.lock:
            found = list(self.taken)
        return [email.message_from_bytes(body) for to, body in found if recipient in (None, to)]

    def count(self, recipient):
        with self.lock:
            return sum(1 for to, _ in self.taken if to == recipient)

    def counts(self):
        with self.lock:
            counts = {}
            for to, _ in self.taken:
                counts[to] = counts.get(to, 0) + 1
            return counts

    def wait(self, recipient, count=1, within=20):
        """The `count`th mail to somebody, as text; `None` when it does not come."""
        end = time.monotonic() + within
        while time.monotonic() < end:
            mails = self.mails(recipient)
            if len(mails) >= count:
                return text_of(mails[count - 1])
            time.sleep(0.02)
        return None


def text_of(mail):
    for part in mail.walk():
        if part.get_content_type() == "text/plain":
            return part.get_payload(decode=True).decode("utf-8", "replace")
    return ""


def link_of(text):
    """The first link of a mail with a token."""
    found = re.search(r"https?://\S*token=\S+", text or "")
    return found.group(0) if found else None


def code_of(text):
    found = re.search(r"(?<!\d)(\d{6})(?!\d)", text or "")
    return found.group(1) if found else None

"""Asking as browsers and widgets do, over connections that are kept."""

import http.client
import threading
import urllib.parse

from .program import SITE

FORM = "application/x-www-form-urlencoded"


class Answer:
    def __init__(self, answer):
        self.status = answer.status
        self.headers = answer.headers
        self.body = answer.read().decode("utf-8", "replace")
        self.location = answer.headers.get("location", "")

    def cookies(self):
        return "; ".join(line.split(";")[0] for line in self.headers.get_all("set-cookie") or [])


class Client:
    """One connection to a program; opened anew when it is gone. `source`: from which loopback address."""

    def __init__(self, port, source=None, timeout=30):
        self.port, self.source, self.timeout = port, source, timeout
        self.conn = None
        self.cookie = ""

    def ask(self, method, path, body=None, **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.cookie:
            headers.setdefault("cookie", self.cookie)
        for is_last in (False, True):
            fresh = self.conn is None
            if fresh:
                source = (self.source, 0) if self.source else None
                self.conn = http.client.HTTPConnection("127.0.0.1", self.port, self.timeout, source_address=source)
            try:
                self.conn.request(method, path, body, headers)
                return Answer(self.conn.getresponse())
            except (http.client.HTTPException, OSError):
                self.close()
                # A kept connection may have ended before the request; a fresh one tells the truth.
                if fresh or is_last:
                    raise

    def close(self):
        if self.conn is not None:
            self.conn.close()
            self.conn = None

    def get(self, path, **headers):
        return self.ask("GET", path, **headers)

    def form(self, path, origin=SITE, **fields):
        headers = {"content_type": FORM, "origin": origin.rstrip("/")}
        return self.ask("POST", path, urllib.parse.urlencode(fields), **headers)

    def subscribe(self, address):
        """Sends the form of the site's footer; true when a mail was promised."""
        answer = self.form("/members/subscribe/", email=address)
        return answer.status == 303 and "members-pending" in answer.location

    def own(self, path, **fields):
        """Sends a form of one of the program's own pages."""
        return self.form(path, origin=f"http://127.0.0.1:{self.port}/", **fields)

    def redeem(self, link):
        """Presses the button of a link's page; true when it signed in, and the cookie is kept."""
        token = urllib.parse.parse_qs(urllib.parse.urlparse(link).query)["token"][0]
        answer = self.own("/members/", token=token)
        if answer.status == 303 and answer.headers.get("set-cookie"):
            self.cookie = answer.cookies()
            return True
        return False


def together(count, work):
    """Runs `work(number)` in so many threads that begin at once; returns what each returned."""
    barrier, results = threading.Barrier(count), [None] * count

    def run(number):
        barrier.wait()
        try:
            results[number] = work(number)
        except (OSError, http.client.HTTPException) as error:
            results[number] = error

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results

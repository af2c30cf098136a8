"""Verifies mails with dkimpy: reads a JSON object with the record and the mails (base64), and prints for
each whether its signature holds."""

import base64
import json
import sys

import dkim

asked = json.load(sys.stdin)
records = {name.rstrip(".") + ".": text.encode() for name, text in asked["records"].items()}


def look_up(name, timeout=5):
    name = name.decode() if isinstance(name, bytes) else name
    return records.get(name.rstrip(".") + ".")


json.dump([dkim.verify(base64.b64decode(mail), dnsfunc=look_up) for mail in asked["mails"]], sys.stdout)

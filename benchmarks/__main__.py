"""Run every benchmark with its defaults; the machine should do nothing else meanwhile."""

import subprocess
import sys

PROGRAMS = (
    "smtp_delivery",
    "pop3_download",
    "imap_commands",
    "imap_idle",
    "log_ins",
    "syncs",
    "ledger",
    "memory",
    "relay",
    "queue_delivery",
)

for program in PROGRAMS:
    subprocess.run([sys.executable, "-m", f"benchmarks.{program}"], check=True)

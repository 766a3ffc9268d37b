"""The ``mailsvc`` command: everything that an administrator does beside editing the configuration.

Exit codes: 0 done; 1 refused or something is wrong; 2 the command line is wrong; 75 the store cannot answer now, try again; 78 the
configuration is wrong (the last two as in sysexits.h). Results go to standard output, everything else to standard error. Tables are
drawn on a terminal; into a pipe they are lines with tabs, and with ``--json`` JSON.
"""

from mailsvc.cli.main import main

__all__ = ["main"]

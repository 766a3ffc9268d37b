"""Programs that measure mailsvc beside Postfix and Dovecot on the same machine in the same run.

:mod:`benchmarks.servers` says what a server under measurement can be asked; :mod:`benchmarks.peers` starts private Postfix and Dovecot
processes, :mod:`benchmarks.ours` starts mailsvc; :mod:`benchmarks.load` makes the load with Postfix's ``smtp-source`` and reads mailboxes
by POP3; :mod:`benchmarks.report` writes tables with medians and ratios into ``results/``. ``python -m benchmarks`` runs all of them.
"""

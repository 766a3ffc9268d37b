"""``python -m mailsvc.cli``."""

from mailsvc.cli import main

main()

# The mail service from a few lines of Python:  twistd -ny mailsvc.tac
#
# Use this instead of `twistd mailsvc -c FILE` where Python has to say something that a configuration file cannot: here, a source of
# passwords that is an object of your own. Whom it vouches for must be an account of ours (mailsvc user add).

import os

from twisted.application.service import Application
from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse

import mailsvc
from mailsvc.app.config import load

# The configuration file beside this one, or the one that the environment names.
here = os.path.dirname(os.path.abspath(__file__))
config = load(os.environ.get("MAILSVC_CONFIG", os.path.join(here, "mailsvc.toml")))

# Any ICredentialsChecker for names and passwords. It is asked after the sources of the configuration, in this process: workers = 1.
checker = InMemoryUsernamePasswordDatabaseDontUse(**{"guest@example.test": b"change this"})

application = Application("mailsvc")
mailsvc.makeService(config, checkers=[checker]).setServiceParent(application)

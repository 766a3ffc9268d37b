"""Nothing secret is in any log, at debug level in every protocol, by whatever mechanism, right or wrong."""

import hashlib
import hmac
import re
import socket
from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from mailsvc.testing.harness import PATIENCE, free_ports, wait_for
from tests.interop.login_servers import LoginServer, make_login_server
from tests.interop.logins import TOKENS, python
from tests.interop.programs import Line, Login
from tests.logins.test_clients import scram

WRONG = "planted-wrong-password"
NEW = "a-planted-new-secret-1"
ALICE = "alice@example.test"
PORTS = {"smtp": "submission", "pop3": "pop3", "imap": "imap"}
MECHANISMS = {
    "smtp": ("PLAIN", "LOGIN", "CRAM-MD5", *TOKENS),
    "pop3": ("USER", "APOP"),
    "imap": ("LOGIN", "PLAIN", "CRAM-MD5", *TOKENS),
}


def test_no_secrets(tmp_path: Path) -> None:
    """Passwords, tokens, digests and proofs are in no line of the log, neither as they are nor in base64."""
    (port,) = free_ports(1)
    house = make_login_server(
        tmp_path / "server",
        workers=2,
        log='debug = ["submission", "pop3", "imap", "poppassd"]\n'
        f'[[listener]]\nprotocol = "poppassd"\naddress = "127.0.0.1"\nport = {port}\ntls = "none"',
    )
    server = house.server
    try:
        planted = [house.device, WRONG, NEW, *server.accounts.values(), house.token(), false := forged(house)]
        for protocol, mechanisms in MECHANISMS.items():
            line = Line(server.ports[PORTS[protocol]], "none", server.certificate)
            for mechanism in mechanisms:
                for right in (True, False):
                    secret = (
                        (planted[-2] if right else false) if mechanism in TOKENS else house.device if right else WRONG
                    )
                    assert python(protocol, line, mechanism, Login(ALICE, secret), tmp_path).done == right, mechanism
        for name, pop in (("submissions", False), ("pop3s", True)):
            assert scram(server.ports[name], pop, "SCRAM-SHA-256-PLUS", house.device)[:1] in (b"2", b"+")
            scram(server.ports[name], pop, "SCRAM-SHA-1", WRONG)
        change_password(port, server.accounts[ALICE])
        wait_for(lambda: "changed the password" in server.log, "the log tells of the change")
        server.stop()
        log = server.log
    finally:
        server.destroy()
    assert log.count(" debug ") > 100  # the dialogues are there
    assert [secret for secret in forms(planted) if secret in log] == []
    made = list(digests(log, house.device))
    assert len(made) > 8
    assert [digest for digest in made if digest in log] == []
    assert re.findall(r"C: .*(?:Yz1|Y2|cD0)[A-Za-z0-9+/]{60,}", log) == []  # c=... of SCRAM, with its proof
    assert "Traceback" not in log


def forged(house: LoginServer) -> str:
    """A token that another provider has signed."""
    return house.token(provider=ec.generate_private_key(ec.SECP256R1()))


def change_password(port: int, old: str) -> None:
    """By poppassd, after a wrong one."""
    for password in (WRONG, old):
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as line, line.makefile("rwb") as file:
            for words in ("", f"user {ALICE}", f"pass {password}", f"newpass {NEW}", "quit"):
                if words:
                    file.write(words.encode() + b"\r\n")
                    file.flush()
                said = file.readline()
                if said.startswith(b"500"):
                    break
            assert said.startswith(b"200") == (password == old), said


def forms(secrets: list[str]) -> Iterator[str]:
    """Secrets as they are, and in base64 at each of the three places where they can stand in it."""
    for secret in secrets:
        yield secret
        for place in range(3):
            yield b64encode(b"." * place + secret.encode()).decode()[4:-4]


def digests(log: str, password: str) -> Iterator[str]:
    """What APOP and CRAM-MD5 answered to the challenges that stand in the log."""
    for stamp in re.findall(r"ready (<\S+>)", log):
        yield hashlib.md5((stamp + password).encode()).hexdigest()
    for challenge in re.findall(r"S: (?:334|\+) (PD\S+)", log):
        digest = hmac.digest(password.encode(), b64decode(challenge), "md5").hex()
        yield digest
        yield b64encode(f"{ALICE} {digest}".encode()).decode()

"""Plays PID 1 to `serve`: hands it open sockets and the pipe, and checks what comes back.

usage: board.py BINARY FOLDER
"""

import json
import os
import signal
import socket
import subprocess
import sys

NAMES = ["smtp", "submission", "submissions", "imap", "imaps", "pop3", "pop3s", "http", "https"]
OUT_OF_THE_WAY = 100

binary, folder = sys.argv[1:]


def door():
    opened = socket.socket(socket.AF_INET6)
    opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    opened.bind(("::", 0))
    opened.listen(16)
    return opened


doors = [door() for _ in NAMES]
ports = {name: opened.getsockname()[1] for name, opened in zip(NAMES, doors)}
ours, theirs = socket.socketpair()
given = [opened.detach() for opened in doors] + [theirs.detach()]
pipe = socket.socket(fileno=os.dup2(ours.detach(), OUT_OF_THE_WAY + len(given)))
high = [os.dup2(fd, OUT_OF_THE_WAY + n) for n, fd in enumerate(given)]
placed = [os.dup2(fd, 3 + n) for n, fd in enumerate(high)]
for fd in high:
    os.close(fd)
serve = subprocess.Popen(
    [binary, "serve", "--data", folder],
    env=dict(
        os.environ,
        LISTEN_FDS=str(len(NAMES)),
        LISTEN_FDNAMES=":".join(NAMES),
        PILLARBOX_BOARD_FD=str(placed[-1]),
    ),
    pass_fds=placed,
    stdout=subprocess.DEVNULL,
)
for fd in placed:
    os.close(fd)
pipe.settimeout(20)
lines = pipe.makefile("r")


def hear(wanted):
    for line in lines:
        message = json.loads(line)
        if wanted(message):
            return message
    raise SystemExit("serve closed the pipe")


try:
    claim = hear(lambda m: isinstance(m, dict) and "Claim" in m.get("Screen", {}))["Screen"]["Claim"]
    assert len(claim["code"]) == 9 and len(claim["fingerprint"]) == 19, claim
    hear(lambda m: m == "Alive")
    with socket.create_connection(("127.0.0.1", ports["smtp"])) as client:
        assert client.recv(100).startswith(b"220 ")
    told = {"Link": {"up": True, "addresses": ["192.0.2.77"]}}
    pipe.sendall(json.dumps(told).encode() + b"\n{\"Unheard\": 1}\nrubbish\n")
    hear(
        lambda m: isinstance(m, dict)
        and m.get("Screen", {}).get("Claim", {}).get("address", "").startswith("192.0.2.77")
    )
    hear(lambda m: m == "Alive")
    serve.send_signal(signal.SIGTERM)
    assert serve.wait(20) == 0, serve.returncode
finally:
    serve.kill()

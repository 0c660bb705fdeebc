"""Plays PID 1 to `serve`: hands it open sockets and the pipe, and checks what comes back.

usage: board.py BINARY FOLDER
"""

import json
import os
import signal
import socket
import subprocess
import sys
from datetime import datetime, timezone

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
    ["setpriv", "--pdeathsig", "KILL", "--", binary, "serve", "--data", folder],
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


def tell(event):
    pipe.sendall(json.dumps(event).encode() + b"\n")


def an_admin_tells_the_time():
    tell({"Clock": {"known": False}})
    now = datetime.now(timezone.utc).replace(microsecond=0)
    command = [binary, "clock", now.strftime("%Y-%m-%d %H:%M:%S"), "--data", folder]
    admin = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    wish = hear(lambda m: isinstance(m, dict) and "SetClock" in m)
    assert wish == {"SetClock": {"at": int(now.timestamp())}}, wish
    assert admin.poll() is None, "nobody has set the clock yet"
    tell({"Clock": {"known": True}})
    said, _ = admin.communicate(timeout=20)
    assert admin.returncode == 0 and "known=true" in said, said


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
    tell({"Link": {"up": True, "addresses": ["192.0.2.77"]}})
    pipe.sendall(b"{\"Unheard\": 1}\nrubbish\n")
    hear(
        lambda m: isinstance(m, dict)
        and m.get("Screen", {}).get("Claim", {}).get("address", "").startswith("192.0.2.77")
    )
    hear(lambda m: m == "Alive")
    an_admin_tells_the_time()
    serve.send_signal(signal.SIGTERM)
    assert serve.wait(20) == 0, serve.returncode
finally:
    serve.kill()

"""A LAN of two network namespaces for `pillarbox link`: a DHCP server here, the box over there.

Usage: unshare --net --mount python3 lan.py PILLARBOX
Offers no time server and has no way out, so the clock of this machine stays as it is.
"""

import os
import socket
import struct
import subprocess
import sys
import threading
import time

ROUTER, BOX = "10.9.0.1", "10.9.0.77"
LEASE = 6  # seconds; renewed after half of it
BOUND = ["setpriv", "--pdeathsig", "KILL", "--"]  # ends with this script, however that ends
SO_BINDTODEVICE = 25
DISCOVER, OFFER, REQUEST, ACK = 1, 2, 3, 5


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def until(what, seconds, true):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if true():
            return
        time.sleep(0.1)
    sys.exit(f"waited {seconds} s in vain: {what}")


class Dhcp(threading.Thread):
    """RFC 2131, as much as a router in an office does."""

    def __init__(self, device):
        super().__init__(daemon=True)
        self.answers = True
        self.renewals = 0
        self.names = set()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_BINDTODEVICE, device.encode() + b"\0")
        self.socket.bind(("", 67))

    def run(self):
        while True:
            packet, peer = self.socket.recvfrom(2000)
            options = self.options(packet[240:])
            kind = options[53][0]
            self.names.add(options.get(12, b"").decode())
            if not self.answers or kind not in (DISCOVER, REQUEST):
                continue
            if peer[0] == BOX:
                self.renewals += 1
            router = socket.inet_aton(ROUTER)
            reply = bytearray(packet[:240])
            reply[0] = 2
            reply[16:20] = socket.inet_aton(BOX)
            reply[20:24] = router
            for code, value in (
                (53, bytes([OFFER if kind == DISCOVER else ACK])),
                (54, router),
                (51, struct.pack(">I", LEASE)),
                (1, socket.inet_aton("255.255.255.0")),
                (3, router),
                (6, router),
            ):
                reply += bytes([code, len(value)]) + value
            to = peer if peer[0] == BOX else ("255.255.255.255", 68)
            self.socket.sendto(bytes(reply) + b"\xff", to)

    @staticmethod
    def options(octets):
        found, at = {}, 0
        while at < len(octets) and octets[at] != 255:
            if octets[at] == 0:
                at += 1
                continue
            length = octets[at + 1]
            found[octets[at]] = octets[at + 2 : at + 2 + length]
            at += 2 + length
        return found


def answers_by_name(name):
    """RFC 6762: the address that is claimed for the name."""
    labels = b"".join(bytes([len(l)]) + l.encode() for l in name.split("."))
    question = struct.pack(">6H", 0, 0, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">2H", 1, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(ROUTER))
        asking.settimeout(1)
        asking.sendto(question, ("224.0.0.251", 5353))
        try:
            return socket.inet_aton(BOX) in asking.recv(1500)
        except TimeoutError:
            return False


def main(pillarbox):
    run("mount", "-t", "tmpfs", "tmpfs", "/run")
    os.mkdir("/run/link")
    room = subprocess.Popen([*BOUND, "unshare", "--net", "sleep", "120"])
    inside = ["nsenter", f"--net=/proc/{room.pid}/ns/net"]
    until("a namespace", 5, lambda: os.readlink(f"/proc/{room.pid}/ns/net") != os.readlink("/proc/self/ns/net"))
    run("ip", "link", "add", "plug", "type", "veth", "peer", "name", "eth0")
    run("ip", "link", "set", "eth0", "netns", str(room.pid))
    run("ip", "addr", "add", f"{ROUTER}/24", "dev", "plug")
    run("ip", "link", "set", "plug", "up")
    dhcp = Dhcp("plug")
    dhcp.start()
    # sysfs shows the devices of the namespace it was mounted in.
    script = 'mount -t sysfs sysfs /sys && exec "$0" link'
    link = subprocess.Popen(
        [*BOUND, *inside, "unshare", "--mount", "sh", "-c", script, pillarbox], stderr=subprocess.PIPE, text=True
    )
    has_address = lambda: f" {BOX}/24 " in run(*inside, "ip", "-4", "addr", "show", "eth0")
    try:
        until("an address", 15, has_address)
        until("the way out", 5, lambda: f"default via {ROUTER}" in run(*inside, "ip", "route"))
        until("the name server", 5, lambda: open("/run/link/resolv.conf").read() == f"nameserver {ROUTER}\n")
        assert dhcp.names == {"pillarbox"}, dhcp.names
        until("pillarbox.local", 15, lambda: answers_by_name("pillarbox.local"))
        until("two renewals", 3 * LEASE, lambda: dhcp.renewals >= 2)
        run("ip", "link", "set", "plug", "down")
        until("the address to go with the cable", 8, lambda: not has_address())
        run("ip", "link", "set", "plug", "up")
        until("the address to come back", 15, has_address)
        dhcp.answers = False
        until("the address to end with its lease", 3 * LEASE, lambda: not has_address())
        dhcp.answers = True
        until("a new lease", 40, has_address)
    finally:
        link.kill()
        room.kill()
        print(link.communicate()[1], file=sys.stderr)


main(sys.argv[1])

"""Logs in with SCRAM-SHA-256 by Python's imaplib, smtplib and poplib, each over STARTTLS.

usage: scram.py IMAP_PORT SUBMISSION_PORT POP3_PORT USER PASSWORD
Prints one word a protocol: "in", or "refused".
"""
import base64
import hashlib
import hmac
import imaplib
import os
import poplib
import smtplib
import ssl
import sys

imap_port, submission_port, pop3_port = (int(port) for port in sys.argv[1:4])
user, password = sys.argv[4], sys.argv[5]
context = ssl.create_default_context()
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE


class Scram:
    """RFC 5802 section 3, the client's side; raises when the server does not prove itself."""

    def __init__(self):
        self.round = 0

    def mac(self, key, message):
        return hmac.new(key, message, hashlib.sha256).digest()

    def __call__(self, challenge):
        self.round += 1
        if self.round == 1:
            nonce = base64.b64encode(os.urandom(18)).decode()
            self.bare = f"n={user},r={nonce}"
            return f"n,,{self.bare}"
        fields = dict(field.split("=", 1) for field in challenge.decode().split(","))
        if self.round == 2:
            salted = hashlib.pbkdf2_hmac(
                "sha256", password.encode(), base64.b64decode(fields["s"]), int(fields["i"])
            )
            unproven = f"c=biws,r={fields['r']}"
            message = f"{self.bare},{challenge.decode()},{unproven}".encode()
            key = self.mac(salted, b"Client Key")
            signature = self.mac(hashlib.sha256(key).digest(), message)
            proof = base64.b64encode(bytes(a ^ b for a, b in zip(key, signature))).decode()
            self.expected = self.mac(self.mac(salted, b"Server Key"), message)
            return f"{unproven},p={proof}"
        assert base64.b64decode(fields["v"]) == self.expected, "the server does not know the password"
        return ""


def imap():
    box = imaplib.IMAP4("127.0.0.1", imap_port)
    box.starttls(context)
    assert "AUTH=SCRAM-SHA-256" in box.capabilities, box.capabilities
    box.authenticate("SCRAM-SHA-256", Scram())
    assert box.select("INBOX")[0] == "OK"
    box.logout()


def smtp():
    post = smtplib.SMTP("127.0.0.1", submission_port)
    post.starttls(context=context)
    post.ehlo()
    assert "SCRAM-SHA-256" in post.esmtp_features["auth"].split()
    scram = Scram()
    code, line = post.docmd("AUTH", "SCRAM-SHA-256 " + base64.b64encode(scram(b"").encode()).decode())
    while code == 334:
        code, line = post.docmd(base64.b64encode(scram(base64.b64decode(line)).encode()).decode())
    if code != 235:
        raise smtplib.SMTPAuthenticationError(code, line)
    assert post.docmd("MAIL", f"FROM:<{user}>")[0] == 250
    post.quit()


def pop3():
    box = poplib.POP3("127.0.0.1", pop3_port)
    box.stls(context)
    assert "SCRAM-SHA-256" in box.capa()["SASL"]
    scram = Scram()
    line = box._shortcmd("AUTH SCRAM-SHA-256 " + base64.b64encode(scram(b"").encode()).decode())
    while line.startswith(b"+ "):
        line = box._shortcmd(base64.b64encode(scram(base64.b64decode(line[2:])).encode()).decode())
    box.stat()
    box.quit()


for login in imap, smtp, pop3:
    try:
        login()
        print("in")
    except (imaplib.IMAP4.error, smtplib.SMTPAuthenticationError, poplib.error_proto):
        print("refused")

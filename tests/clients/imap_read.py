"""Reads the newest message of INBOX with Python's imaplib and writes it to standard output.

usage: imap_read.py PORT USER PASSWORD [starttls]
"""
import imaplib
import ssl
import sys

port, user, password = int(sys.argv[1]), sys.argv[2], sys.argv[3]
context = ssl.create_default_context()
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
if sys.argv[4:] == ["starttls"]:
    box = imaplib.IMAP4("127.0.0.1", port)
    box.starttls(context)
else:
    box = imaplib.IMAP4_SSL("127.0.0.1", port, ssl_context=context)
box.login(user, password)
_, (count,) = box.select("INBOX", readonly=True)
status, data = box.fetch(count.decode(), "(BODY.PEEK[])")
assert status == "OK", status
sys.stdout.buffer.write(data[0][1])
box.close()
box.logout()

"""Reads the newest message with Python's poplib over STLS and writes it to standard output.

usage: pop_read.py PORT USER PASSWORD
"""
import poplib
import ssl
import sys

port, user, password = int(sys.argv[1]), sys.argv[2], sys.argv[3]
context = ssl.create_default_context()
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
poplib._MAXLINE = 100_000
box = poplib.POP3("127.0.0.1", port)
box.stls(context)
box.user(user)
box.pass_(password)
count, _ = box.stat()
_, lines, _ = box.retr(count)
sys.stdout.buffer.write(b"".join(line + b"\r\n" for line in lines))
box.quit()

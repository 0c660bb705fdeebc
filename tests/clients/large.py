"""A mail program sends an attachment of 50 MB and keeps its own copy: Python's email, smtplib, imaplib.

Arguments: port of submissions, port of imaps, sender, password, file to attach, where to leave the message
as it was sent, recipients...
Prints a line for each thing that holds; ends with an error at the first that does not."""

import hashlib
import imaplib
import smtplib
import ssl
import sys
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import make_msgid

smtp_port, imap_port, sender, password, path, copy, *recipients = sys.argv[1:]
NAME = "Pläne für 東京.mp4"
tls = ssl._create_unverified_context()


def made():
    message = EmailMessage(policy=SMTP)
    message["From"] = f"Anna Müller <{sender}>"
    message["To"] = ", ".join(recipients)
    message["Subject"] = "Pläne"
    message["Message-ID"] = make_msgid(domain="firm.example")
    message.set_content("Hallo,\n\nanbei die Pläne.\n\nGrüße\nAnna\n")
    picture = make_msgid(domain="firm.example")
    message.add_alternative(
        f'<html><body><p>Hallo,</p><p>anbei die Pläne.</p><img src="cid:{picture[1:-1]}"></body></html>',
        subtype="html",
    )
    html = message.get_payload()[1]
    html.add_related(b"\x89PNG" + bytes(200), "image", "png", cid=picture, disposition="inline")
    with open(path, "rb") as file:
        message.add_attachment(file.read(), "video", "mp4", filename=NAME)
    return message.as_bytes()


message = made()
with open(copy, "wb") as file:
    file.write(message)
assert len(message) > 50_000_000, len(message)
with smtplib.SMTP_SSL("127.0.0.1", int(smtp_port), context=tls, timeout=120) as smtp:
    smtp.login(sender, password)
    assert int(smtp.esmtp_features["size"]) > len(message)
    assert smtp.sendmail(sender, recipients, message) == {}
print("sent")

with imaplib.IMAP4_SSL("127.0.0.1", int(imap_port), ssl_context=tls, timeout=120) as imap:
    imap.login(sender, password)
    done, answer = imap.append("Sent", "\\Seen", None, message)
    assert done == "OK", answer
    imap.select("Sent", readonly=True)
    _, fetched = imap.fetch("*", "(BODY.PEEK[])")
    kept = fetched[0][1]
assert hashlib.sha256(kept).digest() == hashlib.sha256(message).digest(), "the copy in Sent is another"
print("kept whole in Sent")

"""An admin at a small phone without JavaScript: looks at mail that waits, holds, releases and deletes it,
sets the way out and names. Nothing may hang over the screen.

usage: sending.py BASE_URL ADMIN PASSWORD RECIPIENT PICTURES
"""
import os
import sys

from browser import Browser

base, admin, password, recipient, pictures = sys.argv[1:6]
os.makedirs(pictures, exist_ok=True)
domain = recipient.split("@")[1]


def look(browser, picture):
    browser.whole_picture(f"{pictures}/{picture}-phone.png")
    assert browser.overhang() <= 0, f"{picture} is {browser.overhang()} px wider than a phone"


def walk_outgoing(browser):
    browser.open(f"{base}/outgoing")
    browser.wait_for_text("Left alone until")
    look(browser, "outgoing")
    browser.open_link(recipient)
    browser.wait_for_text("What is to be done")
    look(browser, "queued")
    browser.click("[name=scope][value=domain]")
    browser.click("[name=order][value=hold]")
    browser.wait_for_text("Recipients whose mail is held from now on: 1.")
    assert admin in browser.text("td"), browser.text()
    look(browser, "held-domain")
    browser.click("form[action='/outgoing/hold'] input[name=release] + button")
    browser.wait_for_text("Recipients whose mail is let go: 1.")
    browser.type("#hold-domain", "firm.example")
    browser.click("form[action='/outgoing/hold#held'] button")
    browser.wait_for_text("Mail for that domain does not leave this box.")
    browser.type("#hold-domain", domain)
    browser.click("form[action='/outgoing/hold#held'] button")
    browser.wait_for_text("what comes later too")
    browser.type("#domains", ".partner-with-a-long-name.example")
    browser.type("#host", "relay.provider-with-a-long-name.example")
    browser.click("form[action='/outgoing/through'] button")
    browser.wait_for_text("relay.provider-with-a-long-name.example, port 587")
    look(browser, "way-out")
    browser.open_link(recipient)
    browser.wait_for_text("What is to be done")
    browser.click("[name=order][value=delete]")
    browser.wait_for_text("Delete it?")
    look(browser, "delete-queued")
    browser.click("form button.stop")
    browser.wait_for_text("Recipients whose mail is deleted: 1.")
    browser.wait_for_text("Nothing waits.")


def walk_names(browser):
    browser.open(f"{base}/names")
    browser.type("#domain", "m\u00fcnchen.example")
    browser.click("form[action='/names/domain/add'] button")
    browser.wait_for_text("In the DNS: xn--mnchen-3ya.example")
    for address, targets, words in [
        ("everybody-in-the-office", f"{admin}, ben@firm.example", "The alias is set."),
        ("info@m\u00fcnchen.example", "everybody-in-the-office", "info@m\u00fcnchen.example"),
        ("everybody-in-the-office", "info@m\u00fcnchen.example", "would lead back to itself"),
        ("ben", admin, "There is an account with this address."),
        ("friend", "friend@elsewhere.example", "is outside of this box"),
    ]:
        browser.type("#address", address)
        browser.type("#targets", targets)
        browser.click("#alias button")
        browser.wait_for_text(words)
    look(browser, "names")


with Browser(javascript=False) as browser:
    browser.narrow()
    browser.open(f"{base}/login")
    browser.type("[name=name]", admin)
    browser.type("[name=password]", password)
    browser.click("form[action='/login'] button")
    browser.wait_for_text("Waiting to leave")
    walk_outgoing(browser)
    walk_names(browser)

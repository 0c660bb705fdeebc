"""Walks through the pages of links to attachments: the recipient's, the sender's, the admin's.

usage: links.py BASE_URL LINK FILE_NAME SHA256 SENDER PASSWORD PICTURES
"""
import hashlib
import os
import sys
import urllib.parse

from browser import Browser

base, link, name, sha256, sender, password, pictures = sys.argv[1:8]
os.makedirs(pictures, exist_ok=True)
door = urllib.parse.urlsplit(link)


def look(browser, picture):
    """Takes pictures of a page on a desk and in a hand, where nothing may hang over."""
    browser.whole_picture(f"{pictures}/{picture}.png")
    browser.narrow()
    browser.whole_picture(f"{pictures}/{picture}-phone.png")
    assert browser.overhang() <= 0, f"{picture} is {browser.overhang()} px wider than a phone"
    browser.wide()


def is_plain(browser):
    assert not browser.has("script"), "a script on a page for strangers"


def sees(browser, words):
    """The recipient opens the link anew."""
    browser.open(link)
    browser.wait_for_text(words, 10)
    is_plain(browser)


def sign_in(browser, who):
    browser.open(f"{base}/login")
    browser.type("[name=name]", who)
    browser.type("[name=password]", password)
    browser.click("form[action='/login'] button")


def row(browser, deed, words):
    """Does something to the only link on the page and hears of it."""
    browser.click(f"form[action$='/{deed}'] button")
    browser.wait_for_text(words, 10)


def unlock(browser, words, answer):
    browser.type("[name=password]", words)
    browser.click("form button")
    browser.wait_for_text(answer, 10)
    is_plain(browser)


def fetched(browser):
    browser.requests()
    sees(browser, name)
    for words in ["firm.example", "300.0 kB", sha256]:
        browser.wait_for_text(words, 1)
    look(browser, "link")
    saved, content = browser.download("a.button")
    assert saved == name, f"saved as {saved}"
    assert hashlib.sha256(content).hexdigest() == sha256, "another file was saved"
    asked = [url for url in browser.requests() if url.startswith("http")]
    assert link in asked, asked
    for url in asked:
        assert urllib.parse.urlsplit(url).netloc == door.netloc, f"{url} was asked for"
    browser.open(f"https://{door.netloc}/login")
    browser.wait_for_text("There is nothing here", 10)
    is_plain(browser)
    assert not browser.has("a"), "a way in for strangers"
    look(browser, "link-nothing")


def locked_and_withdrawn(browser, own):
    own.type("form[action$='/password'] input", "sesame")
    row(own, "password", "asks for the new password")
    look(own, "sender-locked")
    sees(browser, "password")
    assert name not in browser.text(), browser.text()
    look(browser, "link-locked")
    unlock(browser, "wrong", "This link does not work")
    look(browser, "link-wrong")
    sees(browser, "password")
    unlock(browser, "sesame", name)
    assert browser.download("a.button")[0] == name
    own.click("form.open button")
    own.wait_for_text("asks for no password", 10)
    sees(browser, name)
    row(own, "revoke", "works no more")
    look(own, "sender-withdrawn")
    sees(browser, "This link does not work")
    row(own, "extend", "works again")
    sees(browser, name)


def set_by(admin):
    admin.open(f"{base}/outgoing")
    admin.click("a[href='/links']")
    admin.wait_for_text("Large attachments", 10)
    look(admin, "admin")
    admin.type("[name=budget]", "none")
    admin.click("#rules button")
    admin.find("#rules .fault")
    look(admin, "admin-fault")
    admin.type("[name=budget]", "123")
    admin.type("[name=exempt]", ".dwg")
    admin.click("#rules button")
    admin.wait_for_text("It is set", 10)
    assert "of 123.0 MB" in admin.text("#room"), admin.text("#room")
    assert admin.values("[name=exempt]") == [".dwg"]
    admin.click("a[href='/links/folder']")
    admin.wait_for_text("Where attachments are kept", 10)
    look(admin, "folder")
    admin.open(f"{base}/links")
    admin.open_link(sender)
    admin.wait_for_text(name, 10)
    look(admin, "admin-account")
    admin.click("[name=linked]")
    admin.wait_for_text("It is set", 10)


with Browser(host=door.hostname) as recipient, Browser() as own:
    fetched(recipient)
    sign_in(own, sender)
    own.wait_for_text("Recent logins")
    look(own, "me")
    own.click("main a[href='/me/links']")
    own.wait_for_text(name, 10)
    own.wait_for_text("x@one.example", 10)
    look(own, "sender")
    locked_and_withdrawn(recipient, own)
    own.open(f"{base}/links")
    own.wait_for_text("Recent logins", 10)
    assert own.url() == f"{base}/me", f"{own.url()} is open to {sender}"

with Browser(host=door.hostname) as recipient, Browser() as admin:
    sign_in(admin, "admin")
    admin.wait_for_text("Received today")
    set_by(admin)
    admin.open(f"{base}/accounts")
    admin.open_link(sender)
    admin.type("[name=reason]", "the laptop was stolen")
    admin.click("#freeze button")
    admin.wait_for_text("is frozen", 10)
    sees(recipient, "the laptop was stolen")
    look(recipient, "link-stopped")

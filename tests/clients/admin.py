"""Signs in as the admin and does one thing, printing what the pages say.

usage: admin.py BASE_URL PASSWORD overview | failed-logins | freeze NAME REASON | unfreeze NAME
"""
import sys

from browser import Browser

base, password, action = sys.argv[1:4]
with Browser() as browser:
    browser.open(base)
    browser.type("[name=name]", "admin")
    browser.type("[name=password]", password)
    browser.click("form[action='/login'] button")
    browser.wait_for_text("Received today")
    if action in ("freeze", "unfreeze"):
        browser.open(f"{base}/accounts")
        browser.open_link(sys.argv[4])
        if action == "freeze":
            browser.type("[name=reason]", sys.argv[5])
        browser.click("#freeze button")
        browser.wait_for_text("is frozen" if action == "freeze" else "works again")
        browser.open(base)
        browser.wait_for_text("Received today")
        print(browser.text())
    elif action == "failed-logins":
        browser.open(f"{base}/failed-logins")
        print(browser.text())
    else:
        print(browser.text())

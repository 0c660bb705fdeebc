"""Walks the wizard from the claim code to a working mail account, without JavaScript, and prints the
password that the box made for the first phone.

usage: wizard.py BASE_URL CLAIM_CODE DOMAIN ACCOUNT PASSWORD PICTURES
"""
import os
import sys

from browser import Browser

base, code, domain, account, password, pictures = sys.argv[1:7]
os.makedirs(pictures, exist_ok=True)


def submit(browser, form):
    browser.click(f"form[action='{form}'] button")


with Browser(javascript=False) as browser:
    browser.open(base)
    browser.type("[name=code]", "AAAA-AAAA")
    submit(browser, "/claim")
    browser.find(".fault")
    browser.picture(f"{pictures}/claim.png")
    browser.type("[name=code]", code.replace("-", "").lower())
    submit(browser, "/claim")

    browser.type("[name=password]", password)
    browser.type("[name=again]", password)
    submit(browser, "/setup/admin")

    browser.type("[name=domain]", domain)
    browser.picture(f"{pictures}/wizard.png")
    submit(browser, "/setup/office")

    browser.type("[name=local]", account)
    browser.type("[name=password]", password)
    browser.type("[name=again]", password)
    submit(browser, "/setup/account")

    browser.find("form[action='/setup/finish']")
    plan = browser.text() + "\n".join(browser.values("input[readonly], textarea"))
    for needed in ["MX", "v=spf1", "v=DKIM1", "v=DMARC1", "PTR", f"mail.{domain}", "k=ed25519"]:
        assert needed in plan, f"the DNS plan lacks {needed}:\n{plan}"
    browser.picture(f"{pictures}/dns.png")
    browser.click("#attachments summary")
    browser.narrow()
    browser.whole_picture(f"{pictures}/dns-phone.png")
    assert browser.overhang() <= 0, f"{browser.overhang()} px wider than a phone"
    browser.wide()
    submit(browser, "/setup/finish")
    browser.wait_for_text("Your box is a mail server")
    browser.picture(f"{pictures}/finished.png")
    browser.click("#first-device button")
    browser.wait_for_text("The password of phone")
    browser.picture(f"{pictures}/device.png")
    print(browser.text("#made .mono b"))

    # The code is dead: it opens nothing any more.
    browser.open(f"{base}/claim")
    assert not browser.has("[name=code]"), "the claim page is still there"

with Browser() as browser:
    browser.open(base)
    browser.type("[name=name]", "admin")
    browser.type("[name=password]", password)
    submit(browser, "/login")
    browser.wait_for_text("Received today")
    browser.picture(f"{pictures}/overview.png")

"""Headless Chromium, driven over the WebDriver protocol with nothing but Python's own library."""
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from base64 import b64decode

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage",
]


class Browser:
    """One browser window; a context manager that closes it."""

    def __init__(self, width=1100, height=900, javascript=True, host=None):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.base = f"http://127.0.0.1:{port}"
        self.profile = tempfile.mkdtemp(prefix="pillarbox-browser-")
        self.driver = subprocess.Popen(
            ["chromedriver", f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        # With a host: it is this machine, and no other name is found.
        rules = f"--host-resolver-rules=MAP {host} 127.0.0.1,MAP * ~NOTFOUND,EXCLUDE 127.0.0.1"
        own = [f"--user-data-dir={self.profile}", f"--window-size={width},{height}"]
        options = {
            "args": ARGUMENTS + own + ([rules] if host else []),
            "prefs": {"profile.managed_default_content_settings.javascript": 1 if javascript else 2},
        }
        wanted = {"acceptInsecureCerts": True, "goog:chromeOptions": options,
                  "goog:loggingPrefs": {"performance": "ALL"}}
        body = {"capabilities": {"alwaysMatch": wanted}}
        deadline = time.monotonic() + 30
        while True:
            try:
                self.session = self._call("POST", "/session", body)["sessionId"]
                break
            except urllib.error.HTTPError:
                raise
            except (urllib.error.URLError, ConnectionError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self._call("DELETE", f"/session/{self.session}")
        finally:
            self.driver.terminate()
            self.driver.wait()
            shutil.rmtree(self.profile, ignore_errors=True)

    def _call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self.base + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=120) as response:
                return json.load(response)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{method} {path}: {error.read().decode()[:600]}") from None

    def _do(self, method, path, body=None):
        return self._call(method, f"/session/{self.session}{path}", body)

    def open(self, url):
        self._do("POST", "/url", {"url": url})

    def url(self):
        return self._do("GET", "/url")

    def find(self, css):
        """The first element that matches, waiting a little for it to appear."""
        deadline = time.monotonic() + 20
        while True:
            found = self._do("POST", "/elements", {"using": "css selector", "value": css})
            if found:
                return found[0][ELEMENT]
            if time.monotonic() > deadline:
                raise RuntimeError(f"no {css} on {self.url()}:\n{self.text()}")
            time.sleep(0.1)

    def has(self, css):
        return bool(self._do("POST", "/elements", {"using": "css selector", "value": css}))

    def type(self, css, text):
        element = self.find(css)
        self._do("POST", f"/element/{element}/clear", {})
        self._do("POST", f"/element/{element}/value", {"text": text})

    def click(self, css):
        self._do("POST", f"/element/{self.find(css)}/click", {})

    def text(self, css="body"):
        script = ("return Array.from(document.querySelectorAll(arguments[0]), e => e.innerText)"
                  ".join('\\n')")
        return self._do("POST", "/execute/sync", {"script": script, "args": [css]})

    def values(self, css):
        elements = self._do("POST", "/elements", {"using": "css selector", "value": css})
        return [self._do("GET", f"/element/{e[ELEMENT]}/property/value") or "" for e in elements]

    def open_link(self, text):
        """Follows the first link whose text contains `text`."""
        found = self._do("POST", "/elements", {"using": "partial link text", "value": text})
        if not found:
            raise RuntimeError(f"no link {text!r} on {self.url()}:\n{self.text()}")
        self._do("POST", f"/element/{found[0][ELEMENT]}/click", {})

    def wait_for_text(self, text, seconds=60):
        deadline = time.monotonic() + seconds
        while text not in self.text():
            if time.monotonic() > deadline:
                raise RuntimeError(f"{text!r} did not appear on {self.url()}:\n{self.text()}")
            time.sleep(0.2)

    def _cdp(self, command, **parameters):
        return self._do("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def narrow(self, width=360, height=740):
        """The screen of a small phone."""
        self._cdp("Emulation.setDeviceMetricsOverride",
                  width=width, height=height, deviceScaleFactor=2, mobile=True)

    def wide(self):
        self._cdp("Emulation.clearDeviceMetricsOverride")

    def overhang(self):
        """Pixels by which the page is wider than the screen."""
        script = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
        return self._do("POST", "/execute/sync", {"script": script, "args": []})

    def requests(self):
        """Addresses that were asked for since the last call."""
        lines = self._do("POST", "/se/log", {"type": "performance"})
        messages = [json.loads(line["message"])["message"] for line in lines]
        return [message["params"]["request"]["url"] for message in messages
                if message["method"] == "Network.requestWillBeSent"]

    def download(self, css):
        """Follows a link to a file; the file's name and content."""
        folder = tempfile.mkdtemp(dir=self.profile)
        self._cdp("Browser.setDownloadBehavior", behavior="allow", downloadPath=folder)
        self.click(css)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            # While it is written it has another name.
            names = [name for name in os.listdir(folder)
                     if not name.startswith(".") and not name.endswith(".crdownload")]
            if names:
                with open(os.path.join(folder, names[0]), "rb") as file:
                    return names[0], file.read()
            time.sleep(0.1)
        raise RuntimeError(f"nothing was saved from {self.url()}:\n{self.text()}")

    def whole_picture(self, file):
        """The page from its head to its foot."""
        shot = self._cdp("Page.captureScreenshot", captureBeyondViewport=True)
        with open(file, "wb") as output:
            output.write(b64decode(shot["data"]))

    def picture(self, file):
        with open(file, "wb") as output:
            output.write(b64decode(self._do("GET", "/screenshot")))

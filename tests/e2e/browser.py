"""Headless Chromium, driven by its DevTools protocol over a pipe: what a page says, asks for and looks like."""

import base64
import json
import os
import pathlib
import select
import shutil
import subprocess
import tempfile
import time

NAMES = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "chrome-headless-shell"]


def find():
    """The browser's program: $VICKREY_CHROMIUM, or the first of NAMES on the path; None if there is none."""
    return os.environ.get("VICKREY_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    """One process of Chromium with a profile of its own, ended with the block."""

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="vickrey-browser-", ignore_cleanup_errors=True)
        to_browser, self.out = os.pipe()
        self.into, from_browser = os.pipe()
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run",
                 "--disable-background-networking", "--disable-component-update", "--disable-sync", "--mute-audio",
                 "--remote-debugging-pipe", f"--user-data-dir={self.folder.name}/profile"]
        # The pipe is file descriptors 3 and 4 of the browser.
        self.process = subprocess.Popen(["sh", "-c", f'exec "$0" "$@" 3<&{to_browser} 4>&{from_browser}', find(), *flags, "about:blank"],
                                        pass_fds=(to_browser, from_browser), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        os.close(to_browser)
        os.close(from_browser)
        self.buffer, self.number, self.events = b"", 0, []
        return self

    def __exit__(self, *_):
        try:
            self.call("Browser.close", seconds=5)
            self.process.wait(timeout=10)
        except (OSError, TimeoutError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait(timeout=60)
        os.close(self.out)
        os.close(self.into)
        self.folder.cleanup()

    def receive(self, deadline):
        while b"\0" not in self.buffer:
            ready, _, _ = select.select([self.into], [], [], max(0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError("the browser does not answer")
            piece = os.read(self.into, 1 << 20)
            if not piece:
                raise ConnectionError("the browser has ended")
            self.buffer += piece
        message, _, self.buffer = self.buffer.partition(b"\0")
        return json.loads(message)

    def call(self, method, session=None, seconds=60, **parameters):
        """A command's result; events that come meanwhile are kept."""
        self.number += 1
        number = self.number
        message = {"id": number, "method": method, "params": parameters} | ({"sessionId": session} if session else {})
        text = json.dumps(message).encode() + b"\0"
        while text:
            text = text[os.write(self.out, text):]
        deadline = time.monotonic() + seconds
        while True:
            answer = self.receive(deadline)
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            if "method" in answer:
                self.events.append(answer)

    def page(self, width, height=900, dark=False, touch=False):
        return Page(self, width, height, dark, touch)


class Page:
    """A tab. `said` is what went to the console, `asked` the addresses that it asked for, the page itself aside."""

    def __init__(self, browser, width, height, dark, touch):
        self.browser = browser
        self.target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = browser.call("Target.attachToTarget", targetId=self.target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=touch)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        self.downloads = pathlib.Path(browser.folder.name, f"downloads-{self.target}")
        self.downloads.mkdir()
        browser.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(self.downloads), eventsEnabled=True)

    def call(self, method, **parameters):
        return self.browser.call(method, self.session, **parameters)

    def open(self, file):
        self.address = pathlib.Path(file).resolve().as_uri()
        self.call("Page.navigate", url=self.address)
        self.wait("document.readyState === 'complete'")

    def evaluate(self, expression):
        """The value of an expression of JavaScript; a promise is waited for."""
        done = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True, userGesture=True,
                         allowUnsafeEvalBlockedByCSP=False)
        if "exceptionDetails" in done:
            raise RuntimeError(done["exceptionDetails"].get("exception", done["exceptionDetails"]))
        return done["result"].get("value")

    def wait(self, condition, seconds=30):
        deadline = time.monotonic() + seconds
        while not self.evaluate(condition):
            if time.monotonic() > deadline:
                raise TimeoutError(f"after {seconds} s still not: {condition}; the console says {self.said}")
            time.sleep(0.02)

    def of(self, method):
        return [event["params"] for event in self.browser.events if event["method"] == method and
                event.get("sessionId") == self.session]

    @property
    def said(self):
        logged = [f"{e['type']}: {[a.get('value', a.get('description')) for a in e['args']]}" for e in self.of("Runtime.consoleAPICalled")]
        thrown = [f"exception: {e['exceptionDetails']}" for e in self.of("Runtime.exceptionThrown")]
        return logged + thrown + [f"{e['entry']['level']}: {e['entry']['text']}" for e in self.of("Log.entryAdded")]

    @property
    def asked(self):
        """Files of saved images are made by the page itself; everything else would be a request."""
        addresses = [e["request"]["url"] for e in self.of("Network.requestWillBeSent")]
        return [a for a in addresses if a != self.address and not a.startswith(("data:", "blob:"))]

    def press(self, key):
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key)

    def point(self, x, y):
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def downloaded(self, name, seconds=30):
        """The bytes of a file that the page handed to the browser."""
        deadline = time.monotonic() + seconds
        file = self.downloads / name
        while not file.exists():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{name} was not saved; there are {sorted(f.name for f in self.downloads.iterdir())}")
            self.evaluate("1")
            time.sleep(0.02)
        return file.read_bytes()

    def screenshot(self, file):
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        picture = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        pathlib.Path(file).write_bytes(base64.b64decode(picture["data"]))

    def pdf(self):
        return base64.b64decode(self.call("Page.printToPDF", printBackground=True)["data"])

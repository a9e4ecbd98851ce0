"""Look at the built site in a headless Chromium, as a reader would.

``python docs/check_site.py docs/_build/html`` serves the folder on the loopback address
and opens every page. Needs Chromium and ``pip install playwright``; without them it
says so and ends well. ``--screenshots FOLDER`` keeps pictures of the pages.
"""

import argparse
import shutil
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin

OPTIONS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WIDTHS = (400, 1400)
PATIENCE = 120_000  # milliseconds, for a busy machine
GROUND = "() => getComputedStyle(document.body).backgroundColor"
# what a page shows: every link, every anchor, every figure
READ_PAGE = """() => ({
  links: [...document.querySelectorAll('a[href]')].map(a => a.href),
  anchors: [...document.querySelectorAll('[id]')].map(e => e.id),
  title: document.title,
  headings: document.querySelectorAll('h1').length,
  images: [...document.querySelectorAll('.bd-article img')].map(i => ({
    source: i.currentSrc, alt: i.alt, width: i.naturalWidth,
  })),
})"""
# elements that stick out of the page on the right, but for what scrolls inside itself
TOO_WIDE = """() => document.documentElement.scrollWidth - window.innerWidth"""
# figures without a ground of their own that are hard to see on a dark page
SEEN = """() => [...document.querySelectorAll('.bd-article img')].map(i => {
  const s = getComputedStyle(i);
  const shown = i.width > 0 && s.visibility === 'visible' && Number(s.opacity) > 0.5;
  return {source: i.currentSrc, shown: shown, ground: s.backgroundColor};
})"""


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves files and writes no log."""

    def log_message(self, *args):
        """Write nothing."""


def serve(folder):
    """Serve a folder on a free port in a thread, and return the server."""
    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(QuietHandler, directory=folder)
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class SiteCheck:
    """Opens the pages of a site and collects what is wrong with them."""

    def __init__(self, browser, folder, base, screenshots):
        self.browser = browser
        self.folder = Path(folder)
        self.base = base
        self.screenshots = screenshots
        self.faults = []
        self.pages = {}

    def run(self):
        """Return the list of faults."""
        files = (path.relative_to(self.folder) for path in self.folder.rglob("*.html"))
        names = sorted(str(file) for file in files if file.parts[0] != "_static")
        for width in WIDTHS:
            for scheme in ("light", "dark"):
                self.open_all(names, width, scheme)
        self.check_links()
        self.check_search()
        return self.faults

    def report(self, fault):
        """Print a fault, at once, and remember it."""
        print(fault, flush=True)
        self.faults.append(fault)

    def open_all(self, names, width, scheme):
        """Open all pages in one size and one colour scheme."""
        context = self.browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme
        )
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        for name in names:
            self.open_page(page, name, f"{name} ({width} px, {scheme})")
            if width == WIDTHS[-1] and scheme == "light":
                self.read_page(page, name)
            if scheme == "dark":
                self.check_dark(page, name)
            too_wide = page.evaluate(TOO_WIDE)
            if too_wide > 0:
                self.report(f"{name}: {too_wide} px wider than a screen of {width} px")
            if self.screenshots:
                self.keep_picture(page, name, width, scheme)
        context.close()

    def open_page(self, page, name, where):
        """Open a page; errors on the console and requests elsewhere are faults."""

        def on_console(message):
            if message.type in ("error", "warning"):
                self.report(f"{where}: console: {message.text}")

        def on_request(request):
            if not request.url.startswith((self.base, "data:", "blob:")):
                self.report(f"{where}: fetches {request.url}")

        def on_response(response):
            if response.status >= 400:
                self.report(f"{where}: {response.status} for {response.url}")

        def on_error(error):
            self.report(f"{where}: script error: {error}")

        listeners = {
            "console": on_console,
            "request": on_request,
            "response": on_response,
            "pageerror": on_error,
        }
        for event, listener in listeners.items():
            page.on(event, listener)
        page.goto(f"{self.base}/{name}", wait_until="load")
        # pictures far below are loaded when they come into view
        page.evaluate(
            "document.querySelectorAll('img').forEach(i => i.loading='eager')"
        )
        page.wait_for_load_state("networkidle")
        for event, listener in listeners.items():
            page.remove_listener(event, listener)

    def read_page(self, page, name):
        """Remember links and anchors; figures must load and have alternative text."""
        read = self.pages[name] = page.evaluate(READ_PAGE)
        if not read["title"]:
            self.report(f"{name}: no title")
        if read["headings"] != 1 and not name.startswith(("search", "genindex")):
            self.report(f"{name}: {read['headings']} headings of the first rank")
        for image in read["images"]:
            if not image["alt"].strip():
                self.report(f"{name}: no alternative text: {image['source']}")
            if image["alt"].startswith("plot "):  # of a figure without a title
                self.report(f"{name}: a file's name as text: {image['source']}")
            if image["width"] == 0:
                self.report(f"{name}: not loaded: {image['source']}")

    def check_dark(self, page, name):
        """In dark mode the page is dark, and figures stand on a light ground."""
        if max(channels(page.evaluate(GROUND))) > 100:
            self.report(f"{name}: not dark in dark mode")
        for image in page.evaluate(SEEN):
            if not image["shown"] or min(channels(image["ground"])) < 200:
                self.report(f"{name}: hidden in dark mode: {image['source']}")

    def check_links(self):
        """Links inside the site must lead to a file, and to an anchor that is there."""
        for name, read in self.pages.items():
            for link in sorted(set(read["links"])):
                target, anchor = urldefrag(urljoin(f"{self.base}/{name}", link))
                if target.startswith(self.base):
                    self.check_link(name, target, unquote(anchor))

    def check_link(self, name, target, anchor):
        """Check one link, given without its anchor."""
        path = unquote(target.removeprefix(self.base).partition("?")[0]).strip("/")
        path = path or "index.html"
        if not (self.folder / path).is_file():
            self.report(f"{name}: link to {path}, which is not there")
        elif (
            anchor and path in self.pages and anchor not in self.pages[path]["anchors"]
        ):
            self.report(f"{name}: no anchor {anchor!r} in {path}")

    def check_search(self):
        """Search for the class that people come for."""
        page = self.browser.new_page()
        page.set_default_timeout(PATIENCE)
        page.goto(f"{self.base}/search.html?q=RNNClassifier")
        try:
            page.wait_for_selector("#search-results li a")
        except Exception:  # playwright's own: time is up
            self.report("search: nothing found for RNNClassifier")
            return
        links = page.eval_on_selector_all(
            "#search-results li a", "all => all.map(a => a.href)"
        )
        if not any("sklearn_rnn.RNNClassifier.html" in link for link in links):
            self.report("search: the page of RNNClassifier is not found")
        page.wait_for_load_state("networkidle")  # results are fetched for excerpts
        page.close()

    def keep_picture(self, page, name, width, scheme):
        """Save a picture of the whole page."""
        file = f"{name.replace('/', '-')}-{width}-{scheme}.png"
        page.screenshot(path=Path(self.screenshots, file), full_page=True)


def channels(color):
    """Return red, green and blue of ``rgb(1, 2, 3)``; no colour is black."""
    numbers = [float(n) for n in color.partition("(")[2].rstrip(")").split(",")]
    if len(numbers) == 4 and numbers[3] == 0:
        return [0, 0, 0]
    return numbers[:3]


def main():
    """Check a site; exit with 1 if something is wrong with it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--screenshots", type=Path)
    options = parser.parse_args()
    chromium = next(filter(None, map(shutil.which, BROWSERS)), None)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        sync_playwright = None
    if not (chromium and sync_playwright):
        print("not checked: needs Chromium and playwright")
        return 0
    if not (options.folder / "index.html").is_file():
        print(f"there is no site in {options.folder}: make -C docs html")
        return 1
    if options.screenshots:
        options.screenshots.mkdir(parents=True, exist_ok=True)
    server = serve(options.folder)
    base = f"http://127.0.0.1:{server.server_port}"
    with sync_playwright() as playwright:
        # in an empty profile of its own, as playwright does by itself
        browser = playwright.chromium.launch(executable_path=chromium, args=OPTIONS)
        check = SiteCheck(browser, options.folder, base, options.screenshots)
        faults = check.run()
        browser.close()
    server.shutdown()
    print(f"{len(check.pages)} pages, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

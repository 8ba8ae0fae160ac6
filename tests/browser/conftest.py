"""One JupyterLab and one Chromium for all browser tests; a fresh page for each module's notebook."""

import os

import lab as jupyterlab
import pytest


NO_CHROMIUM = "no Chromium here (looked for chromium, chromium-browser, google-chrome)"


def pytest_collection_modifyitems(items):
    """Without Chromium the browser tests skip, or fail where VAE_REQUIRE_BROWSER=1."""
    if jupyterlab.chromium() is None and os.environ.get("VAE_REQUIRE_BROWSER") != "1":
        for item in items:
            if "browser" in item.keywords:
                item.add_marker(pytest.mark.skip(reason=NO_CHROMIUM))


@pytest.fixture(scope="session")
def browser():
    """Chromium, started once."""
    executable = jupyterlab.chromium()
    if executable is None:
        pytest.fail(f"{NO_CHROMIUM}, and VAE_REQUIRE_BROWSER=1", pytrace=False)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=jupyterlab.CHROMIUM_FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def lab(browser, tmp_path_factory):
    """A running JupyterLab; it asks for the browser first, so as not to start in vain."""
    process, lab = jupyterlab.start_lab(tmp_path_factory.mktemp("lab"))
    yield lab
    jupyterlab.stop_lab(process, lab)


@pytest.fixture(scope="module")
def context(browser):
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    yield context
    context.close()


@pytest.fixture(scope="module")
def page(context):
    page, _ = jupyterlab.new_page(context)
    yield page
    page.close()


def _names(config):
    """What is built of pages and decks: all with the slow tests, else a few."""
    from static_pages import FEW

    return () if config.getoption("--slow") or os.environ.get("VAE_SLOW") == "1" else FEW


@pytest.fixture(scope="session")
def site(request, tmp_path_factory):
    """The folder of pages, built once."""
    from publish.site import build

    return build(tmp_path_factory.mktemp("pages") / "site", _names(request.config))


@pytest.fixture(scope="session")
def decks(request, tmp_path_factory):
    """The folder of decks, built once."""
    from publish.slides import build

    return build(tmp_path_factory.mktemp("decks") / "slides", _names(request.config))

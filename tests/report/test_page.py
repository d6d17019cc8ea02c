"""The page, as a browser shows it from disk."""

import re
import shutil
import time

import pytest
from synthetic import DENSE_MACS

from bench.records import find_records
from bench.report import write_report
from bench.report.page.page import without_folders

FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-dev-shm-usage"
).split()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """Headless Chromium with a new profile, its network cut off."""
    chromium, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and chromedriver):
        pytest.skip("chromium is not installed (Debian: chromium chromium-driver)")
    webdriver = pytest.importorskip("selenium.webdriver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(chromedriver))
    driver.execute_cdp_cmd("Network.enable", {})
    offline = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
    driver.execute_cdp_cmd("Network.emulateNetworkConditions", offline)
    yield driver
    driver.quit()


@pytest.fixture
def shown(browser, full_report):
    """The whole report's page, its plots drawn."""
    open_page(browser, full_report.folder)
    return browser


def open_page(browser, folder):
    browser.get((folder / "index.html").as_uri())
    wait(lambda: browser.execute_script("return document.querySelectorAll('.pareto .scatterlayer').length"))


def wait(condition, seconds=60):
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "the page did not get there"
        time.sleep(0.1)
    return found


def settled(measure):
    """What is measured, once it has stopped changing."""
    before = measure()
    time.sleep(0.5)
    return before if measure() == before else None


def texts(browser, selector):
    return browser.execute_script(
        "return [...document.querySelectorAll(arguments[0])].map(e => e.textContent.trim())", selector
    )


def test_no_console_error_and_two_plots_for_each_group(shown):
    wait(lambda: len(texts(shown, ".pareto .scatterlayer")) == 4)
    assert shown.get_log("browser") == []


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_sticks_out_of_the_screen(shown, width):
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    shown.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    script = "const page = document.documentElement; return [page.scrollWidth, page.clientWidth]"
    scrolled, visible = wait(lambda: settled(lambda: shown.execute_script(script)))
    assert scrolled == visible
    assert width - visible < 20, "no more than a scroll bar is missing"
    shown.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_a_click_on_a_heading_sorts(shown, full_runs):
    table = "table[id='results-digits-resnet20']"
    column = 1 + texts(shown, f"{table} th").index("MACs/image (M)")
    heading = shown.find_element("css selector", f"{table} th:nth-child({column}) button")
    for direction in (1, -1):
        shown.execute_script("arguments[0].click()", heading)
        found = [float(text.split()[0]) for text in texts(shown, f"{table} td:nth-child({column})")]
        assert found == sorted(found, reverse=direction < 0)
        assert len(set(found)) > 10
    assert len(found) == 1 + sum(r.dataset == "digits" and r.method != "dense" for r in records(full_runs))


def test_the_answer_stands_first_and_the_rest_is_folded(shown):
    section = "#digits-resnet20"
    (answer,) = texts(shown, f"{section} > .answer p:first-child")
    assert answer.startswith(("In MACs, yes at", "Not shown:"))
    assert len(texts(shown, f"{section} .answer tbody tr")) in (1, 2, 3)
    shown.refresh()
    open_details = "return [...document.querySelectorAll('details')].filter(one => one.open).length"
    assert shown.execute_script(open_details) == 0


def test_a_chosen_family_leaves_its_lines(shown):
    section = "section[id='digits-resnet20']"
    script = (
        "const s = [...document.querySelectorAll(arguments[0] + ' select')]"
        ".find(one => one.parentElement.textContent.includes('Family')); s.value = arguments[1];"
        "s.dispatchEvent(new Event('change'));"
    )
    shown.execute_script(script, section, "plain networks")
    left = texts(shown, f"{section} table[id^=results] tbody tr:not([hidden]) td:first-child")
    assert left == ["dense", "slim 0.8", "slim 0.6", "slim 0.4"]
    shown.execute_script(script, section, "")
    assert len(texts(shown, f"{section} table[id^=results] tbody tr:not([hidden])")) > 20


def test_hover_shows_the_record_and_click_opens_it(shown, full_runs):
    record = next(r for r in records(full_runs) if (r.dataset, r.method, r.point) == ("digits", "lcnet", 0.6))
    place = "document.querySelector('#digits-resnet20 .pareto')"
    point = (
        f"const d = {place}.data, c = d.findIndex(t => t.name === 'lcnet'),"
        "i = d[c].hovertext.findIndex(t => t.includes('0.6</b>'));"
    )
    shown.execute_script(point + f"Plotly.Fx.hover({place}, [{{curveNumber: c, pointNumber: i}}])")
    text = wait(lambda: " ".join(texts(shown, "#digits-resnet20 .hoverlayer .hovertext")))
    assert "lcnet 0.6" in text
    assert f"{record.top1:.2f} [{record.top1_low:.2f}, {record.top1_high:.2f}]" in text
    assert f"{record.macs_mean / 1e6:.2f} [" in text
    assert f"{record.macs_mean / DENSE_MACS:.3f} of the dense" in text
    shown.execute_script(point + f"{place}.emit('plotly_click', {{points: [{{customdata: d[c].customdata[i]}}]}})")
    details = wait(lambda: shown.find_elements("css selector", "details[open]"))
    assert f"{record.top1}" in details[0].text
    assert "lcnet" in details[0].text


def test_gallery_hangs_the_images_that_are_at_hand(shown):
    loaded = shown.execute_script(
        "document.querySelector('#digits-resnet20 .gallery').open = true;"
        "return [...document.querySelectorAll('#digits-resnet20 .gallery img')].map(i => [i.complete, i.naturalWidth])"
    )
    assert len(loaded) == 8 * 12, "eight methods whose cost varies, six images at each end"
    assert all(state == [True, 16] for state in loaded)
    steps = shown.execute_script("return document.querySelector('#digits-resnet20 .path').childElementCount")
    assert steps == 9
    costs = [float(text) for text in texts(shown, "#digits-resnet20 .walls:first-of-type li span:nth-of-type(2)")[:12]]
    assert max(costs[:6]) < min(costs[6:])
    assert "--data-dir" in texts(shown, "#cifar10-resnet20 .missing")[0]


def test_what_records_say_is_shown_as_text(browser, runs, tmp_path):
    hostile = "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 2'>"
    record = runs.add(
        hostile, point=0.5, dynamic=True, invalid_reasons=hostile, reported_source=hostile, details={"start": hostile}
    )
    write_report([runs.folder], tmp_path / "report", ("html",))
    open_page(browser, tmp_path / "report")
    assert browser.execute_script("return window.hacked") is None
    assert browser.get_log("browser") == []
    assert texts(browser, "td a")[0] == f"{hostile} 0.5"
    assert record.method in texts(browser, "details dd")


def test_report_is_small_quick_and_names_no_folder(full_report, full_runs):
    files = [path for path in full_report.folder.iterdir() if path.is_file()]
    assert sorted(files) == sorted(full_report.files)
    assert sum(path.stat().st_size for path in files) < 8e6
    assert (full_report.folder / "index.html").stat().st_size < 5e6
    assert full_report.cpu_s < 30
    for path in files:
        if path.suffix in (".md", ".csv", ".tex"):
            assert str(full_runs.folder) not in path.read_text()
    page = re.sub(r'id="plotly">[^<]*<|base64,[^"]*"', "", (full_report.folder / "index.html").read_text())
    assert not re.search(r"/(tmp|home|root|work|usr)/", page)
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", page), "the page must open without a network"


def test_folders_are_cut_from_commands():
    command = "bench run --backbone-weights /home/me/w.th --out=/tmp/runs --data-dir '../shared/data'"
    assert without_folders(command) == "bench run --backbone-weights w.th --out=runs --data-dir '../shared/data'"


def records(runs):
    return list(find_records([runs.folder]).values())

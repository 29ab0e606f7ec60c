#!/usr/bin/env python3
"""Looks at every page in every state with the Nu HTML Checker (vnu) and with axe, and says what they find.

    python3 tests/browser/check_html.py [--tools target/html-tools] [--only home,block]

vnu reads each page twice: as the node sends it, and as the scripts leave it. axe looks at it with all of its rules, those
that it calls best practice too, on a narrow and on a wide screen. Installs both with npm, in the versions of `html-tools/package-lock.json`, where they are
missing. Needs npm, Java, the package playwright and a Chromium; ADIT names the program, CHROMIUM the browser. It ends with 1
if there is a finding.
"""

import argparse
import filecmp
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

from harness import CHROMIUM, ROOT, missing, sync_playwright
from scenes import Scene, Scenes

LIST_OF_TOOLS = Path(__file__).resolve().parent / 'html-tools'
ACCEPT = 'text/html,application/xhtml+xml,*/*;q=0.8'
WIDTHS = (360, 1280)
INSTALL_TIMEOUT_S = 300
VNU_TIMEOUT_S = 300


def install(folder):
    """Has the tools in the folder, in the versions of the list."""
    names = ('package.json', 'package-lock.json')
    installed = folder / 'node_modules' / '.package-lock.json'
    if installed.exists() and all((folder / name).exists() for name in names):
        if not filecmp.cmpfiles(LIST_OF_TOOLS, folder, names, shallow=False)[1]:
            return
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        shutil.copyfile(LIST_OF_TOOLS / name, folder / name)
    subprocess.run(['npm', 'ci', '--silent', '--ignore-scripts', '--no-audit', '--no-fund'], cwd=folder, check=True,
                   timeout=INSTALL_TIMEOUT_S)


def pages(scenes):
    """All scenes, and the pages that a browser is shown where something is wrong or is asked first."""
    yield from scenes.all()
    classic = scenes.classic.url
    yield Scene('operator', classic + '/operator')
    for name, path, status in (('only-post', '/send', '405'), ('bad-hash', '/block/7', '400'), ('no-block', f'/block/{"0" * 64}', '404')):
        yield Scene(name, classic + path, complaints=(status,))


def as_sent(url):
    """The page without its scripts."""
    request = urllib.request.Request(url, headers={'Accept': ACCEPT})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.read().decode()


def ask_again(scenes):
    """What a browser is shown that may have been sent by another site."""
    request = urllib.request.Request(scenes.classic.url + '/mine', headers={
        'Accept': ACCEPT, 'User-Agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'})
    try:
        urllib.request.urlopen(request, timeout=30)
    except urllib.error.HTTPError as error:
        with error:
            return error.read().decode()
    raise AssertionError('a browser was not asked')


def findings_of_axe(page, name, vendored):
    looked_at = {'exclude': [[vendored]]} if vendored else {}
    result = page.evaluate("of => axe.run({include: [['html']], ...of}, {resultTypes: ['violations']})", looked_at)
    for violation in result['violations']:
        places = [' '.join(map(str, node['target'])) for node in violation['nodes']]
        yield f'{name}: axe {violation["id"]}: {violation["help"]}: {"; ".join(places[:5])}'


def findings_of_vnu(jar, folder):
    run = subprocess.run(['java', '-Xmx1g', '-jar', jar, '--format', 'json', '--stdout', '--exit-zero-always', folder],
                         capture_output=True, text=True, timeout=VNU_TIMEOUT_S, check=True)
    for message in json.loads(run.stdout)['messages']:
        name = Path(message.get('url', 'nowhere')).stem
        yield f'{name}: vnu {message.get("subType", message["type"])}: {message["message"]}: {message.get("extract", "").strip()!r}'


def main():
    parser = argparse.ArgumentParser()
    target = Path(os.environ.get('CARGO_TARGET_DIR', ROOT / 'target'))
    parser.add_argument('--tools', type=Path, default=target / 'html-tools')
    parser.add_argument('--only')
    options = parser.parse_args()
    lacking = missing() or next((f'{name} is missing' for name in ('npm', 'java') if not shutil.which(name)), None)
    if lacking:
        raise SystemExit(lacking)
    install(options.tools)
    modules = options.tools / 'node_modules'
    axe = (modules / 'axe-core' / 'axe.min.js').read_text()
    wanted = options.only and options.only.split(',')
    findings = []
    count = 0
    with tempfile.TemporaryDirectory() as folder, Scenes() as scenes, sync_playwright() as playwright:
        keep = lambda name, text: (Path(folder) / f'{re.sub("[^a-z0-9-]", "-", name)}.html').write_text(text)
        keep('ask-again-sent', ask_again(scenes))
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=['--no-sandbox'])
        for scene in pages(scenes):
            if wanted and scene.name not in wanted:
                continue
            count += 1
            keep(f'{scene.name}-sent', as_sent(scene.url))
            page = browser.new_page()
            page.goto(scene.url, wait_until='load')
            if scene.act:
                scene.act(page)
            page.wait_for_timeout(100)
            if not scene.vendored:
                keep(f'{scene.name}-shown', page.content())
            page.evaluate(axe)
            for width in WIDTHS:
                page.set_viewport_size({'width': width, 'height': 900})
                findings.extend(findings_of_axe(page, f'{scene.name}, {width} px', scene.vendored))
            page.close()
        findings.extend(findings_of_vnu(modules / 'vnu-jar' / 'build' / 'dist' / 'vnu.jar', folder))
    for finding in findings:
        print(finding)
    print(f'{count} pages, {len(findings)} findings')
    return 1 if findings else 0


if __name__ == '__main__':
    sys.exit(main())

#!/usr/bin/env python3
"""Pictures of all pages in all their states, on narrow and wide screens, light and dark, of nodes that it starts for that.

    python3 tests/browser/screenshots.py [--out target/screenshots] [--widths 360,1280,1920] [--only home,block]

ADIT names the program, CHROMIUM the browser. Needs the package playwright. It says which pages are wider than the screen,
and which wrote errors to the console; then it ends with 1.
"""

import argparse
import os
import sys
from pathlib import Path

from harness import CHROMIUM, ROOT, missing, sync_playwright
from scenes import Scenes

SCHEMES = ('light', 'dark')


def shoot(page, scene, file):
    """Takes a picture; answers what is wrong."""
    problems = []
    listen = lambda message: message.type == 'error' and problems.append(message.text)
    page.on('console', listen)
    page.goto(scene.url, wait_until='load')
    if scene.act:
        scene.act(page)
    page.wait_for_timeout(300)
    over = page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth')
    page.screenshot(path=file, full_page=True)
    page.remove_listener('console', listen)
    if over > 0:
        problems.append(f'{over} px wider than the screen')
    return [problem for problem in problems if not any(part in problem for part in scene.complaints)]


def main():
    parser = argparse.ArgumentParser()
    target = Path(os.environ.get('CARGO_TARGET_DIR', ROOT / 'target'))
    parser.add_argument('--out', type=Path, default=target / 'screenshots')
    parser.add_argument('--widths', default='360,1280')
    parser.add_argument('--only')
    options = parser.parse_args()
    lacking = missing()
    if lacking:
        raise SystemExit(lacking)
    options.out.mkdir(parents=True, exist_ok=True)
    wanted = options.only and options.only.split(',')
    problems = []
    with Scenes() as scenes, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=['--no-sandbox'])
        # From scene to scene first: some of them change the node.
        for scene in scenes.all():
            if wanted and scene.name not in wanted:
                continue
            for width in map(int, options.widths.split(',')):
                for scheme in SCHEMES:
                    page = browser.new_page(viewport={'width': width, 'height': 900}, color_scheme=scheme)
                    file = options.out / f'{scene.name}-{width}-{scheme}.png'
                    problems += [f'{file.name}: {problem}' for problem in shoot(page, scene, file)]
                    page.close()
        browser.close()
    print('\n'.join(problems) or f'all pages are in {options.out}')
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())

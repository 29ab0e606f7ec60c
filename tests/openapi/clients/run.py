#!/usr/bin/env python3
"""Makes clients of the API's description, and uses them on a node; the description itself is linted.

    python3 tests/openapi/clients/run.py ADIT FOLDER [--go]

ADIT is the node's binary. FOLDER takes the generators, in the versions that requirements.txt and package-lock.json name, and
keeps them for the next run. Needs npm. Fails where a generator warns of something that is not in KNOWN. With --go a client for
Go is made and compiled too, which takes longer, and Debian's golang-go and default-jre-headless.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
START_TIMEOUT_S = 30
STEP_TIMEOUT_S = 300
# What generators say of the description, and why it stays.
KNOWN = [
    # It is text for Prometheus, and no client reads it.
    'Unsupported content_type application/openmetrics-text',
]


def run(*command, cwd=None, env=None):
    """What a program printed; it must succeed."""
    done = subprocess.run([str(part) for part in command], cwd=cwd, env=env, timeout=STEP_TIMEOUT_S, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        raise SystemExit(f'{command[0]} ended with {done.returncode}:\n{done.stdout}')
    return done.stdout


def is_made_from(folder, *sources):
    """Whether the folder was made from these files, as they are now."""
    stamp = folder / 'made-from'
    return stamp.exists() and stamp.read_bytes() == b''.join(source.read_bytes() for source in sources)


def stamp(folder, *sources):
    (folder / 'made-from').write_bytes(b''.join(source.read_bytes() for source in sources))


def generators(folder):
    python, npm = folder / 'python', folder / 'npm'
    wanted = HERE / 'requirements.txt'
    if not is_made_from(python, wanted):
        run(sys.executable, '-m', 'venv', '--clear', python)
        run(python / 'bin' / 'python3', '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', wanted)
        stamp(python, wanted)
    wanted = [HERE / 'package.json', HERE / 'package-lock.json']
    if not is_made_from(npm, *wanted):
        shutil.rmtree(npm, ignore_errors=True)
        npm.mkdir(parents=True)
        for file in wanted:
            shutil.copy(file, npm)
        run('npm', 'ci', '--no-audit', '--no-fund', cwd=npm)
        stamp(npm, *wanted)
    return python / 'bin', npm


def lint(npm, description):
    said = run(npm / 'node_modules' / '.bin' / 'redocly', 'lint', description, '--format', 'json', cwd=npm)
    found = json.loads(said[said.index('{'):said.rindex('}') + 1])
    errors = [problem for problem in found['problems'] if problem['severity'] == 'error']
    if errors:
        raise SystemExit(json.dumps(errors, indent=1))
    print(f'redocly: no error, {len(found["problems"])} warnings')


def python_client(programs, description, folder, url):
    said = run(programs / 'openapi-python-client', 'generate', '--path', description, '--output-path',
               folder / 'adit_client', '--meta', 'none', '--overwrite', '--config', HERE / 'python.yaml')
    for line in said.splitlines():
        if ('Cannot parse' in line or 'Unsupported' in line) and not any(known in line for known in KNOWN):
            raise SystemExit(f'openapi-python-client: {line}')
    shutil.copy(HERE / 'client.py', folder)
    print(run(programs / 'python3', 'client.py', url, cwd=folder), end='')


def typescript_client(npm, description, url):
    source = npm / 'src'
    source.mkdir(exist_ok=True)
    shutil.copy(HERE / 'client.ts', source)
    bin = npm / 'node_modules' / '.bin'
    run(bin / 'openapi-typescript', description, '-o', source / 'api.d.ts')
    run(bin / 'tsc', '--strict', '--noUncheckedIndexedAccess', '--target', 'es2022', '--module', 'nodenext', '--types', 'node',
        'client.ts', cwd=source)
    print(run('node', 'client.js', url, cwd=source), end='')


def go_client(programs, description, folder):
    made = folder / 'go'
    run(programs / 'openapi-generator-cli', 'generate', '-i', description, '-g', 'go', '-o', made,
        '--additional-properties=packageName=adit,withGoMod=false')
    # Its tests are of a package that it takes from elsewhere.
    shutil.rmtree(made / 'test', ignore_errors=True)
    (made / 'go.mod').write_text('module example.org/adit\n')
    run('go', 'build', './...', cwd=made, env={**os.environ, 'GOCACHE': str(folder / 'go-cache')})
    print(f'Go: {len(list(made.glob("*.go")))} files compile')


def main(adit, folder, *options):
    programs, npm = generators(Path(folder).resolve())
    with tempfile.TemporaryDirectory(prefix='adit-clients-') as scratch:
        scratch = Path(scratch)
        log = scratch / 'node.log'
        with log.open('w') as output:
            node = subprocess.Popen([Path(adit).resolve(), 'node', '--in-memory', '-p', '0'], cwd=scratch, stdout=output,
                                    stderr=output)
        try:
            end = time.monotonic() + START_TIMEOUT_S
            while not (listening := re.search(r'http://127\.0\.0\.1:\d+', log.read_text())):
                if time.monotonic() > end or node.poll() is not None:
                    raise SystemExit(f'the node did not start: {log.read_text()}')
                time.sleep(0.05)
            description = scratch / 'openapi.json'
            with urllib.request.urlopen(f'{listening[0]}/openapi.json', timeout=START_TIMEOUT_S) as answer:
                description.write_bytes(answer.read())
            lint(npm, description)
            python_client(programs, description, scratch, listening[0])
            typescript_client(npm, description, listening[0])
            if '--go' in options:
                go_client(programs, description, scratch)
        finally:
            node.terminate()
            node.wait()


if __name__ == '__main__':
    main(*sys.argv[1:])

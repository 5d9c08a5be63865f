"""Downloads the artifacts named on standard input into a folder, with jgo's Maven resolver and no Maven.

Input: JSON {"folder": ..., "cache": ..., "artifacts": [{"coordinate": "g:a:v[:classifier:packaging]", "file": ...}]}.
Hashes are checked by the caller, who trusts neither this road nor the other.
"""

import json
import os
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from jgo.maven import MavenContext

PARALLEL = 8
TIMEOUT_S = 120
ATTEMPTS = 3


def fetch(order, artifact):
    group, name, version, *rest = artifact["coordinate"].split(":")
    classifier, packaging = rest if rest else ("", "jar")
    context = MavenContext(repo_cache=Path(order["cache"]), timeout=TIMEOUT_S)
    component = context.project(group, name).at_version(version)
    for attempt in range(1, ATTEMPTS + 1):
        try:
            source = component.artifact(classifier=classifier, packaging=packaging).resolve()
            break
        except Exception as error:
            if attempt == ATTEMPTS:
                raise RuntimeError(f"{artifact['coordinate']}: {error}") from error
    target = Path(order["folder"]) / artifact["file"]
    partial = target.with_name(target.name + ".part")
    shutil.copyfile(source, partial)
    os.replace(partial, target)


def main():
    order = json.load(sys.stdin)
    Path(order["folder"]).mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(PARALLEL) as pool:
        for _ in pool.map(lambda artifact: fetch(order, artifact), order["artifacts"]):
            pass


if __name__ == "__main__":
    try:
        main()
    except Exception as error:
        sys.exit(str(error).replace("\n", " "))

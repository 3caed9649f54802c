#!/usr/bin/env bash
# The official test suite of JSON Schema into DIR: it lies inside the source package of PyPI's jsonschema, which is
# downloaded by name, pinned by its hash, and not installed.
#
#     fetch_schema_suite.sh DIR
set -euo pipefail

SOURCE_SHA256=0c26707e2efad8aa1bfc5b7ce170f3fccc2e4918ff85989ba9ffa9facb2be326
dir=$1
python=${PYTHON:-build/venv/bin/python}

mkdir -p "$dir"
work=$(mktemp -d "$dir/.fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT
echo "jsonschema==4.26.0 --hash=sha256:$SOURCE_SHA256" >"$work/requirements.txt"
"$python" -m pip download --quiet --disable-pip-version-check --no-deps --no-binary jsonschema --require-hashes \
    --dest "$work" --requirement "$work/requirements.txt"
tar -xzf "$work"/jsonschema-4.26.0.tar.gz -C "$work" jsonschema-4.26.0/json/tests/draft2020-12 jsonschema-4.26.0/json/remotes
rm -rf "$dir/tests" "$dir/remotes"
mv "$work/jsonschema-4.26.0/json/tests/draft2020-12" "$dir/tests"
mv "$work/jsonschema-4.26.0/json/remotes" "$dir/remotes"

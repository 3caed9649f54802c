#!/usr/bin/env bash
# install_manual.sh PROGRAM FOLDER: the completions and manual pages of PROGRAM below FOLDER (/usr/share).
set -euo pipefail
program=$1 share=$2
mkdir -p "$share/man/man1" "$share/bash-completion/completions" "$share/zsh/site-functions" "$share/fish/vendor_completions.d"
"$program" completions bash > "$share/bash-completion/completions/resonant"
"$program" completions zsh > "$share/zsh/site-functions/_resonant"
"$program" completions fish > "$share/fish/vendor_completions.d/resonant.fish"
"$program" man > "$share/man/man1/resonant.1"
"$program" help --names | while read -r name; do
    # shellcheck disable=SC2086  # a name of two words is two arguments
    "$program" man $name > "$share/man/man1/resonant-${name// /-}.1"
done

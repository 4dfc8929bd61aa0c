#!/usr/bin/env bash
# Names and installs what is missing. Usage: scripts/setup.sh run|test|node|deny
set -euo pipefail
cd "$(dirname "$0")/.."

run_packages="cmake g++ make pkg-config espeak-ng"
test_packages="$run_packages chromium fonts-noto-cjk"

need() { # package → is it missing?
  ! dpkg-query -W -f='${Status}' "$1" 2>/dev/null | grep -q 'install ok installed'
}

install() {
  local missing=()
  for package in "$@"; do
    if need "$package"; then missing+=("$package"); fi
  done
  [ ${#missing[@]} -eq 0 ] && return
  echo "Sidetone needs these Debian packages and will install them: ${missing[*]}"
  local root=""
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "Not root and no sudo: run 'apt-get install ${missing[*]}' as root, then start again." >&2; exit 1; }
    root=sudo
  fi
  $root apt-get update -qq
  DEBIAN_FRONTEND=noninteractive $root apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

rust() {
  command -v cargo >/dev/null && return
  echo "Rust is missing: install it from https://rustup.rs (1.95 or later), then start again." >&2
  exit 1
}

# The pages are built with Node.js 18 or later, which Debian 12 and Ubuntu 24.04 have. Where an
# older one is in the way, a newer comes with npm, into .node/.
node_is_new() {
  command -v node >/dev/null && node -e 'process.exit(parseInt(process.versions.node) >= 18 ? 0 : 1)'
}

install_node() {
  export PATH="$PWD/.node/node_modules/.bin:$PATH"
  command -v npm >/dev/null || install nodejs npm
  if ! node_is_new; then
    echo "Node.js here is too old for the pages' build; a newer one goes into .node/"
    npm install --prefix .node --no-audit --no-fund --loglevel=error node@22
  fi
}

deny() {
  command -v cargo-deny >/dev/null && return
  echo "Installing cargo-deny (checks licences and sources of dependencies)"
  CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_LTO=off \
    cargo install cargo-deny --locked --quiet --no-default-features --target-dir target/deny
}

case "${1:-}" in
  run) rust; install $run_packages; install_node ;;
  test) rust; install $test_packages; install_node ;;
  node) install_node ;;
  deny) deny ;;
  *) echo "usage: scripts/setup.sh run|test|node|deny" >&2; exit 2 ;;
esac

#!/usr/bin/env bash
# Names and installs what is missing. Usage: scripts/setup.sh run|test|node|deny
set -euo pipefail
cd "$(dirname "$0")/.."

run_packages="cmake g++ make pkg-config espeak-ng"
test_packages="$run_packages chromium fonts-noto-cjk sip-tester baresip-core"

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

# The ONNX Runtime library, out of its Python wheel: models in ONNX run when it is there. Without it
# everything else works, so `run` goes on with a sentence.
onnx_version=1.32.0
onnx_runtime() {
  [ -e .runtime/libonnxruntime.so ] && return
  command -v python3 >/dev/null && python3 -m pip --version >/dev/null 2>&1 || install python3 python3-pip
  echo "Fetching the ONNX Runtime library $onnx_version into .runtime/"
  local wheel="target/onnxruntime-wheel"
  mkdir -p .runtime "$wheel"
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --python-version 3.12 \
    --implementation cp --platform "manylinux_2_28_$(uname -m)" --platform "manylinux_2_27_$(uname -m)" \
    --dest "$wheel" "onnxruntime==$onnx_version"
  python3 - "$wheel" <<'PY'
import glob, sys, zipfile
wheel = zipfile.ZipFile(glob.glob(sys.argv[1] + "/onnxruntime-*.whl")[0])
name = next(n for n in wheel.namelist() if "/libonnxruntime.so" in n)
open(".runtime/libonnxruntime.so.part", "wb").write(wheel.read(name))
PY
  mv .runtime/libonnxruntime.so.part .runtime/libonnxruntime.so
  rm -rf "$wheel"
}

deny() {
  command -v cargo-deny >/dev/null && return
  echo "Installing cargo-deny (checks licences and sources of dependencies)"
  CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_LTO=off \
    cargo install cargo-deny --locked --quiet --no-default-features --target-dir target/deny
}

case "${1:-}" in
  run) rust; install $run_packages; install_node; onnx_runtime || echo "The ONNX Runtime library was not fetched: models in ONNX can't be used until it is; the rest works." >&2 ;;
  test) rust; install $test_packages; install_node; onnx_runtime ;;
  node) install_node ;;
  deny) deny ;;
  *) echo "usage: scripts/setup.sh run|test|node|deny" >&2; exit 2 ;;
esac

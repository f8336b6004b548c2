#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Assembles the portal: build.sh DEST [STAMP]. DEST/ gets index.html and assets/. The browser's RFB library and the
# font come from the npm registry, exactly as package-lock.json says, and none of their install scripts run.
set -eu

source_dir=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
dest=${1:?"usage: build.sh DEST [STAMP]"}
work=$dest.npm
key=$work/key

mkdir -p "$work"
want=$(cat "$source_dir/package.json" "$source_dir/package-lock.json" | sha256sum)
if [ ! -f "$key" ] || [ "$(cat "$key")" != "$want" ]; then
    rm -f "$key"
    cp "$source_dir/package.json" "$source_dir/package-lock.json" "$work/"
    (cd "$work" && npm ci --ignore-scripts --omit=dev --no-audit --no-fund --loglevel=error >&2)
    printf '%s\n' "$want" >"$key"
fi

novnc=$work/node_modules/@novnc/novnc
font=$work/node_modules/@fontsource-variable/atkinson-hyperlegible-next
new=$dest.new
rm -rf "$new"
mkdir -p "$new/assets/novnc/vendor" "$new/assets/font" "$new/assets/vendor"
cp -R "$source_dir/src/." "$new/"
cp -R "$novnc/core" "$new/assets/novnc/"
cp -R "$novnc/vendor/pako" "$new/assets/novnc/vendor/"
cp "$novnc/LICENSE.txt" "$new/assets/novnc/LICENSE.txt"
sed -f "$source_dir/fzstd.sed" "$work/node_modules/fzstd/esm/index.mjs" >"$new/assets/vendor/fzstd.js"
[ "$(grep -c "slide(this\.s, blk);\|st\.own = st\.own" "$new/assets/vendor/fzstd.js")" = 2 ] || {
    echo "build.sh: fzstd is not the version that fzstd.sed mends" >&2
    exit 1
}
cp "$work/node_modules/fzstd/LICENSE" "$new/assets/vendor/fzstd-LICENSE.txt"
cp "$font/files/atkinson-hyperlegible-next-latin-wght-normal.woff2" "$new/assets/font/latin.woff2"
cp "$font/files/atkinson-hyperlegible-next-latin-ext-wght-normal.woff2" "$new/assets/font/latin-ext.woff2"
cp "$font/LICENSE" "$new/assets/font/LICENSE.txt"
find "$new" -type d -exec chmod 755 {} + -o -type f -exec chmod 644 {} +

rm -rf "$dest.old"
if [ -e "$dest" ]; then
    mv "$dest" "$dest.old"
fi
mv "$new" "$dest"
rm -rf "$dest.old"
if [ $# -gt 1 ]; then
    : >"$2"
fi

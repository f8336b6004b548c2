#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Copies the built portal into place: install.sh BUILT DIRECTORY (below the prefix). Run by `meson install`.
set -eu

to=$MESON_INSTALL_DESTDIR_PREFIX/$2
mkdir -p "$to"
cp -R "$1/." "$to/"

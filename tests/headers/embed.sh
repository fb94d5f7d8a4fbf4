#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs librune into a scratch folder, builds examples/embed.c against it with pkg-config alone, and runs it.
#     embed.sh BUILD_DIR SOURCE_DIR
set -eu
build=$1 source=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
command -v pkg-config >/dev/null || { echo "skipped: no pkg-config"; exit 77; }
# The libraries and headers alone: programs may not be built yet.
mkdir -p "$scratch/lib/pkgconfig" "$scratch/include"
cp -P $(find "$build" -maxdepth 2 "(" -name "librune.so*" -o -name librune.a ")") "$scratch/lib/"
cp -r "$source/include/rune" "$scratch/include/"
sed -e "s|^prefix=.*|prefix=$scratch|" -e "s|^libdir=.*|libdir=$scratch/lib|" -e "s|^includedir=.*|includedir=$scratch/include|" \
    "$build/rune.pc" > "$scratch/lib/pkgconfig/rune.pc"
export PKG_CONFIG_PATH="$scratch/lib/pkgconfig"
${CC:-cc} -Wall -Wextra -Werror "$source/examples/embed.c" $(pkg-config --cflags --libs rune) -o "$scratch/embed"
export LD_LIBRARY_PATH="$scratch/lib"
expect() { # what it must print, then its arguments
    want=$1; shift
    got=$("$scratch/embed" "$source/examples/docshare" "$@" || true)
    [ "$got" = "$want" ] || { echo "embed $*: wanted '$want', got '$got'"; exit 1; }
}
expect "PERMIT owner" alice edit roadmap
expect "PERMIT shared-with-team" bob edit roadmap
expect "DENY" gwen edit roadmap
# Nothing but the public interface leaves the shared library.
extra=$(nm -D --defined-only "$scratch/lib/librune.so" | awk '$2 ~ /[TDBR]/ {print $3}' | grep -v '^rune_' || true)
[ -z "$extra" ] || { echo "exported without being public: $extra"; exit 1; }
echo ok

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# make_images.sh RUNE SOURCE OUT: images of the bundles in tests/fuzz/images and examples, as seeds of those fuzz targets that
# take images: made anew with each build, since an image of another format version is refused at its first words.
# OUT/verified/NAME is the image; OUT/image/NAME has one byte more, which says what the target repairs (nothing).
set -eu
rune=$1 source=$2 out=$3
mkdir -p "$out/verified" "$out/image"
for bundle in "$source"/tests/fuzz/images/*.rune "$source"/examples/*/; do
    name=$(basename "$bundle" .rune)
    "$rune" build "$bundle" -o "$out/verified/$name" >/dev/null
    { cat "$out/verified/$name" && printf '\000'; } >"$out/image/$name"
done

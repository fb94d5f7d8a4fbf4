# SPDX-License-Identifier: Apache-2.0
# Libraries of the system, each an imported target. All come from Debian 12 (tools/dev setup installs them).
include(CheckLinkerFlag)
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(CRYPTO REQUIRED IMPORTED_TARGET libcrypto)   # PkgConfig::CRYPTO: hash.c, guard, http, observe
pkg_check_modules(SSL REQUIRED IMPORTED_TARGET libssl)         # PkgConfig::SSL: http
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash)   # headers only (XXH_INLINE_ALL)
pkg_check_modules(H2O REQUIRED IMPORTED_TARGET libh2o-evloop)  # PkgConfig::H2O: http
pkg_check_modules(URCU REQUIRED IMPORTED_TARGET liburcu-memb)  # PkgConfig::URCU: live
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)       # PkgConfig::ZSTD
pkg_check_modules(SECCOMP REQUIRED IMPORTED_TARGET libseccomp) # PkgConfig::SECCOMP: server
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3)     # PkgConfig::SQLITE: observe
pkg_check_modules(ARGON2 REQUIRED IMPORTED_TARGET libargon2)   # PkgConfig::ARGON2: guard
if(RUNE_TESTS)
    pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)
    pkg_check_modules(CURL REQUIRED IMPORTED_TARGET libcurl)   # PkgConfig::CURL: end-to-end tests
endif()

# What bin/rune alone links into itself (its property RUNE_SELF_CONTAINED): loading these libraries takes longer than to
# build a small bundle, most of it to relocate what is never called. Where there is no archive, they stay shared.
define_property(TARGET PROPERTY RUNE_SELF_CONTAINED BRIEF_DOCS "Few shared libraries" FULL_DOCS "When it is linked")
find_library(RUNE_CRYPTO_ARCHIVE NAMES libcrypto.a HINTS ${CRYPTO_LIBRARY_DIRS})
add_library(rune_crypto INTERFACE) # SHA-256, for base/hash.c
if(RUNE_CRYPTO_ARCHIVE)
    target_include_directories(rune_crypto INTERFACE ${CRYPTO_INCLUDE_DIRS})
    target_link_libraries(rune_crypto INTERFACE
        $<IF:$<BOOL:$<TARGET_PROPERTY:RUNE_SELF_CONTAINED>>,${RUNE_CRYPTO_ARCHIVE},PkgConfig::CRYPTO>)
else()
    target_link_libraries(rune_crypto INTERFACE PkgConfig::CRYPTO)
endif()
check_linker_flag(CXX -static-libstdc++ RUNE_HAS_STATIC_CXX)

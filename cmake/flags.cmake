# SPDX-License-Identifier: Apache-2.0
# The flags of every file, on one interface target: rune_flags.
add_library(rune_flags INTERFACE)

target_include_directories(rune_flags INTERFACE
    "${PROJECT_SOURCE_DIR}/src" "${PROJECT_SOURCE_DIR}" "${PROJECT_SOURCE_DIR}/include")
target_compile_definitions(rune_flags INTERFACE _GNU_SOURCE H2O_USE_LIBUV=0)

set(RUNE_WARNINGS -Wall -Wextra -Wshadow -Wconversion -Wvla -Wcast-align -Wundef -Wformat=2)
if(RUNE_WERROR)
    list(APPEND RUNE_WARNINGS -Werror)
endif()
target_compile_options(rune_flags INTERFACE
    ${RUNE_WARNINGS}
    $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes -Wmissing-prototypes>
    -fno-omit-frame-pointer
    # Objects are position independent for librune.so; nobody interposes our own functions, so they may be inlined.
    -fno-semantic-interposition
    -fno-common
    # Mapped bytes are read through structs, and RUNE_VEC grows typed arrays through a void pointer.
    -fno-strict-aliasing)

# Our own four build types, so that flags are the same everywhere. NDEBUG removes expensive checks only: an assert
# never guards input and never has an effect.
set(CMAKE_C_FLAGS_RELEASE "-O2 -g -DNDEBUG")
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g -DNDEBUG")
set(CMAKE_C_FLAGS_DEBUG "-O0 -g")
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g")
if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "Release or Debug" FORCE)
endif()

if(RUNE_SANITIZE)
    set(_sanitize -fsanitize=${RUNE_SANITIZE} -fno-sanitize-recover=all -O1)
    target_compile_options(rune_flags INTERFACE ${_sanitize})
    target_link_options(rune_flags INTERFACE ${_sanitize})
elseif(CMAKE_BUILD_TYPE STREQUAL "Release")
    target_compile_definitions(rune_flags INTERFACE _FORTIFY_SOURCE=2)
    target_compile_options(rune_flags INTERFACE -fstack-protector-strong)
    target_link_options(rune_flags INTERFACE -Wl,-z,relro,-z,now,-z,noexecstack)
endif()

if(RUNE_FUZZ)
    if(NOT CMAKE_C_COMPILER_ID STREQUAL "Clang")
        message(FATAL_ERROR "RUNE_FUZZ needs clang: cmake --preset fuzz")
    endif()
    target_compile_options(rune_flags INTERFACE -fsanitize=fuzzer-no-link)
    target_link_options(rune_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

if(RUNE_ARENA_DEBUG)
    target_compile_definitions(rune_flags INTERFACE RUNE_ARENA_DEBUG)
endif()

if(RUNE_COVERAGE)
    target_compile_options(rune_flags INTERFACE --coverage -fprofile-abs-path)
    target_link_options(rune_flags INTERFACE --coverage)
endif()

# The rooms that a decision passes through are optimised further, and across files where they are linked into bin/rune,
# bin/runed and librune.so (the targets with the property RUNE_LTO_LINK). Objects hold machine code as well, which all
# other programs are linked from: their links stay quick. The rooms of the languages are optimised further by themselves:
# across files they would take another 8 % off a build, and double the time of each link.
set(RUNE_HOT_ROOMS base shm model eval engine live http)
set(RUNE_WARM_ROOMS cedar datalog)
set(RUNE_HOT_OPTIONS "")
set(RUNE_WARM_OPTIONS "")
define_property(TARGET PROPERTY RUNE_LTO_LINK BRIEF_DOCS "Optimise across files" FULL_DOCS "When this target is linked")
if(CMAKE_BUILD_TYPE STREQUAL "Release" AND NOT RUNE_SANITIZE AND NOT RUNE_COVERAGE)
    list(APPEND RUNE_WARM_OPTIONS $<$<COMPILE_LANGUAGE:C>:-O3>)
    # gcc clears and copies structures by `rep stos` and `rep movs`, whose start takes longer than the work.
    if(CMAKE_C_COMPILER_ID STREQUAL "GNU" AND CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
        foreach(_what memset memcpy)
            list(APPEND RUNE_WARM_OPTIONS
                $<$<COMPILE_LANGUAGE:C>:-m${_what}-strategy=unrolled_loop:256:noalign,libcall:-1:noalign>)
        endforeach()
    endif()
    set(RUNE_HOT_OPTIONS ${RUNE_WARM_OPTIONS})
    if(RUNE_LTO AND CMAKE_C_COMPILER_ID STREQUAL "GNU")
        list(APPEND RUNE_HOT_OPTIONS $<$<COMPILE_LANGUAGE:C>:-flto=auto> $<$<COMPILE_LANGUAGE:C>:-ffat-lto-objects>)
        target_link_options(rune_flags INTERFACE
            $<IF:$<BOOL:$<TARGET_PROPERTY:RUNE_LTO_LINK>>,-flto=auto,-fno-lto>)
    endif()
endif()

# SPDX-License-Identifier: Apache-2.0
# Tests see RUNE_SHARED (the material beside the project, may be missing) and RUNE_SOURCE_DIR in their environment and
# run in the build folder. Labels: unit conformance e2e fault fuzz bench concurrency.

set(RUNE_TEST_SHARED "${PROJECT_SOURCE_DIR}/../shared")
if(DEFINED ENV{RUNE_SHARED})
    set(RUNE_TEST_SHARED "$ENV{RUNE_SHARED}")
endif()

function(_rune_test_properties name timeout labels)
    set_tests_properties(${name} PROPERTIES LABELS "${labels}" TIMEOUT ${timeout} SKIP_RETURN_CODE 77
        ENVIRONMENT "RUNE_SHARED=${RUNE_TEST_SHARED};RUNE_SOURCE_DIR=${PROJECT_SOURCE_DIR};RUNE_BUILD_DIR=${PROJECT_BINARY_DIR};UBSAN_OPTIONS=print_stacktrace=1;TSAN_OPTIONS=halt_on_error=1")
endfunction()

# rune_test(NAME ROOM file... [DEPENDS target...] [LABELS label...] [TIMEOUT seconds])
#   A cmocka test program NAME over the room's library (rune_ROOM). Label `unit` unless told. Exit 77 is "skipped".
function(rune_test name room)
    cmake_parse_arguments(PARSE_ARGV 2 ARG "" "TIMEOUT" "DEPENDS;LABELS")
    if(NOT ARG_LABELS)
        set(ARG_LABELS unit)
    endif()
    if(NOT ARG_TIMEOUT)
        set(ARG_TIMEOUT 120)
    endif()
    add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/tests")
    target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}/tests")
    target_compile_options(${name} PRIVATE -Wno-conversion -Wno-sign-conversion)
    target_link_libraries(${name} PRIVATE rune_${room} ${ARG_DEPENDS} PkgConfig::CMOCKA rune_flags)
    add_test(NAME ${name} COMMAND ${name})
    _rune_test_properties(${name} ${ARG_TIMEOUT} "${ARG_LABELS}")
endfunction()

# rune_tool_test(NAME LABELS label... [TIMEOUT seconds] COMMAND command...)
#   A test that is a command (a script, or a program of ours with arguments).
function(rune_tool_test name)
    cmake_parse_arguments(PARSE_ARGV 1 ARG "" "TIMEOUT" "LABELS;COMMAND")
    if(NOT ARG_TIMEOUT)
        set(ARG_TIMEOUT 300)
    endif()
    add_test(NAME ${name} COMMAND ${ARG_COMMAND})
    _rune_test_properties(${name} ${ARG_TIMEOUT} "${ARG_LABELS}")
endfunction()

# rune_fuzz(TARGET ROOM file... [DEPENDS target...])
#   A fuzz target (file.c with LLVMFuzzerTestOneInput). With the fuzz preset it is libFuzzer's program bin
#   build/fuzz/fuzz/TARGET; in every other build the standalone driver replays tests/fuzz/corpus/TARGET as a test. MADE:
#   seeds are made with the build, too (tests/fuzz/make_images.sh).
function(rune_fuzz target room)
    cmake_parse_arguments(PARSE_ARGV 2 ARG "MADE" "" "DEPENDS")
    set(program fuzz_${target})
    set(corpus "${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${target}")
    if(NOT EXISTS "${corpus}")
        set(corpus)
    endif()
    if(ARG_MADE)
        list(APPEND corpus "${PROJECT_BINARY_DIR}/fuzz/seeds/${target}")
    endif()
    add_executable(${program} ${ARG_UNPARSED_ARGUMENTS})
    set_target_properties(${program} PROPERTIES
        OUTPUT_NAME ${target} RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/fuzz")
    target_include_directories(${program} PRIVATE "${PROJECT_SOURCE_DIR}/tests")
    target_link_libraries(${program} PRIVATE rune_${room} ${ARG_DEPENDS} rune_flags)
    if(RUNE_FUZZ)
        target_link_options(${program} PRIVATE -fsanitize=fuzzer)
        add_test(NAME ${program} COMMAND ${program} -runs=0 ${corpus})
    else()
        target_sources(${program} PRIVATE "${PROJECT_SOURCE_DIR}/tests/fuzz/driver.c")
        add_test(NAME ${program} COMMAND ${program} ${corpus})
    endif()
    _rune_test_properties(${program} 120 fuzz)
endfunction()

# SPDX-License-Identifier: Apache-2.0
# rune_room(NAME SOURCES file... [DEPENDS target...] [LIBRUNE])
#   One static library rune_NAME out of the listed files of this folder. DEPENDS names the rooms it may include
#   (rune_base ...) and system libraries (PkgConfig::H2O ...). LIBRUNE: part of librune. A room without sources is an
#   empty interface, so that those that depend on it configure.
function(rune_room name)
    cmake_parse_arguments(PARSE_ARGV 1 ARG "LIBRUNE" "" "SOURCES;DEPENDS")
    set(target rune_${name})
    if(NOT ARG_SOURCES)
        add_library(${target} INTERFACE)
        target_link_libraries(${target} INTERFACE rune_flags ${ARG_DEPENDS})
        return()
    endif()
    add_library(${target} STATIC ${ARG_SOURCES})
    target_link_libraries(${target} PUBLIC rune_flags ${ARG_DEPENDS})
    if(ARG_LIBRUNE)
        set_property(GLOBAL APPEND PROPERTY RUNE_LIBRUNE_ROOMS ${target})
    endif()
endfunction()

# rune_program(NAME SOURCES file... [DEPENDS target...])
#   The executable bin/NAME, installed. Nothing happens while it has no sources.
function(rune_program name)
    cmake_parse_arguments(PARSE_ARGV 1 ARG "" "" "SOURCES;DEPENDS")
    if(NOT ARG_SOURCES)
        return()
    endif()
    add_executable(${name}_program ${ARG_SOURCES})
    set_target_properties(${name}_program PROPERTIES OUTPUT_NAME ${name})
    target_link_libraries(${name}_program PRIVATE rune_flags ${ARG_DEPENDS})
    install(TARGETS ${name}_program RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endfunction()

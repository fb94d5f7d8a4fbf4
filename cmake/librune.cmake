# SPDX-License-Identifier: Apache-2.0
# librune, static and shared: the rooms base to engine. The shared library exports the functions that the headers of
# include/rune declare, and nothing else.
get_property(_rooms GLOBAL PROPERTY RUNE_LIBRUNE_ROOMS)
set(_objects "")
foreach(_room IN LISTS _rooms)
    list(APPEND _objects $<TARGET_OBJECTS:${_room}>)
endforeach()

file(GLOB _headers CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/include/rune/*.h")
set(_map "${PROJECT_BINARY_DIR}/librune.map")
add_custom_command(OUTPUT "${_map}"
    COMMAND ${CMAKE_COMMAND} "-DHEADERS=${_headers}" "-DOUTPUT=${_map}" -P "${PROJECT_SOURCE_DIR}/cmake/export_map.cmake"
    DEPENDS ${_headers} "${PROJECT_SOURCE_DIR}/cmake/export_map.cmake"
    COMMENT "Exports of librune.so" VERBATIM)
add_custom_target(librune_map DEPENDS "${_map}")

set(_libs PkgConfig::CRYPTO Threads::Threads)

add_library(rune_static STATIC ${_objects})
set_target_properties(rune_static PROPERTIES OUTPUT_NAME rune LINKER_LANGUAGE CXX)
target_link_libraries(rune_static PUBLIC ${_libs})
target_include_directories(rune_static INTERFACE "${PROJECT_SOURCE_DIR}/include")

add_library(rune_shared SHARED ${_objects})
set_target_properties(rune_shared PROPERTIES
    OUTPUT_NAME rune LINKER_LANGUAGE CXX RUNE_LTO_LINK ON
    VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}
    LINK_DEPENDS "${_map}")
target_link_libraries(rune_shared PRIVATE rune_flags PUBLIC ${_libs})
target_link_options(rune_shared PRIVATE "-Wl,--version-script=${_map}")
target_include_directories(rune_shared INTERFACE "${PROJECT_SOURCE_DIR}/include")
add_dependencies(rune_shared librune_map)

configure_file(cmake/rune.pc.in "${PROJECT_BINARY_DIR}/rune.pc" @ONLY)
install(TARGETS rune_static rune_shared
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/rune" DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES "${PROJECT_BINARY_DIR}/rune.pc" DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES "${PROJECT_SOURCE_DIR}/deploy/runed.service" "${PROJECT_SOURCE_DIR}/deploy/runed.toml"
    DESTINATION ${CMAKE_INSTALL_DATADIR}/rune)

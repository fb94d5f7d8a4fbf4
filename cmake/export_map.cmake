# SPDX-License-Identifier: Apache-2.0
# cmake -DHEADERS=a.h;b.h -DOUTPUT=librune.map -P export_map.cmake
# Writes a linker version script that exports each function declared in the headers.
set(names "")
foreach(header IN LISTS HEADERS)
    file(READ "${header}" text)
    string(REGEX REPLACE "/\\*([^*]|\\*+[^*/])*\\*+/" "" text "${text}")
    string(REGEX MATCHALL "rune_[a-z0-9_]+\\(" found "${text}")
    list(APPEND names ${found})
endforeach()
list(SORT names)
list(REMOVE_DUPLICATES names)
set(script "{\nglobal:\n")
foreach(name IN LISTS names)
    string(REPLACE "(" "" name "${name}")
    string(APPEND script "    ${name};\n")
endforeach()
string(APPEND script "local:\n    *;\n};\n")
file(WRITE "${OUTPUT}" "${script}")

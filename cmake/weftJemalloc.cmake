# SPDX-License-Identifier: MIT
# weft::jemalloc, for executables: the allocator that weft's figures are
# measured with. Installed, too: find_package(weft COMPONENTS jemalloc).
if(NOT TARGET weft::jemalloc)
    find_package(PkgConfig QUIET)
    if(PkgConfig_FOUND)
        pkg_check_modules(JEMALLOC QUIET IMPORTED_TARGET jemalloc)
    endif()
    if(JEMALLOC_FOUND)
        add_library(weft::jemalloc INTERFACE IMPORTED)
        set_target_properties(weft::jemalloc PROPERTIES
            INTERFACE_LINK_LIBRARIES PkgConfig::JEMALLOC)
    endif()
endif()

# SPDX-License-Identifier: MIT
# cmake --install: headers, library, weft.pc, and what find_package(weft) reads.
include(CMakePackageConfigHelpers)

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/weft)

install(TARGETS weft EXPORT weftTargets
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
        FILES_MATCHING PATTERN "*.h")
install(EXPORT weftTargets NAMESPACE weft:: DESTINATION ${package})

configure_package_config_file(cmake/weftConfig.cmake.in weftConfig.cmake
                              INSTALL_DESTINATION ${package})
# 0.x promises no ABI: only the same minor version will do.
write_basic_package_version_file(weftConfigVersion.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/weftConfig.cmake
              ${PROJECT_BINARY_DIR}/weftConfigVersion.cmake
              cmake/weftJemalloc.cmake
        DESTINATION ${package})

# Who links the archive needs what it needs; the shared library brings it.
set(WEFT_PC_UNWIND)
if(WEFT_UNWIND)
    set(WEFT_PC_UNWIND " -l${WEFT_UNWIND}")
endif()
if(BUILD_SHARED_LIBS)
    set(WEFT_PC_REQUIRES "Requires.private: liburing")
    set(WEFT_PC_LIBS "Libs: -L\${libdir} -lweft\nLibs.private:${WEFT_PC_UNWIND} -pthread")
else()
    set(WEFT_PC_REQUIRES "Requires: liburing")
    set(WEFT_PC_LIBS "Libs: -L\${libdir} -lweft${WEFT_PC_UNWIND} -pthread")
endif()
# Relative, so that an installed tree can be moved.
file(RELATIVE_PATH WEFT_PC_PREFIX
     ${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_LIBDIR}/pkgconfig
     ${CMAKE_INSTALL_PREFIX})
string(REGEX REPLACE "/$" "" WEFT_PC_PREFIX ${WEFT_PC_PREFIX})
configure_file(cmake/weft.pc.in weft.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/weft.pc
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# SPDX-License-Identifier: MIT
# What weft stands on. scripts/install-deps.sh knows the Debian packages.
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(LIBURING REQUIRED IMPORTED_TARGET liburing>=2.3)

# Not a part of libweft: programs link it if they like. The sanitizers bring an
# allocator of their own.
if(NOT WEFT_SANITIZE)
    include(${CMAKE_CURRENT_LIST_DIR}/weftJemalloc.cmake)
endif()

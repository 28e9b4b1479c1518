# SPDX-License-Identifier: MIT
# What weft stands on. scripts/install-deps.sh knows the Debian packages.
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(LIBURING REQUIRED IMPORTED_TARGET liburing>=2.3)

# Backtraces of tasks. By its part for any address space: the part for one's
# own exports _Unwind_RaiseException and would stand in the way of C++. Without
# it, and on other machines, they follow the frame pointers.
option(WEFT_LIBUNWIND "Unwind by libunwind on x86-64" ON)
if(WEFT_LIBUNWIND AND CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|amd64|AMD64)$")
    find_library(WEFT_UNWIND_LIBRARY unwind-x86_64 REQUIRED)
    mark_as_advanced(WEFT_UNWIND_LIBRARY)
    set(WEFT_UNWIND unwind-x86_64)
endif()

# Not a part of libweft: programs link it if they like. The sanitizers bring an
# allocator of their own.
if(NOT WEFT_SANITIZE)
    include(${CMAKE_CURRENT_LIST_DIR}/weftJemalloc.cmake)
endif()

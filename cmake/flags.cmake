# SPDX-License-Identifier: MIT
# How everything in this tree is compiled and linked. Directory scope: none of
# it reaches a project that uses weft.
include(CheckCCompilerFlag)
include(CheckPIESupported)

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)
# A switch between stacks is invisible to the compiler. Link-time optimisation
# would let it see through the calls that stand for one.
set(CMAKE_INTERPROCEDURAL_OPTIMIZATION OFF)

# Objects fit a shared library as well; executables are position-independent.
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
check_pie_supported(LANGUAGES C)

set(sanitized "$<BOOL:${WEFT_SANITIZE}>")
set(optimised "$<CONFIG:Release,RelWithDebInfo,MinSizeRel>")

# Traces: profilers, sanitizers and our own dumps walk frame pointers.
add_compile_options(-fno-omit-frame-pointer -fno-lto)
# Switches of stacks are jumps in the middle of functions: see sched/context.h.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|amd64|AMD64)$")
    add_compile_options(-mno-red-zone)
endif()
# __FILE__ names a file of the tree, not of a machine.
add_compile_options(-fmacro-prefix-map=${PROJECT_SOURCE_DIR}/=)
add_compile_options($<$<COMPILE_LANGUAGE:C>:-fno-semantic-interposition>)

# Hardening; tests/checks/hardening.sh looks at what came of it.
add_compile_options($<$<COMPILE_LANGUAGE:C>:-fstack-protector-strong>)
# clang 14 does not know this one for aarch64.
check_c_compiler_flag("-Werror -fstack-clash-protection" WEFT_STACK_CLASH)
if(WEFT_STACK_CLASH)
    add_compile_options($<$<COMPILE_LANGUAGE:C>:-fstack-clash-protection>)
endif()
add_compile_options(
    "$<$<AND:$<COMPILE_LANGUAGE:C>,${optimised},$<NOT:${sanitized}>>:-U_FORTIFY_SOURCE;-D_FORTIFY_SOURCE=3>")
add_link_options(-Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack)

if(WEFT_SANITIZE)
    list(JOIN WEFT_SANITIZE "," names)
    add_compile_options(-fsanitize=${names} -fno-sanitize-recover=all)
    add_link_options(-fsanitize=${names})
    add_compile_definitions(WEFT_EXPENSIVE)
endif()

if(PROJECT_IS_TOP_LEVEL)
    set(warnings
        -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes
        -Wmissing-prototypes -Wold-style-definition -Wvla -Wundef
        -Wpointer-arith -Wformat=2 -Wno-format-nonliteral
        -Wimplicit-fallthrough -Wdouble-promotion -Wnested-externs)
    if(CMAKE_C_COMPILER_ID MATCHES Clang)
        # gcc's -Wpedantic has no way to say: but GNU C is meant.
        list(APPEND warnings -Wpedantic -Wno-gnu)
    endif()
    if(WEFT_WERROR)
        list(APPEND warnings -Werror)
    endif()
    add_compile_options("$<$<COMPILE_LANGUAGE:C>:${warnings}>")
endif()

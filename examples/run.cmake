# SPDX-License-Identifier: MIT
# Runs PROGRAM, which must exit with 0. If there is a file EXPECTED, what the
# program prints, on stdout and stderr together, must be that.
execute_process(COMMAND ${PROGRAM} RESULT_VARIABLE status
                OUTPUT_VARIABLE output ERROR_VARIABLE output)
message("${output}")
if(NOT status STREQUAL "0")
    message(FATAL_ERROR "exit ${status}")
endif()
if(EXISTS "${EXPECTED}")
    file(READ "${EXPECTED}" expected)
    if(NOT output STREQUAL expected)
        message(FATAL_ERROR "not as expected:\n${expected}")
    endif()
endif()

// SPDX-License-Identifier: MIT
/*
 * What holds of every page that weft-perf writes.
 */
#ifndef WEFT_TEST_PERF_PAGE_H
#define WEFT_TEST_PERF_PAGE_H

/** Each element ends where it should; it stands alone, and nothing fell off a
 * scale. */
void test_page(const char *text);

#endif

// SPDX-License-Identifier: MIT
/* The table of jobs, and how a child of a pool begins. */
#ifndef WEFT_EXEC_CHILD_H
#define WEFT_EXEC_CHILD_H

#include <weft/process.h>

#define WEFT__CHILD_FD 3
#define WEFT__CHILD_ENV "WEFT_CHILD" /* "privileges memory niceness" */

/** A job's name for "only say that you are there". */
#define WEFT__CHILD_HELLO "."

/** A job by its name, which need not be terminated; NULL: there is none. */
const struct weft_job_entry *weft__child_job(const char *name, size_t size);

/** Is this process a child that has not entered its loop? Then it runs main()
 * as its parent did, and must not have children of its own. */
bool weft__child_is_one(void);

/** If it is a child: work, and do not return. Called by weft_run(), too, which
 * is below: there it is a weak reference, so that only programs that use pools
 * of processes have it. */
void weft__child_enter(void);

#endif

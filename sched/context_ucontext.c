// SPDX-License-Identifier: MIT
/*
 * context.h by ucontext(3): for machines without a file of assembler, and to
 * tell a bug of ours from one of theirs. Two syscalls a switch (the signal mask
 * is saved and restored), so never the default. Chosen by -DWEFT_CONTEXT.
 *
 * What the others keep as a stack pointer is here the address of a `saved`,
 * which lies on the stack that was left.
 */
#include "sched/context.h"

#include "sched/base.h"

#include <ucontext.h>

#define START_SIZE ((size_t)16 << 10) /* of the stack, below its `saved` */

struct saved {
    ucontext_t context;
    void *pass;
    void (*entry)(void *pass);
};

void *weft__context_switch(void **save_sp, void *to_sp, void *pass)
{
    struct saved here;
    struct saved *to = to_sp;
    *save_sp = &here;
    to->pass = pass;
    WEFT__REQUIRE(swapcontext(&here.context, &to->context) == 0);
    return here.pass;
}

/* makecontext(3) passes ints only. */
static void start(unsigned high, unsigned low)
{
    uintptr_t address = (uintptr_t)high << 16 << 16 | low;
    struct saved *saved = (struct saved *)address;
    saved->entry(saved->pass);
    __builtin_trap();
}

void *weft__context_make(void *top, void (*entry)(void *pass))
{
    uintptr_t at = ((uintptr_t)top - sizeof(struct saved)) & ~(uintptr_t)63;
    struct saved *saved = (struct saved *)at;
    WEFT__REQUIRE(getcontext(&saved->context) == 0);
    saved->entry = entry;
    saved->context.uc_link = NULL;
    saved->context.uc_stack.ss_sp = (void *)(at - START_SIZE);
    saved->context.uc_stack.ss_size = START_SIZE;
    makecontext(&saved->context, (void (*)(void))start, 2,
                (unsigned)(at >> 16 >> 16), (unsigned)at);
    return saved;
}

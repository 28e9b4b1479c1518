// SPDX-License-Identifier: MIT
/*
 * The switch of bare_switch.h: save what a callee must save on the old stack,
 * take the new one, restore, and leave by an indirect jump. (Leaving by `ret`
 * would cost three times as much: the core predicts that a function returns to
 * where it was called from.)
 */
#include "perf/bare_switch.h"

#include <stdlib.h>

#include <weft/time.h>

#define STACK_SIZE 16384

#if defined(__x86_64__)
#define SAVED_WORDS 7 /* r15 r14 r13 r12 rbx rbp, then where to go */
#define ENTRY_WORD 6
__asm__(".text\n"
        ".p2align 4\n"
        ".type perf_switch_to, @function\n"
        "perf_switch_to:\n"
        "    pushq %rbp\n"
        "    pushq %rbx\n"
        "    pushq %r12\n"
        "    pushq %r13\n"
        "    pushq %r14\n"
        "    pushq %r15\n"
        "    movq %rsp, (%rdi)\n"
        "    movq %rsi, %rsp\n"
        "    popq %r15\n"
        "    popq %r14\n"
        "    popq %r13\n"
        "    popq %r12\n"
        "    popq %rbx\n"
        "    popq %rbp\n"
        "    popq %rcx\n"
        "    jmp *%rcx\n"
        ".size perf_switch_to, . - perf_switch_to\n");
#elif defined(__aarch64__)
#define SAVED_WORDS 20 /* x19 to x30, d8 to d15 */
#define ENTRY_WORD 11  /* x30 */
__asm__(".text\n"
        ".p2align 4\n"
        ".type perf_switch_to, @function\n"
        "perf_switch_to:\n"
        "    sub sp, sp, #160\n"
        "    stp x19, x20, [sp, #0]\n"
        "    stp x21, x22, [sp, #16]\n"
        "    stp x23, x24, [sp, #32]\n"
        "    stp x25, x26, [sp, #48]\n"
        "    stp x27, x28, [sp, #64]\n"
        "    stp x29, x30, [sp, #80]\n"
        "    stp d8, d9, [sp, #96]\n"
        "    stp d10, d11, [sp, #112]\n"
        "    stp d12, d13, [sp, #128]\n"
        "    stp d14, d15, [sp, #144]\n"
        "    mov x9, sp\n"
        "    str x9, [x0]\n"
        "    mov sp, x1\n"
        "    ldp x19, x20, [sp, #0]\n"
        "    ldp x21, x22, [sp, #16]\n"
        "    ldp x23, x24, [sp, #32]\n"
        "    ldp x25, x26, [sp, #48]\n"
        "    ldp x27, x28, [sp, #64]\n"
        "    ldp x29, x16, [sp, #80]\n"
        "    ldp d8, d9, [sp, #96]\n"
        "    ldp d10, d11, [sp, #112]\n"
        "    ldp d12, d13, [sp, #128]\n"
        "    ldp d14, d15, [sp, #144]\n"
        "    add sp, sp, #160\n"
        "    br x16\n"
        ".size perf_switch_to, . - perf_switch_to\n");
#endif

#if defined(SAVED_WORDS)

/* Save the present stack in *from and go on where `to` was left. */
void perf_switch_to(void **from, void *to) __asm__("perf_switch_to");

/* The two sides. One thread measures at a time. */
static void *here, *there;

/* The other side: goes back at once, each time. */
static void answer(void)
{
    for (;;) {
        perf_switch_to(&there, here);
    }
}

/* A stack on which `answer` is about to begin. At its entry the stack is
 * aligned as after a call. */
static void *prepare(char *stack)
{
    void **top = (void **)(void *)(stack + STACK_SIZE - 64);

#if defined(__x86_64__)
    top--;
#endif
    top -= SAVED_WORDS;
    for (int i = 0; i < SAVED_WORDS; i++) {
        top[i] = NULL;
    }
    top[ENTRY_WORD] = (void *)(uintptr_t)answer;
    return top;
}

double perf_bare_switch(uint64_t rounds)
{
    char *stack = aligned_alloc(64, STACK_SIZE);
    weft_time start;
    weft_ns took;

    if (stack == NULL || rounds == 0) {
        free(stack);
        return -1;
    }
    there = prepare(stack);
    perf_switch_to(&here, there);
    start = weft_now();
    for (uint64_t i = 0; i < rounds; i++) {
        perf_switch_to(&here, there);
    }
    took = weft_now() - start;
    free(stack);
    return (double)took / (2.0 * (double)rounds);
}

#else

double perf_bare_switch(uint64_t rounds)
{
    (void)rounds;
    return -1;
}

#endif

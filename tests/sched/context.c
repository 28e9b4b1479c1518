// SPDX-License-Identifier: MIT
/*
 * The bare switch: what survives it, what a fresh stack looks like, and that a
 * backtrace ends there. Not run under ThreadSanitizer, which would have to be
 * told of every switch; the runtime's own tests do that.
 *
 * Assertions are made on the test's own stack only: entries leave their
 * findings in variables.
 */
#include "sched/context.h"

#include <signal.h>
#include <stdlib.h>
#include <unwind.h>

#include "sched/atomic.h"
#include "sched/base.h"
#include "tests/support/scale.h"
#include "tests/support/test.h"

#ifdef WEFT__TSAN
#define BLIND true
#else
#define BLIND false
#endif

#define STACK ((size_t)64 << 10)

static void *home; /* the test's sp, while it is left */

struct side {
    void *sp;
    char *stack;
    uint64_t sum;
};

static void open_side(struct side *side, void (*entry)(void *))
{
    *side = (struct side){.stack = aligned_alloc(64, STACK)};
    cr_assert_not_null(side->stack);
    memset(side->stack, 0xa5, STACK); /* a used one, as from the pool */
    side->sp = weft__context_make(side->stack + STACK, entry);
}

static void *go(struct side *side, void *pass)
{
    return weft__context_switch(&home, side->sp, pass);
}

static void *back(struct side *side, void *pass)
{
    return weft__context_switch(&side->sp, home, pass);
}

/* Adds up what it is passed and gives back the sum. */
static void adder(void *pass)
{
    struct side *self = pass;
    uint64_t sum = 0;

    for (;;)
        sum += (uintptr_t)back(self, (void *)(uintptr_t)sum);
}

Test(context, ping_pong_passes_values_both_ways, .disabled = BLIND)
{
    uint64_t rounds = weft_test_scaled(1000000), sum = 0;
    struct side side;

    open_side(&side, adder);
    cr_assert_null(go(&side, &side));
    for (uint64_t i = 1; i <= rounds; i++) {
        sum += i;
        cr_assert_eq((uintptr_t)go(&side, (void *)(uintptr_t)i), sum);
    }
    free(side.stack);
}

static void counter(void *pass)
{
    struct side *self = pass;
    uint64_t n = 0;

    for (;;) {
        n += 1 + (uintptr_t)self % 7;
        self->sum = n;
        back(self, NULL);
    }
}

Test(context, a_thousand_stacks_keep_apart, .disabled = BLIND)
{
    static struct side sides[1000];

    for (size_t i = 0; i < 1000; i++)
        open_side(&sides[i], counter);
    for (uint64_t round = 1; round <= 20; round++) {
        for (size_t i = 0; i < 1000; i++)
            go(&sides[i], &sides[i]);
        for (size_t i = 0; i < 1000; i++)
            cr_assert_eq(sides[i].sum, round * (1 + (uintptr_t)&sides[i] % 7));
    }
    for (size_t i = 0; i < 1000; i++)
        free(sides[i].stack);
}

/* A ring of stacks, each of which switches straight to the next one. */
static struct side chain[100];
static uint64_t hops;

static void relay(void *pass)
{
    struct side *self = pass;

    for (;;) {
        struct side *next = self + 1;

        hops++;
        if (next == chain + 100)
            back(self, NULL);
        else
            weft__context_switch(&self->sp, next->sp, next);
    }
}

Test(context, stacks_switch_among_themselves, .disabled = BLIND)
{
    for (size_t i = 0; i < 100; i++)
        open_side(&chain[i], relay);
    for (uint64_t round = 1; round <= 10; round++) {
        go(&chain[0], &chain[0]);
        cr_assert_eq(hops, 100 * round);
    }
    for (size_t i = 0; i < 100; i++)
        free(chain[i].stack);
}

/*
 * switch_holding: fill every callee-saved register from `values`, switch, and
 * write back what they hold afterwards.
 */
void *switch_holding(void **save_sp, void *to_sp, void *pass, uint64_t *values);

#if defined(__x86_64__)
#define KEPT 6
#define RETURN_SIGNAL SIGILL
__asm__(".text\n"
        ".type switch_holding, @function\n"
        ".globl switch_holding\n"
        "switch_holding:\n"
        "pushq %rbx; pushq %rbp; pushq %r12; pushq %r13; pushq %r14\n"
        "pushq %r15; pushq %rcx\n"
        "movq 0(%rcx), %rbx;  movq 8(%rcx), %rbp\n"
        "movq 16(%rcx), %r12; movq 24(%rcx), %r13\n"
        "movq 32(%rcx), %r14; movq 40(%rcx), %r15\n"
        "leaq 1f(%rip), %rax\n"
        "jmp weft__context_jump\n"
        "1: popq %rcx\n"
        "movq %rbx, 0(%rcx);  movq %rbp, 8(%rcx)\n"
        "movq %r12, 16(%rcx); movq %r13, 24(%rcx)\n"
        "movq %r14, 32(%rcx); movq %r15, 40(%rcx)\n"
        "popq %r15; popq %r14; popq %r13; popq %r12; popq %rbp; popq %rbx\n"
        "ret\n"
        ".size switch_holding, . - switch_holding\n");
#elif defined(__aarch64__)
#define KEPT 19
#define RETURN_SIGNAL SIGTRAP
__asm__(".text\n"
        ".type switch_holding, %function\n"
        ".globl switch_holding\n"
        "switch_holding:\n"
        "sub sp, sp, #176\n"
        "stp x19, x20, [sp, #0];  stp x21, x22, [sp, #16]\n"
        "stp x23, x24, [sp, #32]; stp x25, x26, [sp, #48]\n"
        "stp x27, x28, [sp, #64]; stp x29, x30, [sp, #80]\n"
        "stp d8, d9, [sp, #96];   stp d10, d11, [sp, #112]\n"
        "stp d12, d13, [sp, #128]; stp d14, d15, [sp, #144]\n"
        "str x3, [sp, #160]\n"
        "ldp x19, x20, [x3, #0];  ldp x21, x22, [x3, #16]\n"
        "ldp x23, x24, [x3, #32]; ldp x25, x26, [x3, #48]\n"
        "ldp x27, x28, [x3, #64]; ldr x29, [x3, #80]\n"
        "ldp d8, d9, [x3, #88];   ldp d10, d11, [x3, #104]\n"
        "ldp d12, d13, [x3, #120]; ldp d14, d15, [x3, #136]\n"
        "bl weft__context_switch\n"
        "ldr x3, [sp, #160]\n"
        "stp x19, x20, [x3, #0];  stp x21, x22, [x3, #16]\n"
        "stp x23, x24, [x3, #32]; stp x25, x26, [x3, #48]\n"
        "stp x27, x28, [x3, #64]; str x29, [x3, #80]\n"
        "stp d8, d9, [x3, #88];   stp d10, d11, [x3, #104]\n"
        "stp d12, d13, [x3, #120]; stp d14, d15, [x3, #136]\n"
        "ldp x19, x20, [sp, #0];  ldp x21, x22, [sp, #16]\n"
        "ldp x23, x24, [sp, #32]; ldp x25, x26, [sp, #48]\n"
        "ldp x27, x28, [sp, #64]; ldp x29, x30, [sp, #80]\n"
        "ldp d8, d9, [sp, #96];   ldp d10, d11, [sp, #112]\n"
        "ldp d12, d13, [sp, #128]; ldp d14, d15, [sp, #144]\n"
        "add sp, sp, #176\n"
        "ret\n"
        ".size switch_holding, . - switch_holding\n");
#endif

static unsigned wrong_registers(const uint64_t *values, uint64_t seed)
{
    unsigned wrong = 0;

    for (unsigned i = 0; i < KEPT; i++)
        wrong += values[i] != seed + i;
    return wrong;
}

static void fill_registers(uint64_t *values, uint64_t seed)
{
    for (unsigned i = 0; i < KEPT; i++)
        values[i] = seed + i;
}

static unsigned wrong_there;

static void holder(void *pass)
{
    struct side *self = pass;
    uint64_t values[KEPT + 1], seed = UINT64_C(0xfedc000000000000);

    for (;; seed += 0x100) {
        fill_registers(values, seed);
        switch_holding(&self->sp, home, NULL, values);
        wrong_there += wrong_registers(values, seed);
    }
}

Test(context, callee_saved_registers_survive, .disabled = BLIND)
{
    uint64_t values[KEPT + 1];
    struct side side;

    open_side(&side, holder);
    for (uint64_t i = 0; i < 1000; i++) {
        fill_registers(values, i << 32);
        switch_holding(&home, side.sp, &side, values);
        cr_assert_eq(wrong_registers(values, i << 32), 0);
    }
    cr_assert_eq(wrong_there, 0);
    free(side.stack);
}

static double float_sum;

static void floats(void *pass)
{
    struct side *self = pass;
    double a = 1.5, b = 2.5, c = 3.5, d = 4.5;

    for (;;) {
        float_sum = a + b * c - d;
        back(self, NULL);
        a += 1, b += 0.5, c += 0.25, d += 2;
    }
}

Test(context, floating_point_values_survive, .disabled = BLIND)
{
    double a = 1.5, b = 2.5, c = 3.5, d = 4.5;
    struct side side;

    open_side(&side, floats);
    for (int i = 0; i < 1000; i++) {
        go(&side, &side);
        cr_assert(a + b * c - d == float_sum, "round %d", i);
        a += 1, b += 0.5, c += 0.25, d += 2;
    }
    free(side.stack);
}

static uintptr_t frame_seen, argument_seen;

static void look_at_frame(void *pass)
{
    frame_seen = (uintptr_t)__builtin_frame_address(0);
    argument_seen = (uintptr_t)pass;
    back(pass, NULL);
}

Test(context, entry_stands_on_an_aligned_stack, .disabled = BLIND)
{
    struct side side;

    open_side(&side, look_at_frame);
    for (size_t below = 0; below < 256; below += 16) {
        char *top = side.stack + STACK - below;

        side.sp = weft__context_make(top, look_at_frame);
        go(&side, &side);
        cr_assert_eq(frame_seen % 16, 0);
        cr_assert(frame_seen < (uintptr_t)top &&
                  frame_seen > (uintptr_t)top - 4096);
        cr_assert_eq(argument_seen, (uintptr_t)&side);
    }
    free(side.stack);
}

static unsigned frames;

static _Unwind_Reason_Code count_frame(struct _Unwind_Context *frame, void *arg)
{
    (void)arg;
    frames += _Unwind_GetIP(frame) != 0;
    return frames < 100 ? _URC_NO_REASON : _URC_END_OF_STACK;
}

static void look_back(void *pass)
{
    _Unwind_Backtrace(count_frame, NULL);
    back(pass, NULL);
}

Test(context, backtrace_ends_at_the_entry, .disabled = BLIND)
{
    struct side side;

    open_side(&side, look_back);
    go(&side, &side);
    cr_assert_eq(frames, 2, "%u frames", frames); /* look_back and start */
    free(side.stack);
}

static void leave(void *pass)
{
    (void)pass;
}

Test(context, entry_that_returns_dies, .signal = RETURN_SIGNAL,
     .disabled = BLIND)
{
    struct side side;

    signal(RETURN_SIGNAL, SIG_DFL); /* AddressSanitizer has its own */
    open_side(&side, leave);
    go(&side, &side);
}

// SPDX-License-Identifier: MIT
/*
 * context.h for AArch64, AAPCS64. A stack that was left holds, from its saved
 * sp upwards: x19 to x28, x29, x30, then d8 to d15; it goes on at x30. The low
 * halves of v8 to v15 are all that a callee keeps of the vectors.
 */
#define FRAME 160

        .text

/* x0: where to save sp, x1: the sp to go to, x2: what to hand over */
        .globl  weft__context_switch
        .hidden weft__context_switch
        .type   weft__context_switch, %function
        .p2align 4
weft__context_switch:
        .cfi_startproc
        sub     sp, sp, #FRAME
        .cfi_def_cfa_offset FRAME
        stp     x19, x20, [sp, #0]
        .cfi_rel_offset x19, 0
        .cfi_rel_offset x20, 8
        stp     x21, x22, [sp, #16]
        .cfi_rel_offset x21, 16
        .cfi_rel_offset x22, 24
        stp     x23, x24, [sp, #32]
        .cfi_rel_offset x23, 32
        .cfi_rel_offset x24, 40
        stp     x25, x26, [sp, #48]
        .cfi_rel_offset x25, 48
        .cfi_rel_offset x26, 56
        stp     x27, x28, [sp, #64]
        .cfi_rel_offset x27, 64
        .cfi_rel_offset x28, 72
        stp     x29, x30, [sp, #80]
        .cfi_rel_offset x29, 80
        .cfi_rel_offset x30, 88
        stp     d8, d9, [sp, #96]
        .cfi_rel_offset d8, 96
        .cfi_rel_offset d9, 104
        stp     d10, d11, [sp, #112]
        .cfi_rel_offset d10, 112
        .cfi_rel_offset d11, 120
        stp     d12, d13, [sp, #128]
        .cfi_rel_offset d12, 128
        .cfi_rel_offset d13, 136
        stp     d14, d15, [sp, #144]
        .cfi_rel_offset d14, 144
        .cfi_rel_offset d15, 152
        mov     x9, sp
        str     x9, [x0]
        /* The other stack has the same layout, so the CFI stays right until
         * the frame is dropped. */
        mov     sp, x1
        mov     x0, x2
        ldp     x19, x20, [sp, #0]
        ldp     x21, x22, [sp, #16]
        ldp     x23, x24, [sp, #32]
        ldp     x25, x26, [sp, #48]
        ldp     x27, x28, [sp, #64]
        ldp     x29, x30, [sp, #80]
        ldp     d8, d9, [sp, #96]
        ldp     d10, d11, [sp, #112]
        ldp     d12, d13, [sp, #128]
        ldp     d14, d15, [sp, #144]
        add     sp, sp, #FRAME
        .cfi_def_cfa_offset 0
        .cfi_restore x19
        .cfi_restore x20
        .cfi_restore x21
        .cfi_restore x22
        .cfi_restore x23
        .cfi_restore x24
        .cfi_restore x25
        .cfi_restore x26
        .cfi_restore x27
        .cfi_restore x28
        .cfi_restore x29
        .cfi_restore x30
        .cfi_restore d8
        .cfi_restore d9
        .cfi_restore d10
        .cfi_restore d11
        .cfi_restore d12
        .cfi_restore d13
        .cfi_restore d14
        .cfi_restore d15
        /* x30 is a plain address, never a signed one: nothing to check. It
         * lies behind a call, where there is no landing pad, so this object
         * must not be marked for BTI; x16 leaves the choice of pad free. */
        mov     x16, x30
        br      x16
        .cfi_endproc
        .size   weft__context_switch, . - weft__context_switch

/* The first frame of every stack: x19 is the entry, x0 what was passed. An
 * unwinder stops here, by the CFI and by x29 alike. */
        .hidden weft__context_start
        .type   weft__context_start, %function
        .p2align 4
weft__context_start:
        .cfi_startproc
        .cfi_undefined x30
        hint    #38 /* bti jc */
        mov     x29, xzr
        mov     x30, xzr
        blr     x19
        brk     #1
        .cfi_endproc
        .size   weft__context_start, . - weft__context_start

/* x0: the top of the stack, x1: the entry */
        .globl  weft__context_make
        .hidden weft__context_make
        .type   weft__context_make, %function
        .p2align 4
weft__context_make:
        .cfi_startproc
        sub     x0, x0, #FRAME
        adrp    x9, weft__context_start
        add     x9, x9, :lo12:weft__context_start
        str     x1, [x0, #0]
        stp     xzr, x9, [x0, #80]
        ret
        .cfi_endproc
        .size   weft__context_make, . - weft__context_make

        .section .note.GNU-stack, "", %progbits

// SPDX-License-Identifier: MIT
/*
 * context.h for x86-64, System V ABI. A stack that was left holds, from its
 * saved sp upwards: r15 r14 r13 r12 rbx rbp, then the address to go on at.
 */
        .text

/* rdi: where to save sp, rsi: the sp to go to, rdx: what to hand over, rax:
 * where to go on. Jumped to, not called: see context.h. */
        .globl  weft__context_jump
        .hidden weft__context_jump
        .type   weft__context_jump, @function
        .p2align 4
weft__context_jump:
        .cfi_startproc
        .cfi_def_cfa_offset 0
        .cfi_register %rip, %rax
        pushq   %rax
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %rip, 0
        pushq   %rbp
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %rbp, 0
        pushq   %rbx
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %rbx, 0
        pushq   %r12
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r12, 0
        pushq   %r13
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r13, 0
        pushq   %r14
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r14, 0
        pushq   %r15
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r15, 0
        movq    %rsp, (%rdi)
        /* The other stack has the same layout, so the CFI stays right. */
        movq    %rsi, %rsp
        movq    %rdx, %rax
        popq    %r15
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r15
        popq    %r14
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r14
        popq    %r13
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r13
        popq    %r12
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r12
        popq    %rbx
        .cfi_adjust_cfa_offset -8
        .cfi_restore %rbx
        popq    %rbp
        .cfi_adjust_cfa_offset -8
        .cfi_restore %rbp
        popq    %rcx
        .cfi_adjust_cfa_offset -8
        .cfi_register %rip, %rcx
        /* It lands behind a jump, where there is no endbr64. */
        notrack jmp *%rcx
        .cfi_endproc
        .size   weft__context_jump, . - weft__context_jump

/* The first frame of every stack: rbx is the entry, rax what was passed. An
 * unwinder stops here, by the CFI and by rbp alike. */
        .hidden weft__context_start
        .type   weft__context_start, @function
        .p2align 4
weft__context_start:
        .cfi_startproc
        .cfi_undefined %rip
        endbr64
        xorl    %ebp, %ebp
        movq    %rax, %rdi
        call    *%rbx
        ud2
        .cfi_endproc
        .size   weft__context_start, . - weft__context_start

/* rdi: the top of the stack, rsi: the entry */
        .globl  weft__context_make
        .hidden weft__context_make
        .type   weft__context_make, @function
        .p2align 4
weft__context_make:
        .cfi_startproc
        /* 16 zero bytes stay above: the end of the chain of frames, and the
         * alignment that the call in start needs. */
        leaq    -72(%rdi), %rax
        leaq    weft__context_start(%rip), %rcx
        movq    %rsi, 32(%rax)
        movq    $0, 40(%rax)
        movq    %rcx, 48(%rax)
        movq    $0, 56(%rax)
        movq    $0, 64(%rax)
        ret
        .cfi_endproc
        .size   weft__context_make, . - weft__context_make

        .section .note.GNU-stack, "", %progbits

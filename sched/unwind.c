// SPDX-License-Identifier: MIT
/* Who called whom: see unwind.h. */
#define _GNU_SOURCE
#include "sched/unwind.h"

#include <ucontext.h>

/* Registers */

#if defined(__x86_64__)
#define KNOWN 1
static void from_context(const ucontext_t *context, struct weft__registers *out)
{
    const greg_t *from = context->uc_mcontext.gregs;
    *out = (struct weft__registers){
        .pc = (uintptr_t)from[REG_RIP],
        .sp = (uintptr_t)from[REG_RSP],
        .fp = (uintptr_t)from[REG_RBP],
        .kept = {(uintptr_t)from[REG_RBX], (uintptr_t)from[REG_R12],
                 (uintptr_t)from[REG_R13], (uintptr_t)from[REG_R14],
                 (uintptr_t)from[REG_R15]},
    };
}
#elif defined(__aarch64__)
#define KNOWN 1
static void from_context(const ucontext_t *context, struct weft__registers *out)
{
    *out = (struct weft__registers){
        .pc = context->uc_mcontext.pc,
        .sp = context->uc_mcontext.sp,
        .fp = context->uc_mcontext.regs[29],
    };
}
#else
#define KNOWN 0
static void from_context(const ucontext_t *context, struct weft__registers *out)
{
    (void)context;
    (void)out;
}
#endif

/* What context_*.S left there. */
static void from_stack(const uintptr_t *sp, struct weft__registers *out)
{
#if defined(WEFT__CONTEXT_UCONTEXT)
    from_context((const ucontext_t *)sp, out); /* comes first in it */
#elif defined(__x86_64__)
    *out = (struct weft__registers){
        .pc = sp[6],
        .sp = (uintptr_t)(sp + 7),
        .fp = sp[5],
        .kept = {sp[4], sp[3], sp[2], sp[1], sp[0]},
    };
#elif defined(__aarch64__)
    *out = (struct weft__registers){
        .pc = sp[11], .sp = (uintptr_t)(sp + 20), .fp = sp[10]};
#endif
}

bool weft__registers_left(const void *sp, struct weft__registers *out)
{
    if (KNOWN)
        from_stack(sp, out);
    return KNOWN;
}

bool weft__registers_interrupted(const void *context,
                                 struct weft__registers *out)
{
    from_context(context, out);
    return KNOWN;
}

/* Reading */

static bool on_stack(const struct weft__stack *stack, uintptr_t at)
{
    return at >= (uintptr_t)stack->low && at % sizeof(uintptr_t) == 0 &&
           at + sizeof(uintptr_t) <= (uintptr_t)stack->top;
}

/* Another one's frames: what a sanitizer knows of them does not count. */
__attribute__((no_sanitize_address, no_sanitize_thread)) static uintptr_t
word_at(uintptr_t at)
{
    return *(const volatile uintptr_t *)at;
}

#if defined(WEFT__LIBUNWIND)

#include <dlfcn.h>
#include <libunwind.h>

/* As perf(1) does, too: in the library, but in none of its headers. */
extern int UNW_OBJ(dwarf_search_unwind_table)(unw_addr_space_t, unw_word_t ip,
                                              unw_dyn_info_t *,
                                              unw_proc_info_t *, int need,
                                              void *arg);

struct walk {
    const struct weft__registers *registers;
    const struct weft__stack *stack;
};

/* .eh_frame_hdr, in the one form that linkers write. */
struct tables {
    uint8_t version, frame_form, count_form, table_form;
    int32_t frame;
    uint32_t count;
    struct {
        int32_t start, frame;
    } entry[];
};

/* glibc finds it without a lock, also in a signal handler. */
static bool find_object(uintptr_t at, struct dl_find_object *out)
{
    return _dl_find_object((void *)at, out) == 0;
}

static int find_tables(unw_addr_space_t space, unw_word_t ip,
                       unw_proc_info_t *out, int need, void *walk)
{
    struct dl_find_object object;
    if (!find_object(ip, &object) || object.dlfo_eh_frame == NULL)
        return -UNW_ENOINFO;
    const struct tables *tables = object.dlfo_eh_frame;
    if (tables->version != 1 || (tables->frame_form & 0xf) != 0xb ||
        tables->count_form != 0x03 || tables->table_form != 0x3b)
        return -UNW_ENOINFO;
    unw_dyn_info_t info = {
        .format = UNW_INFO_FORMAT_REMOTE_TABLE,
        .start_ip = (unw_word_t)object.dlfo_map_start,
        .end_ip = (unw_word_t)object.dlfo_map_end,
        .u.rti = {.segbase = (unw_word_t)tables,
                  .table_data = (unw_word_t)tables->entry,
                  .table_len = tables->count * sizeof(tables->entry[0]) /
                               sizeof(unw_word_t)},
    };
    return UNW_OBJ(dwarf_search_unwind_table)(space, ip, &info, out, need,
                                              walk);
}

static void put_tables(unw_addr_space_t space, unw_proc_info_t *info, void *arg)
{
    (void)space;
    (void)info;
    (void)arg;
}

static int no_dynamic(unw_addr_space_t space, unw_word_t *out, void *arg)
{
    (void)space;
    (void)out;
    (void)arg;
    return -UNW_ENOINFO;
}

static int read_word(unw_addr_space_t space, unw_word_t at, unw_word_t *out,
                     int write, void *arg)
{
    const struct walk *walk = arg;
    struct dl_find_object object;
    (void)space;
    if (write || at > UINTPTR_MAX - sizeof(*out))
        return -UNW_EINVAL;
    if (!on_stack(walk->stack, at) &&
        (!find_object(at, &object) ||
         at + sizeof(*out) > (uintptr_t)object.dlfo_map_end))
        return -UNW_EINVAL;
    *out = word_at(at);
    return 0;
}

static int read_register(unw_addr_space_t space, unw_regnum_t number,
                         unw_word_t *out, int write, void *arg)
{
    const struct weft__registers *from = ((struct walk *)arg)->registers;
    (void)space;
    if (write)
        return -UNW_EREADONLYREG;
    switch (number) {
    case UNW_X86_64_RIP:
        *out = from->pc;
        return 0;
    case UNW_X86_64_RSP:
        *out = from->sp;
        return 0;
    case UNW_X86_64_RBP:
        *out = from->fp;
        return 0;
    case UNW_X86_64_RBX:
        *out = from->kept[0];
        return 0;
    case UNW_X86_64_R12:
        *out = from->kept[1];
        return 0;
    case UNW_X86_64_R13:
        *out = from->kept[2];
        return 0;
    case UNW_X86_64_R14:
        *out = from->kept[3];
        return 0;
    case UNW_X86_64_R15:
        *out = from->kept[4];
        return 0;
    default:
        return -UNW_EBADREG;
    }
}

static int no_float(unw_addr_space_t space, unw_regnum_t number,
                    unw_fpreg_t *out, int write, void *arg)
{
    (void)space;
    (void)number;
    (void)out;
    (void)write;
    (void)arg;
    return -UNW_EBADREG;
}

static int no_resume(unw_addr_space_t space, unw_cursor_t *cursor, void *arg)
{
    (void)space;
    (void)cursor;
    (void)arg;
    return -UNW_EINVAL;
}

static int no_name(unw_addr_space_t space, unw_word_t at, char *out,
                   size_t size, unw_word_t *offset, void *arg)
{
    (void)space;
    (void)at;
    (void)out;
    (void)size;
    (void)offset;
    (void)arg;
    return -UNW_EUNSPEC;
}

/* Of the process; made once, kept for ever. */
static _Atomic(unw_addr_space_t) the_space;

bool weft__unwind_open(void)
{
    static unw_accessors_t accessors = {
        find_tables,   put_tables, no_dynamic, read_word,
        read_register, no_float,   no_resume,  no_name,
    };
    if (weft__load_acquire(&the_space) != NULL) /* pairs with the swap */
        return true;
    unw_addr_space_t mine = unw_create_addr_space(&accessors, 0);
    unw_addr_space_t none = NULL;
    if (mine == NULL)
        return false;
    if (!weft__cas(&the_space, &none, mine)) /* pairs with the load */
        unw_destroy_addr_space(mine);
    return true;
}

size_t weft__unwind(const struct weft__registers *registers,
                    const struct weft__stack *stack, void **frames, size_t n)
{
    struct walk walk = {registers, stack};
    unw_cursor_t cursor;
    unw_word_t pc = 0;
    unw_word_t sp = 0;
    unw_word_t before = 0;
    size_t count = 0;
    unw_addr_space_t space = weft__load_acquire(&the_space); /* the swap */
    if (space == NULL || unw_init_remote(&cursor, space, &walk) < 0)
        return 0;
    do {
        if (unw_get_reg(&cursor, UNW_REG_IP, &pc) < 0 || pc == 0 ||
            unw_get_reg(&cursor, UNW_REG_SP, &sp) < 0 || sp < before ||
            sp > (uintptr_t)stack->top)
            break;
        frames[count++] = (void *)pc;
        before = sp;
    } while (count < n && unw_step(&cursor) > 0);
    return count;
}

#else

bool weft__unwind_open(void)
{
    return true;
}

size_t weft__unwind(const struct weft__registers *registers,
                    const struct weft__stack *stack, void **frames, size_t n)
{
    uintptr_t pc = registers->pc;
    uintptr_t fp = registers->fp;
    uintptr_t above = registers->sp;
    size_t count = 0;
    while (count < n && pc != 0) {
        frames[count++] = (void *)pc;
        if (fp < above || !on_stack(stack, fp) ||
            !on_stack(stack, fp + sizeof(fp)))
            break;
        above = fp + 2 * sizeof(fp);
        pc = word_at(fp + sizeof(fp));
        fp = word_at(fp);
    }
    return count;
}

#endif

// SPDX-License-Identifier: MIT
/* The atomics of atomic.hpp in terms of Relacy, and main(). */
#include "tests/model/run.hpp"

#include <sys/resource.h>

namespace model
{

loosening loosened;
engine *the_engine;
total_order sc_order;

/* Memory */

enum { CELLS = 4096, ARENA = 1 << 20, BLOCKS = 256 };

static cell cells[CELLS];
static plain_cell plains[CELLS];
static unsigned cells_used, plains_used;
alignas(128) static char arena[ARENA];
static size_t arena_used;
static struct {
    char *start;
    size_t size;
    bool live;
} blocks[BLOCKS];
static unsigned blocks_used;

static void *const DEAD = (void *)0xdddddddddddddddd;

void fail(const char *what, const site &at)
{
    rl::ctx().fail_test(what, rl::test_result_user_assert_failed, at);
}

static void check_alive(void *at)
{
    if (at == DEAD)
        rl::ctx().fail_test("of a block that was freed",
                            rl::test_result_access_to_freed_memory, RL_INFO);
}

typedef rl::thread_info_base threads;

cell &cell_of(void **at)
{
    check_alive(*at);
    if (*at == NULL) {
        cell &x = cells[cells_used++];
        memset((void *)&x, 0, sizeof(x));
        x.data = rl::ctx().atomic_ctor(&x);
        the_engine->born(x);
        x.owner = at;
        *at = &x;
    }
    cell &x = *(cell *)*at;
    threads &me = *rl::ctx().threadx_;
    x.touched[me.index_] = me.own_acq_rel_order_;
    return x;
}

plain_cell &plain_of(void **at)
{
    check_alive(*at);
    if (*at == NULL) {
        plain_cell &x = plains[plains_used++];
        x.data = rl::ctx().var_ctor();
        x.value = 0;
        x.owner = at;
        *at = &x;
    }
    return *(plain_cell *)*at;
}

void *allocate(size_t size)
{
    size = (size + 127) / 128 * 128;
    blocks[blocks_used++] = {arena + arena_used, size, true};
    arena_used += size;
    if (arena_used > ARENA || blocks_used == BLOCKS)
        abort();
    return arena + arena_used - size;
}

/* What the others did with a block comes before its end. */
static void check_unused(char *start, char *end)
{
    rl::context &c = rl::ctx();
    threads &me = *c.threadx_;
    bool free = true;
    for (unsigned n = 0; n < plains_used; n++) {
        char *at = (char *)plains[n].owner;
        free = free && (at < start || at >= end || plains[n].data->store(me));
    }
    for (unsigned n = 0; n < cells_used; n++) {
        char *at = (char *)cells[n].owner;
        for (int i = 0; at >= start && at < end && i < c.get_thread_count(); i++)
            free = free && cells[n].touched[i] <= me.acq_rel_order_[i];
    }
    if (!free)
        c.fail_test("freed while in use", rl::test_result_data_race, RL_INFO);
}

void release(void *block)
{
    for (unsigned i = 0; i < blocks_used; i++) {
        if (blocks[i].start != block)
            continue;
        if (!blocks[i].live)
            rl::ctx().fail_test("", rl::test_result_double_free, RL_INFO);
        check_unused(blocks[i].start, blocks[i].start + blocks[i].size);
        blocks[i].live = false;
        memset(blocks[i].start, 0xdd, blocks[i].size);
        return;
    }
    abort();
}

unsigned live()
{
    unsigned count = 0;
    for (unsigned i = 0; i < blocks_used; i++)
        count += blocks[i].live;
    return count;
}

void begin(engine *engine)
{
    the_engine = engine;
    memset(arena, 0, arena_used);
    arena_used = blocks_used = cells_used = plains_used = 0;
    sc_order = total_order();
}

void end()
{
    for (unsigned i = 0; i < cells_used; i++)
        rl::ctx().atomic_dtor(cells[i].data);
    for (unsigned i = 0; i < plains_used; i++)
        rl::ctx().var_dtor(plains[i].data);
    cells_used = plains_used = 0;
}

uint64_t newest(void *at)
{
    rl::ctx().sched();
    rl::ctx().threadx_->own_acq_rel_order_ += 1;
    return cell_of(&at).value;
}

unsigned self()
{
    return rl::thread_index();
}

/* Atomics */

static struct {
    cell *slot;
    rl::timestamp_t when;
} slot_read[8];

static bool in(const site &info, const char *function)
{
    return strcmp(info.func_, function) == 0;
}

static void note_slot_read(cell &x)
{
    threads &me = *rl::ctx().threadx_;
    slot_read[me.index_] = {&x, me.own_acq_rel_order_};
}

void settle()
{
    threads &me = *rl::ctx().threadx_;
    slot_read[me.index_].slot->settled[me.index_] = slot_read[me.index_].when;
}

static void check_slot_write(cell &x, const site &info)
{
    rl::context &c = rl::ctx();
    for (int i = 0; i < c.get_thread_count(); i++)
        if (c.threadx_->acq_rel_order_[i] < x.settled[i])
            c.fail_test("slot written before it was read",
                        rl::test_result_data_race, info);
}

uint64_t load_bits(cell &x, rl::memory_order mo, const site &info)
{
    rl::context &c = rl::ctx();
    mo = order(mo, rl::mo_acquire, info);
    c.sched();
    unsigned index = the_engine->pick(x, mo == rl::mo_seq_cst);
    the_engine->seen(x, index, mo);
    if (in(info, "weft__array_get"))
        note_slot_read(x);
    uint64_t v = x.past[index];
    RL_HIST(rl::atomic_load_event<uint64_t>)
    {&x, v, mo, x.last != index} RL_HIST_END();
    return v;
}

static void set(cell &x, unsigned index, uint64_t v, rl::memory_order mo)
{
    x.last = index;
    x.past[index] = x.value = v;
    x.sc[index] = mo == rl::mo_seq_cst ? ++sc_order.now : 0;
}

void store_bits(cell &x, uint64_t v, rl::memory_order mo, const site &info)
{
    rl::context &c = rl::ctx();
    threads &me = *c.threadx_;
    mo = order(mo, rl::mo_release, info);
    c.sched();
    if (in(info, "weft__array_put"))
        check_slot_write(x, info);
    uint64_t was = x.value;
    unsigned index = mo == rl::mo_relaxed   ? me.atomic_store_relaxed(x.data)
                     : mo == rl::mo_release ? me.atomic_store_release(x.data)
                                            : me.atomic_store_seq_cst(x.data);
    set(x, index, v, mo);
    RL_HIST(rl::atomic_store_event<uint64_t>) {&x, was, v, mo} RL_HIST_END();
}

/* The newest value is read and replaced. */
static void replace(cell &x, uint64_t v, rl::memory_order mo)
{
    threads &me = *rl::ctx().threadx_;
    bool aba;
    unsigned index;
    switch (mo) {
    case rl::mo_relaxed: index = me.atomic_rmw_relaxed(x.data, aba); break;
    case rl::mo_acquire: index = me.atomic_rmw_acquire(x.data, aba); break;
    case rl::mo_release: index = me.atomic_rmw_release(x.data, aba); break;
    case rl::mo_acq_rel: index = me.atomic_rmw_acq_rel(x.data, aba); break;
    default: index = me.atomic_rmw_seq_cst(x.data, aba); break;
    }
    set(x, index, v, mo);
}

uint64_t rmw_bits(cell &x, rmw how, uint64_t v, uint64_t mask,
                  rl::memory_order mo, const site &info)
{
    rl::context &c = rl::ctx();
    mo = order(mo, rl::mo_acq_rel, info);
    c.sched();
    static const rl::rmw_type_e types[] = {
        rl::rmw_type_swap, rl::rmw_type_add, rl::rmw_type_sub,
        rl::rmw_type_or, rl::rmw_type_and};
    uint64_t was = x.value;
    uint64_t next = how == SWAP  ? v
                    : how == ADD ? was + v
                    : how == SUB ? was - v
                    : how == OR  ? was | v
                                 : was & v;
    replace(x, next & mask, mo);
    typedef rl::atomic_rmw_event<uint64_t, uint64_t> event;
    RL_HIST(event)
    {RL_INFO, &x, was, v, next & mask, mo, types[how]} RL_HIST_END();
    return was;
}

/* One that fails may have read an older value, and is a load of `failure`. */
bool cas_bits(cell &x, uint64_t &seen, uint64_t next, bool weak,
              rl::memory_order mo, rl::memory_order failure, const site &info)
{
    rl::context &c = rl::ctx();
    mo = order(mo, rl::mo_acq_rel, info);
    failure = mo == rl::mo_relaxed || mo == rl::mo_release ? rl::mo_relaxed
              : mo == rl::mo_seq_cst                       ? failure
                                                           : rl::mo_acquire;
    c.sched();
    unsigned index = the_engine->pick(x, failure == rl::mo_seq_cst);
    if (x.past[index] == seen && index != x.last)
        index = x.last;
    bool done = x.past[index] == seen;
    bool spurious = done && weak && c.rand(4, rl::sched_type_cas_fail) == 0;
    uint64_t was = x.past[index];
    uint64_t wanted = seen;
    done = done && !spurious;
    if (done)
        replace(x, next, mo);
    else
        the_engine->seen(x, index, failure);
    seen = was;
    RL_HIST(rl::atomic_cas_event<uint64_t>)
    {RL_INFO, &x, was, wanted, next, mo, done, spurious, false} RL_HIST_END();
    return done;
}

void fence(rl::memory_order mo, const site &info)
{
    rl::context &c = rl::ctx();
    if (is_loosened(info))
        return;
    c.atomic_thread_fence_seq_cst();
    sc_order.fence[c.threadx_->index_] = ++sc_order.now;
    RL_HIST(rl::atomic_fence_event) {mo, true} RL_HIST_END();
}

/* Sleeping */

namespace
{
struct one_bed : bed {
    bool posted;
    unsigned sleeper; /* its index + 1 */

    bool lie_down(bool timed)
    {
        rl::unpark_reason reason = rl::unpark_reason_normal;
        if (!posted) {
            sleeper = self() + 1;
            rl::timestamp_t yielded = rl::ctx().threadx_->last_yield_;
            reason = rl::ctx().park_current_thread(timed, false, false,
                                                   RL_INFO);
            rl::ctx().threadx_->last_yield_ = yielded; /* shows no news */
            sleeper = 0;
        }
        posted = false;
        return reason == rl::unpark_reason_normal;
    }

    bool wait(bool timed) override
    {
        rl::ctx().sched();
        return lie_down(timed);
    }

    void sleep() override { (void)lie_down(false); }

    void post() override
    {
        rl::context &c = rl::ctx();
        c.sched();
        posted = true;
        if (sleeper != 0) {
            unsigned who = sleeper - 1;
            sleeper = 0;
            c.unpark_thread((int)who, false, RL_INFO);
        }
    }

    bool post_if_asleep() override
    {
        if (sleeper == 0)
            return false;
        post();
        return true;
    }
};
} // namespace

bed *new_bed()
{
    one_bed *made = ::new (allocate(sizeof(one_bed))) one_bed;
    return made;
}

/* Running */

static entry *entries;

entry::entry(const char *name, run_fn *run, double share)
    : name(name), run(run), share(share), next(NULL)
{
    entry **last = &entries;
    while (*last != NULL)
        last = &(*last)->next;
    *last = this;
}

/* Relacy's own words only if it has found something. */
static bool run_one(const entry &one, unsigned long iterations)
{
    rl::test_params params;
    rl::ostringstream words;
    params.iteration_count = (rl::iteration_t)((double)iterations * one.share);
    params.execution_depth_limit = 20000;
    params.output_stream = params.progress_stream = &words;
    bool held = one.run(params);
    printf("%s: %s\n", one.name, held ? "holds" : "BROKEN");
    if (!held)
        fputs(words.str().c_str(), stdout);
    fflush(stdout);
    return held;
}

static bool parse_loosening(const char *what)
{
    return sscanf(what, "%63[^:]:%u-%u=%15s", loosened.file, &loosened.first,
                  &loosened.last, loosened.to) == 4;
}

static int run_all(unsigned long iterations, const char *only)
{
    for (entry *one = entries; one != NULL; one = one->next)
        if ((only == NULL || strcmp(only, one->name) == 0) &&
            !run_one(*one, iterations))
            return 1;
    return 0;
}

} // namespace model

int main(int argc, char **argv)
{
    unsigned long iterations = 50000;
    const char *only = NULL;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--iterations") == 0)
            iterations = strtoul(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--only") == 0)
            only = argv[i + 1];
        else if (strcmp(argv[i], "--loosen") != 0 ||
                 !model::parse_loosening(argv[i + 1]))
            return 2;
    }
    int rc = model::run_all(iterations, only);
    if (model::loosened.file[0] != '\0')
        printf("loosened: reached %lu times\n", model::loosened.reached);
    return rc;
}

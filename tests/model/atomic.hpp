// SPDX-License-Identifier: MIT
/*
 * The fourth body of sched/atomic.h: C11's atomics on top of Relacy, for the
 * core compiled as C++. sched/atomic.h itself is used as it stands, in its form
 * without inline assembly; this gives it the <stdatomic.h> that it names.
 *
 * Relacy keeps the threads, the schedules, the vector clocks, the last three
 * values of each atomic, fences and the history. Which of those values a load
 * may return is decided here (engine::pick), because Debian's Relacy
 *  - lets an sc fence and an sc access miss each other, while C11 (7.17.3,
 *    29.3 p4-p6 of C++11, strengthened by P0668) orders them;
 *  - lets a compare-and-swap that fails see the newest value only.
 * litmus.cpp shows that what C11 forbids never happens here, and that what it
 * allows does.
 *
 * What is less than C11: a load never returns what is stored later (no load
 * buffering); a value goes out of reach when three newer ones are there; two
 * sc fences order plain accesses around them, as if one had synchronised with
 * the other. What is more: nothing known.
 *
 * Zeroed memory is a valid atomic (and plain<T>) of value 0, set before any
 * thread began: as in C. The checker's part is made at the first access.
 */
#ifndef WEFT_MODEL_ATOMIC_HPP
#define WEFT_MODEL_ATOMIC_HPP

#include <relacy/relacy.hpp>

#include <climits>
#include <cstdarg>
#include <cstdint>
#include <cstring>

/* Relacy's idea of these words is not ours. */
#undef new
#undef delete
#undef malloc
#undef calloc
#undef realloc
#undef free
#undef errno
#define errno (*__errno_location())
#undef $
#undef VAR
#undef memory_order_relaxed
#undef memory_order_consume
#undef memory_order_acquire
#undef memory_order_release
#undef memory_order_acq_rel
#undef memory_order_seq_cst
#define memory_order_relaxed rl::mo_relaxed
#define memory_order_acquire rl::mo_acquire
#define memory_order_release rl::mo_release
#define memory_order_acq_rel rl::mo_acq_rel
#define memory_order_seq_cst rl::mo_seq_cst

/* The forms of the core that any machine and compiler can have. */
#undef __x86_64__
#undef __aarch64__
#undef __SANITIZE_THREAD__
#define _Alignas(x) alignas(x)
#define _Static_assert(...) /* sizes are others here */
#define _Thread_local thread_local
#define _Noreturn [[noreturn]]

namespace model
{

typedef rl::debug_info site;

/* What --loosen names: the operations that begin in these lines of a file. */
struct loosening {
    char file[64];
    unsigned first, last;
    char to[16];
    unsigned long reached;
};
extern loosening loosened;

inline bool is_loosened(const site &at)
{
    if (at.line_ < loosened.first || at.line_ > loosened.last ||
        strcmp(at.file_, loosened.file) != 0)
        return false;
    loosened.reached++;
    return true;
}

/* The order that an operation has today. `half` is what is left of acq_rel for
 * one that only loads or only stores. */
inline rl::memory_order order(rl::memory_order mo, rl::memory_order half,
                              const site &at)
{
    if (mo == rl::mo_relaxed || !is_loosened(at))
        return mo;
    if (strcmp(loosened.to, "relaxed") == 0)
        return rl::mo_relaxed;
    if (strcmp(loosened.to, "acq_rel") == 0)
        return mo == rl::mo_seq_cst ? half : mo;
    rl::memory_order to = strcmp(loosened.to, "acquire") == 0 ? rl::mo_acquire
                                                              : rl::mo_release;
    return half == rl::mo_acq_rel || half == to ? to : rl::mo_relaxed;
}

/* The checker's half of one atomic. */
struct cell {
    rl::atomic_data *data;
    uint64_t value;
    uint64_t past[rl::atomic_history_size];
    /* Place in the total order of who wrote it, or read it first, with sc. */
    uint64_t sc[rl::atomic_history_size];
    unsigned last;
    void **owner; /* the atomic */
    rl::timestamp_t touched[8]; /* by each thread, last; */
    rl::timestamp_t settled[8]; /* and its last read that counts */
};

/* And of one plain variable. */
struct plain_cell {
    rl::var_data *data;
    void **owner;
    uint64_t value;
};

/* What depends on the number of threads of a scenario. */
struct engine {
    virtual void born(cell &) = 0;
    virtual unsigned pick(cell &, bool sc) = 0;
    virtual void seen(cell &, unsigned index, rl::memory_order) = 0;
};
extern engine *the_engine;

/* The total order of sc operations is the order in which they are executed. */
struct total_order {
    uint64_t now;
    uint64_t fence[8]; /* of each thread: its last one */
};
extern total_order sc_order;

cell &cell_of(void **);
plain_cell &plain_of(void **);
void fail(const char *what, const site &at);

template <int N> struct engine_of : engine {
    typedef rl::atomic_data_impl<N> data;
    typedef typename data::history_record record;

    static data &of(cell &x) { return *static_cast<data *>(x.data); }

    static rl::thread_info<N> &self()
    {
        return *static_cast<rl::thread_info<N> *>(rl::ctx().threadx_);
    }

    void born(cell &x) override
    {
        data &all = of(x);
        all.current_index_ = rl::atomic_history_size;
        for (size_t i = 0; i < rl::atomic_history_size; i++)
            all.history_[i].busy_ = false;
        record &rec = all.history_[0];
        rec.busy_ = true;
        rec.seq_cst_ = false;
        rec.thread_id_ = 0;
        rec.acq_rel_timestamp_ = 0;
        for (int i = 0; i < N; i++) {
            rec.acq_rel_order_[i] = 0;
            rec.first_seen_order_[i] = (rl::timestamp_t)-1;
        }
    }

    /* Is this write, or a read of it, before what the thread does now? For an
     * sc load what is before others' sc fences counts as well. */
    static bool is_known(const record &rec, bool sc)
    {
        rl::thread_info<N> &me = self();
        const rl::timestamp_t *fences = rl::ctx().seq_cst_fence_order_;
        for (int i = 0; i < N; i++) {
            rl::timestamp_t known = me.acq_rel_order_[i];
            if (sc && fences[i] > known)
                known = fences[i];
            if (known >= rec.first_seen_order_[i] ||
                (i == rec.thread_id_ && known >= rec.acq_rel_timestamp_))
                return true;
        }
        return false;
    }

    /* As rl::thread_info::get_load_index(), with the missing rules. */
    unsigned pick(cell &x, bool sc) override
    {
        rl::context &c = rl::ctx();
        rl::thread_info<N> &me = self();
        data &all = of(x);
        uint64_t bound = sc ? UINT64_MAX : sc_order.fence[me.index_];
        unsigned index = all.current_index_;
        size_t limit = c.is_random_sched() ? rl::atomic_history_size - 1 : 1;
        for (size_t i = 0; i != limit; ++i, --index) {
            const record &rec =
                all.history_[index % rl::atomic_history_size];
            const record &older =
                all.history_[(index - 1) % rl::atomic_history_size];
            uint64_t place = x.sc[index % rl::atomic_history_size];
            if (!older.busy_ ||
                older.first_seen_order_[me.index_] <= me.last_yield_ ||
                (place != 0 && place <= bound) || is_known(rec, sc) ||
                c.rand(2, rl::sched_type_atomic_load) == 0)
                break;
        }
        return index % rl::atomic_history_size;
    }

    void seen(cell &x, unsigned index, rl::memory_order mo) override
    {
        rl::thread_info<N> &me = self();
        record &rec = of(x).history_[index];
        me.own_acq_rel_order_ += 1;
        if (rec.first_seen_order_[me.index_] == (rl::timestamp_t)-1)
            rec.first_seen_order_[me.index_] = me.own_acq_rel_order_;
        rl::timestamp_t *to = mo == rl::mo_relaxed ? me.acquire_fence_order_
                                                   : me.acq_rel_order_;
        for (int i = 0; i < N; i++)
            if (rec.acq_rel_order_[i] > to[i])
                to[i] = rec.acq_rel_order_[i];
        if (mo == rl::mo_seq_cst && x.sc[index] == 0)
            x.sc[index] = ++sc_order.now;
    }
};

/*
 * A slot of an array is read before the swap that decides whether the read
 * counts, so it has to be atomic; yet a read that counts must be over before
 * the slot is written again, and no execution in the checker's order can show
 * the opposite. So it is checked as it is for a plain variable: who has won
 * calls settle(), and a later write of the slot must come after that read.
 */
void settle();

/* A value of any of the core's types as the checker keeps it. */
template <class T> uint64_t bits_of(T value)
{
    static_assert(sizeof(T) <= sizeof(uint64_t), "a word");
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof(value));
    return bits;
}

template <class T> T value_of(uint64_t bits)
{
    T value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

template <class T> struct same {
    typedef T type;
};

template <class T> struct atomic {
    mutable void *at; /* its cell; NULL: not used yet */
};

uint64_t load_bits(cell &, rl::memory_order, const site &);
void store_bits(cell &, uint64_t, rl::memory_order, const site &);
bool cas_bits(cell &, uint64_t &seen, uint64_t next, bool weak,
              rl::memory_order, rl::memory_order failure, const site &);
void fence(rl::memory_order, const site &);

enum rmw { SWAP, ADD, SUB, OR, AND };
uint64_t rmw_bits(cell &, rmw, uint64_t, uint64_t mask, rl::memory_order,
                  const site &);

template <class T>
T load(const atomic<T> *x, rl::memory_order mo, const site &at)
{
    return value_of<T>(load_bits(cell_of(&x->at), mo, at));
}

template <class T>
void store(atomic<T> *x, typename same<T>::type v, rl::memory_order mo,
           const site &at)
{
    store_bits(cell_of(&x->at), bits_of(v), mo, at);
}

template <class T>
bool cas(atomic<T> *x, typename same<T>::type *seen,
         typename same<T>::type next, bool weak, rl::memory_order mo,
         rl::memory_order failure, const site &at)
{
    uint64_t bits = bits_of(*seen);
    bool done = cas_bits(cell_of(&x->at), bits, bits_of(next), weak, mo,
                         failure, at);
    *seen = value_of<T>(bits);
    return done;
}

template <class T, class V>
T modify(atomic<T> *x, rmw how, V v, rl::memory_order mo, const site &at)
{
    uint64_t mask = UINT64_MAX >> (8 * (sizeof(uint64_t) - sizeof(T)));
    return value_of<T>(
        rmw_bits(cell_of(&x->at), how, bits_of((T)v) & mask, mask, mo, at));
}

/* A variable that is not atomic: two accesses that no synchronisation orders,
 * one of them a write, end the run. The scripts puts it in the place of the
 * fields that an order is there to publish (source.py). */
template <class T> struct plain {
    mutable void *at;

    operator T() const { return value_of<T>(get()); }
    T operator->() const { return value_of<T>(get()); }
    T operator=(T v)
    {
        set(bits_of(v));
        return v;
    }
    plain &operator=(const plain &other)
    {
        set(other.get());
        return *this;
    }
    plain &operator|=(T v)
    {
        *this = (T)((T)*this | v);
        return *this;
    }
    plain &operator&=(T v)
    {
        *this = (T)((T)*this & v);
        return *this;
    }

  private:
    uint64_t get() const;
    void set(uint64_t);
};

template <class T> uint64_t plain<T>::get() const
{
    rl::context &c = rl::ctx();
    plain_cell &x = plain_of(&at);
    site info("plain", "", 0);
    RL_HIST(rl::user_msg_event) {"plain load"} RL_HIST_END();
    if (!x.data->load(*c.threadx_))
        c.fail_test("data race detected", rl::test_result_data_race, info);
    return x.value;
}

template <class T> void plain<T>::set(uint64_t v)
{
    rl::context &c = rl::ctx();
    plain_cell &x = plain_of(&at);
    site info("plain", "", 0);
    RL_HIST(rl::user_msg_event) {"plain store"} RL_HIST_END();
    if (!x.data->store(*c.threadx_))
        c.fail_test("data race detected", rl::test_result_data_race, info);
    x.value = v;
}

} // namespace model

#define _Atomic(T) model::atomic<T>
#define MODEL_SITE rl::debug_info(__func__, __FILE__, __LINE__)

#define atomic_init(p, v)                                                      \
    model::store((p), (v), memory_order_relaxed, MODEL_SITE)
#define atomic_load_explicit(p, mo) model::load((p), mo, MODEL_SITE)
#define atomic_store_explicit(p, v, mo)                                        \
    model::store((p), (v), mo, MODEL_SITE)
#define atomic_exchange_explicit(p, v, mo)                                     \
    model::modify((p), model::SWAP, (v), mo, MODEL_SITE)
#define atomic_fetch_add_explicit(p, v, mo)                                    \
    model::modify((p), model::ADD, (v), mo, MODEL_SITE)
#define atomic_fetch_sub_explicit(p, v, mo)                                    \
    model::modify((p), model::SUB, (v), mo, MODEL_SITE)
#define atomic_fetch_or_explicit(p, v, mo)                                     \
    model::modify((p), model::OR, (v), mo, MODEL_SITE)
#define atomic_fetch_and_explicit(p, v, mo)                                    \
    model::modify((p), model::AND, (v), mo, MODEL_SITE)
#define atomic_compare_exchange_strong_explicit(p, e, v, mo, failure)          \
    model::cas((p), (e), (v), false, mo, failure, MODEL_SITE)
#define atomic_compare_exchange_weak_explicit(p, e, v, mo, failure)            \
    model::cas((p), (e), (v), true, mo, failure, MODEL_SITE)
#define atomic_thread_fence(mo) model::fence(mo, MODEL_SITE)

/* A loop that spins lets the others run, and sees what they wrote some day. */
#define weft__pause_spin() rl::ctx().yield(1, MODEL_SITE)

#endif

/* The parts of the C kernel that Python does not reach one by one: 128-bit arithmetic in both representations, the choice of
 * the permits, the set of uids, and what the entry points answer to bad arguments. The oracles here add, shift and compare, no
 * more.
 * `test_kernel [STEP]` takes one in STEP of the pairs of numbers, for a machine on which all of them take too long. */
#include <fenv.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "before.h"
#include "fixed.h"
#include "memory.h"
#include "solved.h"
#include "stages.h"
#include "uidset.h"
#include "vector.h"
#include "yuma.h"

static unsigned long checks, failures;
static size_t stride = 1; /* STEP */

static void check(int holds, const char *what, int line) {
    checks++;
    if (!holds && failures++ < 20) {
        fprintf(stderr, "test_kernel.c:%d: %s\n", line, what);
    }
}

#define CHECK(condition) check((condition), #condition, __LINE__)

/* splitmix64, so that every machine tests the same numbers */
static uint64_t random_state;

static uint64_t random_bits(void) {
    uint64_t z = random_state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* Long runs of equal bits, which random numbers do not have and carries live on. */
static uint64_t random_runs(void) {
    uint64_t x = 0;
    for (unsigned bit = 0; bit < 64;) {
        unsigned length = 1 + (unsigned)(random_bits() % 24);
        uint64_t ones = random_bits() & 1 ? UINT64_MAX : 0;
        x |= bit + length >= 64 ? ones << bit : (ones >> (64 - length)) << bit;
        bit += length;
    }
    return x;
}

static uint64_t edges[400];
static size_t edge_count;

static void make_edges(void) {
    for (unsigned power = 0; power < 64; power++) {
        for (int step = -2; step <= 2; step++) {
            edges[edge_count++] = ((uint64_t)1 << power) + (uint64_t)(int64_t)step;
        }
    }
    for (int i = 0; i < 40; i++) {
        edges[edge_count++] = i % 2 ? random_runs() : random_bits();
    }
}

/* ---- oracles: numbers of four 64-bit limbs, lowest first ------------------------------------------------------------- */

typedef struct {
    uint64_t limb[4];
} big;

static int big_bit(big x, unsigned bit) {
    return (int)(x.limb[bit / 64] >> (bit % 64) & 1);
}

static big big_double(big x, int low_bit) {
    big y;
    for (int i = 3; i >= 0; i--) {
        y.limb[i] = x.limb[i] << 1 | (i ? x.limb[i - 1] >> 63 : (uint64_t)low_bit);
    }
    return y;
}

static int big_less(big a, big b) {
    for (int i = 3; i >= 0; i--) {
        if (a.limb[i] != b.limb[i]) {
            return a.limb[i] < b.limb[i];
        }
    }
    return 0;
}

static big big_add(big a, big b) {
    uint64_t carry = 0;
    for (int i = 0; i < 4; i++) {
        uint64_t sum = a.limb[i] + b.limb[i];
        uint64_t with = sum + carry;
        carry = (sum < a.limb[i]) | (with < sum);
        a.limb[i] = with;
    }
    return a;
}

static big big_sub(big a, big b) {
    uint64_t borrow = 0;
    for (int i = 0; i < 4; i++) {
        uint64_t difference = a.limb[i] - b.limb[i];
        uint64_t with = difference - borrow;
        borrow = (a.limb[i] < b.limb[i]) | (difference < borrow);
        a.limb[i] = with;
    }
    return a;
}

static big big_mul(big a, uint64_t b) {
    big sum = {{0}};
    for (int bit = 63; bit >= 0; bit--) {
        sum = big_double(sum, 0);
        if (b >> bit & 1) {
            sum = big_add(sum, a);
        }
    }
    return sum;
}

static big big_div(big n, big d) {
    big q = {{0}}, r = {{0}};
    for (int bit = 255; bit >= 0; bit--) {
        r = big_double(r, big_bit(n, (unsigned)bit));
        int fits = !big_less(r, d);
        if (fits) {
            r = big_sub(r, d);
        }
        q = big_double(q, fits);
    }
    return q;
}

/* ---- wide.h ----------------------------------------------------------------------------------------------------------- */

static void check_pair(uint64_t a, uint64_t b) {
    wide p = wide_mul(a, b);
    big product = big_mul((big){{a}}, b);
    CHECK(p.lo == product.limb[0] && p.hi == product.limb[1]);

    int negative = ((int64_t)a < 0) != ((int64_t)b < 0);
    big magnitude = big_mul((big){{fixed_magnitude((int64_t)a)}}, fixed_magnitude((int64_t)b));
    big signed_product = negative ? big_sub((big){{0}}, magnitude) : magnitude;
    p = wide_mul_signed((int64_t)a, (int64_t)b);
    CHECK(p.lo == signed_product.limb[0] && p.hi == signed_product.limb[1]);
}

static void check_division(uint64_t hi, uint64_t lo, uint64_t d) {
    if (d == 0) {
        return;
    }
    hi %= d;
    uint64_t remainder, q = wide_div((wide){hi, lo}, d, &remainder);
    big expected = big_div((big){{lo, hi}}, (big){{d}});
    CHECK(q == expected.limb[0] && expected.limb[1] == 0);
    big rest = big_sub((big){{lo, hi}}, big_mul((big){{d}}, q));
    CHECK(remainder == rest.limb[0] && rest.limb[1] == 0);
}

static void check_quotient64(wide a, wide b) {
    if (b.hi == 0 && b.lo == 0) {
        return;
    }
    int overflow;
    wide q = fixed_quotient64(a, b, &overflow);
    big expected = big_div((big){{0, a.lo, a.hi}}, (big){{b.lo, b.hi}});
    int fits = expected.limb[2] == 0 && expected.limb[3] == 0;
    CHECK(overflow == !fits);
    CHECK(fits ? q.lo == expected.limb[0] && q.hi == expected.limb[1] : q.lo == 0 && q.hi == 0);
}

static void check_divisor(int64_t a, int64_t b) {
    if (0 <= a && a <= b && b != 0) {
        CHECK(fixed_div_by(a, fixed_divisor_of(b)) == (int64_t)big_div((big){{(uint64_t)a << 32, (uint64_t)a >> 32}}, (big){{(uint64_t)b}}).limb[0]);
    }
}

static void check_share(int64_t a, int64_t b) {
    if (0 <= a && a <= b && a <= 2 * YUMA_ONE && b != 0 && b >> 62 == 0) {
        CHECK(fixed_share_of(a, b, UINT64_MAX / (uint64_t)b) == (int64_t)big_div((big){{(uint64_t)a << 32, (uint64_t)a >> 32}}, (big){{(uint64_t)b}}).limb[0]);
    }
}

/* Around the a with a quotient of exactly q, and what stored values and their sums are. */
static void check_quotients_by(uint64_t b) {
    for (int i = 0; i < 4; i++) {
        uint64_t q = random_bits() >> 31 >> random_bits() % 33;
        uint64_t a = (b >> 32) * q + ((b & UINT32_MAX) * q >> 32);
        for (uint64_t d = 0; d < 3; d++) {
            check_divisor((int64_t)(a + d - 1), (int64_t)b);
            check_share((int64_t)(a + d - 1), (int64_t)b);
        }
        check_divisor((int64_t)(random_bits() & UINT64_C(0xffff00000000)), (int64_t)(b << 32));
    }
    check_divisor(1, (int64_t)b);
    check_divisor(YUMA_ONE - 1, (int64_t)b);
    check_divisor(YUMA_ONE, (int64_t)b);
    check_divisor(YUMA_ONE + 1, (int64_t)b);
    check_divisor((int64_t)b - 1, (int64_t)b);
    check_divisor((int64_t)b, (int64_t)b);
    for (int64_t less = 0; less < 3; less++) {
        check_share(YUMA_ONE - less, (int64_t)b);
        check_share(2 * YUMA_ONE - less, (int64_t)b);
        check_share((int64_t)b - less, (int64_t)b);
    }
}

static void test_divisor(void) {
    for (size_t i = 0; i < edge_count; i++) {
        check_quotients_by(edges[i] >> 1);
        for (size_t k = i % stride; k < edge_count; k += stride) {
            check_divisor((int64_t)edges[k], (int64_t)edges[i]);
            check_share((int64_t)edges[k], (int64_t)edges[i]);
        }
    }
    for (int i = 0; i < 40000; i += (int)stride) {
        check_quotients_by(random_runs() >> 1 >> random_bits() % 63);
    }
}

static void test_wide(void) {
    for (size_t i = 0; i < edge_count; i++) {
        for (size_t k = i % stride; k < edge_count; k += stride) {
            check_pair(edges[i], edges[k]);
            check_division(edges[k], random_runs(), edges[i]);
            check_division(edges[i] - 1, edges[k], edges[i]);
        }
        if (edges[i] != 0) {
            CHECK(edges[i] >> (63 - wide_leading_zeros(edges[i])) == 1);
            CHECK((edges[i] >> uidset_lowest(edges[i]) & 1) == 1);
            CHECK((edges[i] & (((uint64_t)1 << uidset_lowest(edges[i])) - 1)) == 0);
        }
    }
    for (size_t i = 0; i < 40000; i += stride) {
        wide a = {random_runs(), random_runs()}, b = {random_runs(), random_runs()};
        b.hi >>= random_bits() % 64;
        a.hi >>= random_bits() % 64;
        check_quotient64(a, b);
        check_quotient64(a, (wide){0, b.lo});
        check_quotient64(a, a);
        check_quotient64(a, wide_add(a, (wide){0, a.hi != UINT64_MAX}));
        CHECK(wide_less(a, b) == big_less((big){{a.lo, a.hi}}, (big){{b.lo, b.hi}}));
    }
}

static int64_t part(wide a, wide sum) {
    return (int64_t)big_div((big){{a.lo << 32, a.hi << 32 | a.lo >> 32, a.hi >> 32}}, (big){{sum.lo, sum.hi}}).limb[0];
}

static void check_part(wide a, wide sum, const fixed_whole *whole) {
    if (!wide_less(sum, a)) {
        CHECK(fixed_part_of(a, whole) == part(a, sum));
    }
}

/* About the smallest a with a quotient of q, and that a without its lower word and with the largest. */
static void check_around_part(uint64_t q, wide sum, const fixed_whole *whole) {
    big product = big_mul((big){{sum.lo, sum.hi}}, q);
    wide a = {product.limb[1] >> 32 | product.limb[2] << 32, product.limb[0] >> 32 | product.limb[1] << 32};
    for (uint64_t step = 0; step < 4; step++) {
        check_part(wide_sub(wide_add(a, (wide){0, step}), (wide){0, 1}), sum, whole); /* of -1: above the sum */
    }
    check_part((wide){a.hi, 0}, sum, whole);
    check_part((wide){a.hi, UINT64_MAX}, sum, whole);
}

static void check_parts(wide sum) {
    if (!fixed_is_whole(sum)) {
        return;
    }
    const fixed_whole whole = fixed_whole_of(sum);
    for (uint64_t q = 0; q < 3; q++) {
        check_around_part(q, sum, &whole);
        check_around_part(((uint64_t)1 << 32) - q, sum, &whole);
        check_around_part(((uint64_t)1 << 31) - q, sum, &whole);
        check_around_part(random_bits() >> 32 >> random_bits() % 32, sum, &whole);
        check_part((wide){random_bits() % (sum.hi + 1), random_runs()}, sum, &whole);
    }
}

/* Of sums from the least to the largest, next to powers of two in both words, and of those that divide without a rest. */
static void test_parts(void) {
    CHECK(!fixed_is_whole((wide){((uint64_t)1 << 33) - 1, UINT64_MAX}) && fixed_is_whole((wide){(uint64_t)1 << 33, 0}));
    CHECK(!fixed_is_whole((wide){(uint64_t)1 << 63, 0}) && fixed_is_whole((wide){UINT64_MAX >> 1, UINT64_MAX}));
    for (size_t i = 0; i < edge_count; i++) {
        for (size_t k = i % stride; k < edge_count; k += 8 * stride) {
            check_parts((wide){edges[i], edges[k]});
        }
        check_parts((wide){edges[i], 0});
        check_parts((wide){edges[i], UINT64_MAX});
    }
    for (size_t i = 0; i < 40000; i += stride) {
        check_parts((wide){random_runs() >> 1 >> random_bits() % 31, random_runs()});
        wide one = {random_runs() >> 17 >> random_bits() % 14, random_runs()}; /* equal stakes: one of so many */
        uint64_t count = 1 + random_bits() % YUMA_MAX_UIDS;
        wide sum = wide_mul(one.lo, count);
        sum.hi += one.hi * count;
        if (fixed_is_whole(sum)) {
            const fixed_whole whole = fixed_whole_of(sum);
            check_part(one, sum, &whole);
        }
    }
}

/* ---- loops of uids.h ------------------------------------------------------------------------------------------------------ */

/* As any machine has them, then those of each instruction set of this one; null after the last. */
static const uid_loops *loops_of(unsigned number) {
    for (uint32_t isa = YUMA_ISA_AVX2; number != 0 && isa <= YUMA_ISA_NEON; isa <<= 1) {
        const vector_path *path = yuma_vector_path(isa & yuma_isa_available());
        number -= path != NULL;
        if (path != NULL && number == 0) {
            return &path->uids;
        }
    }
    return number == 0 ? &yuma_uids_portable : NULL;
}

#define EACH_LOOPS(loops) \
    unsigned number_ = 0; \
    for (const uid_loops *loops = loops_of(number_); loops != NULL; loops = loops_of(++number_))

/* Whole vectors of what is looked for in few places, and what is left after them. */
static void test_loops(void) {
    enum { UIDS = 200 };
    for (size_t turn = 0; turn < 4000; turn += stride) {
        uint64_t dates[UIDS], first = edges[random_bits() % edge_count], latest = 0;
        int32_t keys[UIDS + KEYS];
        int64_t shares[UIDS];
        uint32_t n = 1 + (uint32_t)(random_bits() % UIDS), k = 1 + (uint32_t)(random_bits() % n);
        unsigned kind = turn % 4;
        for (uint32_t i = 0; i < n; i++) {
            dates[i] = kind == 0 ? random_runs() : kind == 1 ? first + random_bits() % 3 - 1 : edges[random_bits() % edge_count];
            latest = dates[i] > latest ? dates[i] : latest;
            keys[i] = kind == 0 ? (int32_t)random_runs() : kind == 1 ? (int32_t)(random_bits() % 5) - 2 : (int32_t)dates[i];
            shares[i] = kind == 0 ? 0 : (int64_t)(random_runs() >> 32);
        }
        for (uint32_t m = n; m < padded_keys(n); m++) {
            keys[m] = INT32_MIN;
        }
        shares[random_bits() % n] = turn % 3 == 0 ? YUMA_ONE : 1;
        EACH_LOOPS(loops) {
            uint8_t active[UIDS + 1];
            uint16_t stored[UIDS + 1];
            active[n] = 77;
            loops->activity(n, dates, first, active);
            CHECK(active[n] == 77 && loops->latest(n, dates) == latest);
            uint32_t reach, reached = 0, above = 0;
            int32_t least = loops->reached_by(n, keys, k, &reach);
            stored[n] = 7777;
            CHECK(loops->store(n, shares, stored) && stored[n] == 7777);
            for (uint32_t i = 0; i < n; i++) {
                CHECK(active[i] == (dates[i] >= first) && stored[i] == fixed_to_u16(shares[i]));
                reached += keys[i] >= least;
                above += keys[i] > least;
            }
            CHECK(reach == reached && reached >= k && (reached == k || above < k));
            uint32_t place = (uint32_t)(random_bits() % n);
            int64_t held = shares[place];
            shares[place] = turn % 2 ? YUMA_ONE + 1 + (int64_t)(random_runs() >> 1 >> random_bits() % 32) % (INT64_MAX - YUMA_ONE) : -1 - (int64_t)(random_runs() >> 1);
            CHECK(!loops->store(n, shares, stored));
            shares[place] = held;
        }
    }
}

/* Whether these are the uids that have a share, ascending, with what each has. */
static int are_shares(const uid_shares *of, uint32_t n, const int64_t *shares) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (shares[i] != 0) {
            if (count == of->count || of->uid[count] != i || of->share[count] != shares[i]) {
                return 0;
            }
            count++;
        }
    }
    return count == of->count;
}

/* The stage over such stakes, of which some are below the threshold; the owner's may be. And what the epoch makes of them. */
static void test_normalize_stake(void) {
    enum { UIDS = 40 };
    for (size_t turn = 0; turn < 4000; turn += stride) {
        uint64_t total[2 * UIDS], threshold = turn % 3 == 0 ? 0 : random_runs() >> 7 >> random_bits() % 57;
        uint32_t n = 1 + (uint32_t)(random_bits() % UIDS);
        int32_t owner = turn % 2 ? YUMA_NO_OWNER : (int32_t)(random_bits() % n);
        unsigned shift = (unsigned)(random_bits() % 64);
        wide sum = {0, 0};
        for (uint32_t i = 0; i < n; i++) { /* 40 of them stay below 2^127 */
            wide one = {random_runs() >> 7 >> shift, shift == 63 && turn % 5 == 0 ? 0 : random_runs()};
            one = turn % 7 == 0 && i != 0 ? (wide){total[1], total[0]} : random_bits() % 4 == 0 ? (wide){0, 0} : one;
            one.hi = random_bits() % 16 == 0 ? threshold : one.hi;
            total[2 * i] = one.lo;
            total[2 * i + 1] = one.hi;
            sum = one.hi >= threshold || (int32_t)i == owner ? wide_add(sum, one) : sum;
        }
        int64_t stake[UIDS];
        CHECK(yuma_normalize_stake(n, total, threshold, owner, stake) == YUMA_OK);
        for (uint32_t i = 0; i < n; i++) {
            int counts = (total[2 * i + 1] >= threshold || (int32_t)i == owner) && (sum.hi | sum.lo) != 0;
            CHECK(stake[i] == (counts ? part((wide){total[2 * i + 1], total[2 * i]}, sum) : 0));
        }
        uint16_t staked_uid[UIDS], active_uid[UIDS];
        int64_t staked_share[UIDS], active_share[UIDS], active_stake[UIDS];
        uid_shares staked = {0, staked_uid, staked_share}, counted = {0, active_uid, active_share};
        yuma_staked(n, total, threshold, owner, &staked);
        CHECK(are_shares(&staked, n, stake));
        uint8_t active[UIDS], permit[UIDS], new_permit[UIDS], listed[UIDS];
        for (uint32_t i = 0; i < n; i++) {
            active[i] = random_bits() % 4 != 0;
            permit[i] = (uint8_t)(random_bits() % 3);
        }
        CHECK(yuma_active_stake(n, stake, active, permit, owner, active_stake) == YUMA_OK);
        unsigned char workspace[16 * UIDS + 64];
        uint8_t counts[UIDS];
        memset(counts, UINT8_MAX, sizeof counts);
        CHECK(!yuma_count_active(n, active, permit, owner, counts) && yuma_count_active(n, active, permit, owner, counts));
        yuma_active_shares(&staked, counts, &counted);
        CHECK(are_shares(&counted, n, active_stake));
        counts[random_bits() % n] ^= 1;
        CHECK(!yuma_count_active(n, active, permit, owner, counts) && yuma_count_active(n, active, permit, owner, counts));
        for (uint32_t k = 0; k <= n; k++) {
            CHECK(yuma_permits(n, stake, (uint16_t)k, owner, new_permit, workspace, sizeof workspace) == YUMA_OK);
            EACH_LOOPS(loops) {
                CHECK(yuma_permits_of(loops, n, &staked, (uint16_t)k, owner, listed, workspace, sizeof workspace) == YUMA_OK);
                CHECK(memcmp(new_permit, listed, n) == 0);
            }
        }
    }
}

/* Products and quotients where a rounding decides: solved.h. */
static void check_solved_product(uint64_t a, uint64_t b) {
    big product = big_mul((big){{a}}, b);
    int64_t floor = (int64_t)(product.limb[0] >> 32 | product.limb[1] << 32);
    CHECK(fixed_mul((int64_t)a, (int64_t)b) == floor);
    CHECK(fixed_mul((int64_t)-a, (int64_t)b) == -floor - ((product.limb[0] & UINT32_MAX) != 0));
    CHECK(fixed_mul_checked((int64_t)a, (int64_t)b) == floor);
    CHECK(fixed_mul_share((int64_t)a, (int64_t)b) == floor);
    CHECK(yuma_emission_share((int64_t)a, b) == (uint64_t)floor);
    CHECK(yuma_emission_share((int64_t)a, b | (uint64_t)1 << 63) == (uint64_t)floor + (a << 31));
}

static void check_solved_quotient(uint64_t x, uint64_t s) {
    int64_t quotient = (int64_t)big_div((big){{x << 32, x >> 32}}, (big){{s}}).limb[0];
    CHECK(fixed_div((int64_t)x, (int64_t)s) == quotient);
    CHECK(fixed_div((int64_t)-x, (int64_t)s) == -quotient);
    CHECK(fixed_sdiv((int64_t)x, (int64_t)s) == quotient);
    CHECK(fixed_div_by((int64_t)x, fixed_divisor_of((int64_t)s)) == quotient);
    if (x < 65536 && s < (uint64_t)1 << 31) { /* as whole numbers too */
        CHECK(fixed_div_by((int64_t)(x << 32), fixed_divisor_of((int64_t)(s << 32))) == quotient);
    }
}

static void test_solved(void) {
    /* the last shares that fit a u64, and the first that does not */
    CHECK(yuma_emission_share(2 * YUMA_ONE, UINT64_MAX >> 1) == UINT64_MAX - 1);
    CHECK(yuma_emission_share(2 * YUMA_ONE, (UINT64_MAX >> 1) + 1) == UINT64_MAX);
    CHECK(yuma_emission_share(YUMA_ONE, UINT64_MAX) == UINT64_MAX);
    for (size_t i = 0; i < 20000; i += stride) {
        uint64_t a = solved_odd(32), s = solved_odd(i % 2 ? 47 : 31);
        for (int left = -3; left <= 3; left++) {
            uint64_t b = solved_factor(a, left);
            CHECK((uint32_t)(a * b) == (uint32_t)left);
            check_solved_product(a, b);
            check_solved_product(b, a);
            uint64_t x = solved_dividend(s, left);
            check_solved_quotient(x, s);
            check_solved_quotient(x, s * 2 + 1);
        }
    }
    for (uint64_t v = 65535; v > 65535 - 20; v--) {
        uint64_t sums[SOLVED_DIVISORS];
        for (size_t k = solved_divisors(v, sums); k-- != 0;) {
            CHECK(((v << 32) + 1) % sums[k] == 0);
            check_solved_quotient(v, sums[k]);
        }
    }
    for (uint64_t v = 1; v < 65536; v++) { /* about the smallest proportion that is stored as v */
        uint64_t x = ((v << 32) + 65534) / 65535;
        CHECK(fixed_to_u16((int64_t)x) == v && fixed_to_u16((int64_t)x - 1) == v - 1);
        uint16_t stored[3];
        int64_t three[] = {(int64_t)x - 1, (int64_t)x, (int64_t)x + 1};
        CHECK(yuma_store(3, three, stored) == YUMA_OK && stored[0] == v - 1 && stored[1] == v && stored[2] >= v);
    }
}

/* The averages of both EMAs, of one entry, where its products leave next to nothing modulo 2^32. With high one above low the
 * alpha of the liquid EMA is low, whatever the sigmoid. */
static void test_solved_averages(void) {
    unsigned char workspace[1024];
    uint32_t indptr[] = {0, 1}, kept[2] = {0};
    uint16_t uid[] = {0}, uids[2] = {0};
    for (size_t i = 0; i < 4000; i += stride) {
        uint64_t alpha = solved_odd(32);
        for (int left = -2; left <= 2; left++) {
            for (int other = -2; other <= 2; other++) {
                int64_t w = (int64_t)solved_factor(alpha, left), b = (int64_t)solved_factor(alpha, other), value[2];
                yuma_rows weights = {indptr, uid, &w}, bonds = {indptr, uid, &b}, average = {kept, uids, value};
                big bought = big_mul((big){{alpha}}, (uint64_t)w), stays = big_mul((big){{(uint64_t)YUMA_ONE - alpha}}, (uint64_t)b);
                int64_t expected = (int64_t)(bought.limb[0] >> 32) + (int64_t)(stays.limb[0] >> 32);
                CHECK(bought.limb[1] == 0 && stays.limb[1] == 0);
                CHECK(yuma_ema(1, (int64_t)alpha, &weights, &bonds, &average, workspace, sizeof workspace) == YUMA_OK);
                CHECK(kept[1] == (expected > 0) && (expected == 0 || value[0] == expected));
                for (int64_t low = (int64_t)alpha, consensus = 0; consensus < 2 * YUMA_ONE; consensus += YUMA_ONE) {
                    CHECK(yuma_liquid_ema(1, &weights, &bonds, &consensus, low, low + 1, 1000 * YUMA_ONE, &average, workspace,
                                          sizeof workspace) == YUMA_OK);
                    int64_t limited = expected < YUMA_ONE ? expected : YUMA_ONE;
                    CHECK(kept[1] == (limited > 0) && (limited == 0 || value[0] == limited));
                }
            }
        }
    }
}

/* ---- the choice of the permits, and uidset.h ----------------------------------------------------------------------------- */

static void test_top_k(void) {
    unsigned char workspace[1024];
    for (unsigned code = 0; code < 16384; code++) { /* every sequence of up to 7 stakes out of four */
        for (uint32_t n = 1; n <= 7; n++) {
            int64_t stake[7];
            for (uint32_t i = 0; i < n; i++) {
                stake[i] = (int64_t)(code >> 2 * i & 3) - 1;
            }
            for (uint32_t k = 0; k <= n + 1; k++) {
                uint8_t permit[7];
                CHECK(yuma_top_k(n, stake, k, permit, workspace, sizeof workspace) == YUMA_OK);
                for (uint32_t i = 0; i < n; i++) {
                    uint32_t ahead = 0; /* of uid i, by stake and then by uid */
                    for (uint32_t j = 0; j < n; j++) {
                        ahead += stake[j] > stake[i] || (j > i && stake[j] == stake[i]);
                    }
                    CHECK(permit[i] == (ahead < k));
                }
            }
        }
    }
}

/* Who is ahead of uid i, by stake and then by uid. */
static uint32_t ahead_of(uint32_t n, const int64_t *stake, uint32_t i) {
    uint32_t ahead = 0;
    for (uint32_t j = 0; j < n; j++) {
        ahead += stake[j] > stake[i] || (j > i && stake[j] == stake[i]);
    }
    return ahead;
}

/* Of more stakes: of few values and of many, without stake and below 0, and such that the smallest is parted off again and again, until
 * the middle of the span is taken. */
static void test_permits(void) {
    enum { UIDS = 300 };
    static unsigned char workspace[16 * UIDS + 64];
    for (unsigned turn = 0; turn < 400; turn += (unsigned)stride) {
        int64_t stake[UIDS];
        uint8_t permit[UIDS], top[UIDS];
        uint32_t n = 1 + (uint32_t)(random_bits() % UIDS), staked = 0;
        unsigned kind = turn % 6;
        for (uint32_t i = 0; i < n; i++) {
            int64_t few = (int64_t)(random_bits() % 5), many = (int64_t)(random_runs() >> 31 >> random_bits() % 32);
            int64_t comb = (int64_t)(i == 0 || i == n / 2 || i == n - 1 ? n - i : 1000000 + i);
            stake[i] = kind == 0 ? few : kind == 1 ? many : kind == 2 ? (many & 1) * many : kind == 3 ? (int64_t)random_runs() : comb;
            stake[i] = kind == 5 ? (int64_t)1 << (i % 63) : stake[i];
            staked += stake[i] != 0;
        }
        for (uint32_t k = 0; k <= n; k += 1 + (uint32_t)(random_bits() % 9)) {
            int32_t owner = turn % 4 == 0 ? (int32_t)(random_bits() % n) : YUMA_NO_OWNER;
            CHECK(yuma_top_k(n, stake, k, top, workspace, sizeof workspace) == YUMA_OK);
            CHECK(yuma_permits(n, stake, (uint16_t)k, owner, permit, workspace, sizeof workspace) == YUMA_OK);
            for (uint32_t i = 0; i < n; i++) {
                int highest = ahead_of(n, stake, i) < k;
                CHECK(top[i] == highest);
                CHECK(permit[i] == ((staked > k ? highest : stake[i] != 0) || (int32_t)i == owner));
            }
        }
    }
    /* an order in which the first, the middle and the last of what is left are always the three smallest */
    static int64_t stake[UIDS];
    uint32_t left[UIDS], count = UIDS;
    for (uint32_t i = 0; i < UIDS; i++) {
        left[i] = i;
    }
    for (int64_t next = 1; count != 0; next += 3) {
        uint32_t chosen[3] = {0, count / 2, count - 1}, kept = 0;
        for (uint32_t i = 0; i < count; i++) {
            int taken = i == chosen[0] ? 1 : i == chosen[1] ? 2 : i == chosen[2] ? 3 : 0;
            if (taken) {
                stake[left[i]] = next + taken;
            } else {
                left[kept++] = left[i];
            }
        }
        count = kept;
    }
    for (uint32_t k = 1; k < UIDS; k += 7) {
        uint8_t top[UIDS];
        CHECK(yuma_top_k(UIDS, stake, k, top, workspace, sizeof workspace) == YUMA_OK);
        for (uint32_t i = 0; i < UIDS; i++) {
            CHECK(top[i] == (ahead_of(UIDS, stake, i) < k));
        }
    }
}

/* The stage, of proportions and of what is none, against its definition. */
static void test_emission(void) {
    enum { UIDS = 50 };
    for (size_t turn = 0; turn < 20000; turn += stride) {
        int64_t incentive[UIDS], dividends[UIDS], stake[UIDS], active[UIDS], total = 0, counted = 0;
        uint64_t emission = random_runs(), server[UIDS], validator[UIDS], both[UIDS];
        uint32_t n = 1 + (uint32_t)(random_bits() % UIDS);
        unsigned shift = turn % 3 == 0 ? 8 + (unsigned)(random_bits() % 56) : 31; /* below 2^56, 100 of which are below 2^63; and up to 2 * ONE */
        for (uint32_t i = 0; i < n; i++) {
            incentive[i] = turn % 5 != 0 && random_bits() % 3 ? (int64_t)(random_runs() >> shift) : 0;
            dividends[i] = turn % 5 != 0 && random_bits() % 3 ? (int64_t)(random_runs() >> shift) : 0;
            incentive[i] = turn % 11 == 0 ? (i == 0) * YUMA_ONE : incentive[i];
            stake[i] = (int64_t)(random_runs() >> 31) - (i == 1);
            active[i] = turn % 2 && random_bits() % 2 ? stake[i] : 0;
            total += incentive[i] + dividends[i];
            counted += active[i] != 0;
        }
        CHECK(yuma_emission(n, incentive, dividends, stake, active, emission, server, validator, both) == YUMA_OK);
        for (uint32_t i = 0; i < n; i++) {
            int64_t fallback = counted ? active[i] : stake[i];
            int64_t s = fixed_div(incentive[i], total), v = total ? fixed_div(dividends[i], total) : fallback;
            CHECK(server[i] == yuma_emission_share(s, emission) && validator[i] == yuma_emission_share(v, emission));
            CHECK(both[i] == yuma_emission_share(total ? fixed_div(incentive[i] + dividends[i], total) : fallback, emission));
        }
        uint16_t uid[UIDS];
        int64_t share[UIDS];
        uint64_t listed[3][UIDS];
        uid_shares some = {0, uid, share};
        for (uint32_t i = 0; i < n; i++) { /* those who have some, and others */
            uid[some.count] = (uint16_t)i;
            share[some.count] = dividends[i];
            some.count += dividends[i] != 0 || random_bits() % 4 == 0;
        }
        CHECK(yuma_emission_of(n, incentive, &some, emission, listed[0], listed[1], listed[2]) == (total != 0));
        CHECK(total == 0 || (memcmp(listed[0], server, n * sizeof *server) == 0 && memcmp(listed[1], validator, n * sizeof *server) == 0 &&
                             memcmp(listed[2], both, n * sizeof *both) == 0));
    }
}

/* About each proportion at which to_u16 gets one more, and outside of [0, ONE]. */
static void test_store(void) {
    enum { COUNT = 9 };
    for (uint64_t v = 0; v < 65536; v += stride) {
        uint64_t first = ((v << 32) + 65534) / 65535;
        int64_t x[COUNT];
        uint16_t stored[COUNT];
        for (int k = 0; k < COUNT; k++) {
            x[k] = fixed_clamp((int64_t)first + k - 4, 0, YUMA_ONE);
        }
        x[0] = v % 8 != 0 ? x[0] : v % 16 ? YUMA_ONE + (int64_t)random_runs() / 4 : (int64_t)random_runs();
        CHECK(yuma_store(COUNT, x, stored) == YUMA_OK);
        for (int k = 0; k < COUNT; k++) {
            CHECK(stored[k] == fixed_to_u16(x[k]));
        }
    }
}

static void test_activity(void) {
    for (size_t i = 0; i < edge_count; i++) {
        for (size_t k = i % stride; k < edge_count; k += stride) {
            uint64_t last[3] = {edges[(i + k) % edge_count], edges[i] - edges[k], edges[i] - edges[k] - 1};
            uint8_t active[3];
            CHECK(yuma_activity(3, last, edges[k], edges[i], active) == YUMA_OK);
            for (int u = 0; u < 3; u++) {
                uint64_t sum = last[u] + edges[k]; /* UINT64_MAX where that is less */
                CHECK(active[u] == (sum < last[u] || sum >= edges[i]));
            }
        }
    }
}

static void test_uidset(void) {
    static uidset set;
    static unsigned char member[65536];
    for (int round = 0; round < 300; round++) {
        memset(member, 0, sizeof member);
        uint64_t members = round < 2 ? (uint64_t)round : random_bits() % 600;
        uint64_t span = 1 + random_bits() % YUMA_MAX_UIDS;
        for (uint64_t i = 0; i < members; i++) {
            uint16_t uid = (uint16_t)(i == 5 ? YUMA_MAX_UIDS - 1 : random_bits() % span);
            member[uid] = 1;
            uidset_add(&set, uid);
            uidset_add(&set, uid);
        }
        unsigned group = 0;
        for (int32_t uid = 0; uid < 65536; uid++) {
            if (member[uid]) {
                CHECK(uidset_pop(&set, &group) == uid);
            }
        }
        CHECK(uidset_pop(&set, &group) == -1);
        for (size_t word = 0; word < UIDSET_WORDS; word++) {
            CHECK(set.word[word] == 0);
        }
    }
}

/* ---- the entry points --------------------------------------------------------------------------------------------------- */

enum { N = 4, WEIGHTS = 7, BONDS = 3 };

typedef struct {
    uint32_t weights_indptr[N + 1], bonds_indptr[N + 1], stored_indptr[N + 1];
    uint16_t weights_uid[WEIGHTS], weights_value[WEIGHTS], bonds_uid[BONDS], bonds_value[BONDS];
    uint64_t total_stake[2 * N], last_update[N], block_at_registration[N], rao[3][N];
    uint8_t permit[N], active[N], new_permit[N];
    uint16_t shares[5][N], stored_uid[WEIGHTS + BONDS], stored_value[WEIGHTS + BONDS];
    yuma_state state;
    yuma_hyperparameters hyperparameters;
    yuma_result result;
} subnet;

static void make_subnet(subnet *s) {
    *s = (subnet){
        .weights_indptr = {0, 3, 5, 5, 7},
        .weights_uid = {3, 1, 2, 0, 3, 1, 2},
        .weights_value = {9, 0, 65535, 1, 2, 30000, 4},
        .bonds_indptr = {0, 1, 3, 3, 3},
        .bonds_uid = {2, 3, 0},
        .bonds_value = {65535, 5, 0},
        .total_stake = {0, 100, 7, 200, 0, 0, 0, 50},
        .last_update = {9, 9, 9, 9},
        .permit = {1, 1, 0, 1},
    };
    s->state = (yuma_state){
        .n = N,
        .owner_uid = YUMA_NO_OWNER,
        .weights = {s->weights_indptr, s->weights_uid, s->weights_value},
        .bonds = {s->bonds_indptr, s->bonds_uid, s->bonds_value},
        .total_stake = s->total_stake,
        .last_update = s->last_update,
        .block_at_registration = s->block_at_registration,
        .validator_permit = s->permit,
        .current_block = 10,
    };
    s->hyperparameters = (yuma_hyperparameters){
        .tempo = 5,
        .activity_cutoff = 5,
        .bonds_moving_average = 900000,
        .max_allowed_validators = 3,
        .kappa = 32767,
        .bonds_penalty = 30000,
        .alpha_low = 45875,
        .alpha_high = 58982,
        .alpha_sigmoid_steepness = 1000,
        .profile = YUMA_PROFILE_425,
        .yuma3 = 1,
        .liquid_alpha = 1,
    };
    s->result = (yuma_result){
        s->active, s->new_permit, s->shares[0], s->shares[1], s->shares[2], s->shares[3], s->shares[4],
        s->rao[0], s->rao[1], s->rao[2], s->stored_indptr, s->stored_uid, s->stored_value,
    };
}

/* An epoch of s in a workspace of its own and of just this size, so that a sanitizer sees any access beyond it. */
static yuma_status run(subnet *s, size_t size) {
    unsigned char *workspace = malloc(size ? size : 1);
    if (workspace == NULL) {
        abort();
    }
    memset(workspace, 0xa5, size);
    yuma_status status = yuma_epoch(&s->state, &s->hyperparameters, 1000000007, &s->result, NULL, YUMA_ISA_ANY, workspace, size);
    free(workspace);
    return status;
}

static void test_epoch(void) {
    subnet s, twin;
    size_t size = yuma_workspace(N, WEIGHTS, BONDS);
    for (int rules = 0; rules < 8; rules++) {
        make_subnet(&s);
        make_subnet(&twin);
        s.hyperparameters.yuma3 = twin.hyperparameters.yuma3 = rules & 1;
        s.hyperparameters.liquid_alpha = twin.hyperparameters.liquid_alpha = rules >> 1 & 1;
        s.hyperparameters.bonds_penalty = twin.hyperparameters.bonds_penalty = rules & 4 ? 65535 : 30000;
        CHECK(yuma_check(&s.state, &s.hyperparameters) == YUMA_OK);
        CHECK(run(&s, size) == YUMA_OK);
        CHECK(run(&twin, size + 13) == YUMA_OK);
        CHECK(memcmp(s.rao, twin.rao, sizeof s.rao) == 0 && memcmp(s.shares, twin.shares, sizeof s.shares) == 0);
        CHECK(memcmp(s.weights_uid, twin.weights_uid, sizeof s.weights_uid) == 0);
        CHECK(s.rao[2][0] + s.rao[2][1] + s.rao[2][2] + s.rao[2][3] > 999999000);
        for (size_t less = 0; less < size; less++) {
            CHECK(run(&s, less) == YUMA_ERROR_WORKSPACE);
        }
    }
}

/* Epochs after each other in one call are those of one call after the other, each reading what the one before it stored. */
static void test_simulate(uint16_t profile) {
    enum { EPOCHS = 5, ROOM = 16 };
    subnet s, steps[EPOCHS], all[EPOCHS];
    yuma_state states[EPOCHS];
    yuma_result results[EPOCHS];
    const yuma_hyperparameters *rules[EPOCHS];
    uint64_t emission[EPOCHS];
    static unsigned char workspace[100000];
    uint16_t uid[2][EPOCHS][ROOM], value[2][EPOCHS][ROOM];
    make_subnet(&s);
    s.hyperparameters.profile = profile;
    s.hyperparameters.liquid_alpha_consensus_mode = YUMA_CONSENSUS_PREVIOUS;
    s.state.previous_consensus = s.shares[0]; /* nothing stored yet */
    for (int k = 0; k < EPOCHS; k++) {
        make_subnet(&steps[k]);
        steps[k].hyperparameters = s.hyperparameters;
        steps[k].state.previous_consensus = s.state.previous_consensus;
        make_subnet(&all[k]);
        steps[k].result.bonds_uid = uid[0][k];
        steps[k].result.bonds_value = value[0][k];
        all[k].result.bonds_uid = uid[1][k];
        all[k].result.bonds_value = value[1][k];
        states[k] = s.state;
        if (k > 0) {
            const yuma_result *before = &steps[k - 1].result;
            steps[k].state.bonds = (yuma_stored_rows){before->bonds_indptr, before->bonds_uid, before->bonds_value};
            steps[k].state.validator_permit = before->validator_permit;
            steps[k].state.previous_consensus = before->consensus;
            steps[k].state.previous_consensus_length = N;
            states[k].previous_consensus = NULL;
            states[k].bonds = (yuma_stored_rows){NULL, NULL, NULL};
            states[k].validator_permit = NULL;
        }
        rules[k] = &s.hyperparameters;
        emission[k] = 1000000007;
        results[k] = all[k].result;
        CHECK(run(&steps[k], sizeof workspace) == YUMA_OK);
    }
    uint32_t done = 9;
    CHECK(yuma_simulate(EPOCHS, states, rules, emission, results, ROOM, YUMA_ISA_ANY, workspace, sizeof workspace, &done) ==
          YUMA_OK);
    CHECK(done == EPOCHS);
    for (int k = 0; k < EPOCHS; k++) {
        size_t bytes = all[k].stored_indptr[N] * sizeof(uint16_t);
        CHECK(memcmp(all[k].rao, steps[k].rao, sizeof s.rao) == 0 && memcmp(all[k].shares, steps[k].shares, sizeof s.shares) == 0);
        CHECK(memcmp(all[k].stored_indptr, steps[k].stored_indptr, sizeof s.stored_indptr) == 0);
        CHECK(memcmp(uid[0][k], uid[1][k], bytes) == 0 && memcmp(value[0][k], value[1][k], bytes) == 0);
    }
    CHECK(yuma_simulate(EPOCHS, states, rules, emission, results, WEIGHTS, YUMA_ISA_ANY, workspace, sizeof workspace, &done) ==
          YUMA_ERROR_ROOM);
    CHECK(done == 0);
    CHECK(yuma_simulate(1, states + 1, rules, emission, results, ROOM, YUMA_ISA_ANY, workspace, sizeof workspace, &done) ==
          YUMA_ERROR_NULL);
    states[3].owner_uid = N;
    CHECK(yuma_simulate(EPOCHS, states, rules, emission, results, ROOM, YUMA_ISA_ANY, workspace, sizeof workspace, &done) ==
          YUMA_ERROR_OWNER);
    CHECK(done == 3);
    states[3] = states[2];
    states[3].n = N - 1;
    CHECK(yuma_simulate(EPOCHS, states, rules, emission, results, ROOM, YUMA_ISA_ANY, workspace, sizeof workspace, &done) ==
          YUMA_ERROR_N);
    CHECK(yuma_simulate(0, NULL, NULL, NULL, NULL, 0, YUMA_ISA_ANY, NULL, 0, &done) == YUMA_OK && done == 0);
    CHECK(yuma_simulate(1, states, rules, emission, results, ROOM, YUMA_ISA_ANY, workspace, sizeof workspace, NULL) ==
          YUMA_ERROR_NULL);
}

/* What an epoch takes over from the one before it, and that it does not where an input is another: each has one change. */
static void test_before(void) {
    static unsigned char workspace[100000];
    static const struct {
        const char *change;
        uint32_t stakes, active, latest;
    } steps[] = {{"first", 0, 0, 0},       {"none", 1, 1, 1},           {"kappa", 1, 1, 1},       {"stake", 0, 0, 1},
                 {"threshold", 0, 0, 1},   {"owner", 0, 0, 1},          {"permits", 0, 0, 1},     {"profile", 0, 0, 1},
                 {"last update", 1, 0, 1}, {"block", 1, 1, 1},          {"permit", 1, 0, 1},      {"permit's address", 1, 1, 1},
                 {"registered", 1, 1, 0},  {"nobody is active", 1, 0, 1}, {"n", 0, 0, 0},         {"none", 1, 1, 1}};
    subnet s, one, all;
    make_subnet(&s);
    uint64_t stake[2 * N], last_update[N], registered[N];
    uint8_t permit[N], same_permit[N];
    uint32_t no_weights[N + 1] = {0};
    memcpy(stake, s.total_stake, sizeof stake);
    stake[1] *= 3;
    memcpy(last_update, s.last_update, sizeof last_update);
    last_update[0] = 0;
    memcpy(registered, s.block_at_registration, sizeof registered);
    registered[1] = UINT64_MAX;
    memcpy(permit, s.permit, sizeof permit);
    permit[3] = !permit[3];
    memcpy(same_permit, permit, sizeof permit);
    s.hyperparameters.profile = YUMA_PROFILE_475;
    s.hyperparameters.liquid_alpha = 0;
    s.hyperparameters.activity_cutoff = s.state.current_block - 1; /* who was never updated is not active */
    epoch_before before = {0};
    const yuma_hyperparameters *rules = &s.hyperparameters;
    for (size_t k = 0; k < sizeof steps / sizeof *steps; k++) {
        const uint32_t stakes = before.stakes_taken, active = before.active_taken, latest = before.latest_taken;
        const char *change = steps[k].change;
        s.hyperparameters.kappa = strcmp(change, "kappa") == 0 ? 1 : s.hyperparameters.kappa;
        s.state.total_stake = strcmp(change, "stake") == 0 ? stake : s.state.total_stake;
        s.hyperparameters.stake_threshold += strcmp(change, "threshold") == 0;
        s.state.owner_uid = strcmp(change, "owner") == 0 ? (s.state.owner_uid == 1 ? 2 : 1) : s.state.owner_uid;
        s.hyperparameters.max_allowed_validators = strcmp(change, "permits") == 0 ? 1 : s.hyperparameters.max_allowed_validators;
        s.hyperparameters.profile = strcmp(change, "profile") == 0 ? YUMA_PROFILE_425 : s.hyperparameters.profile;
        s.state.last_update = strcmp(change, "last update") == 0 ? last_update : s.state.last_update;
        s.state.current_block += strcmp(change, "block") == 0;
        s.hyperparameters.activity_cutoff += strcmp(change, "block") == 0;
        s.state.validator_permit = strcmp(change, "permit") == 0             ? permit
                                   : strcmp(change, "permit's address") == 0 ? same_permit
                                                                             : s.state.validator_permit;
        s.state.block_at_registration = strcmp(change, "registered") == 0 ? registered : s.state.block_at_registration;
        if (strcmp(change, "nobody is active") == 0) {
            s.hyperparameters.activity_cutoff = 0;
            s.state.current_block = UINT64_MAX;
        }
        if (strcmp(change, "n") == 0) {
            s.state.n = N - 1;
            s.state.weights.indptr = s.state.bonds.indptr = no_weights;
        }
        const uint64_t emission = 1000000007;
        uint32_t done;
        make_subnet(&all);
        make_subnet(&one);
        memset(&all.rao, 1, sizeof all.rao);
        memset(&one.rao, 1, sizeof one.rao);
        memset(workspace + sizeof workspace / 2, 0x5a, sizeof workspace / 2);
        CHECK(yuma_simulate_after(&before, 1, &s.state, &rules, &emission, &all.result, WEIGHTS + BONDS, YUMA_ISA_ANY, workspace,
                                  sizeof workspace / 2, &done) == YUMA_OK);
        CHECK(yuma_epoch(&s.state, rules, emission, &one.result, NULL, YUMA_ISA_ANY, workspace + sizeof workspace / 2,
                         sizeof workspace / 2) == YUMA_OK);
        CHECK(before.stakes_taken - stakes == steps[k].stakes && before.active_taken - active == steps[k].active);
        CHECK(yuma_vector_path(YUMA_ISA_ANY) == NULL || before.latest_taken - latest == steps[k].latest);
        CHECK(memcmp(all.rao, one.rao, sizeof one.rao) == 0 && memcmp(all.shares, one.shares, sizeof one.shares) == 0);
        CHECK(memcmp(all.active, one.active, sizeof one.active) == 0 && memcmp(all.new_permit, one.new_permit, sizeof one.new_permit) == 0);
        CHECK(memcmp(all.stored_indptr, one.stored_indptr, sizeof one.stored_indptr) == 0);
    }
}

/* Every way in which the entries of two rows may be there or not, in matrices of less than a block of columns, of one and of
 * more; the rows of all others are held, or empty. Memory of just the size that is asked for, so that a sanitizer sees more. */
static void test_rows_from_dense(void) {
    static const uint32_t sizes[] = {1, 2, 3, 5, 31, 32, 33, 63, 64, 65, 100};
    for (size_t z = 0; z < sizeof sizes / sizeof *sizes; z++) {
        uint32_t n = sizes[z], taken = n < 3 ? 1 : 3;
        for (int density = 0; density <= 8; density++) {
            uint16_t uids[3] = {0, (uint16_t)(n / 2), (uint16_t)(n - 1)};
            uint32_t indptr[101], held_indptr[101], expected;
            uint16_t *dense = malloc(taken * n * sizeof *dense), held_uid[100], held_value[100];
            held_indptr[0] = 0;
            for (uint32_t i = 0; i < n; i++) { /* one entry in every row */
                held_uid[i] = (uint16_t)((i + 1) % n);
                held_value[i] = (uint16_t)(i + 7);
                held_indptr[i + 1] = i + 1;
            }
            for (uint32_t k = 0; k < taken * n; k++) {
                dense[k] = random_bits() % 8 < (uint64_t)density ? (uint16_t)(random_bits() % 65535 + 1) : 0;
            }
            for (int held = 0; held < 2; held++) {
                yuma_stored_rows others = {held_indptr, held_uid, held_value};
                size_t room = taken * n + (held ? n - taken : 0);
                uint16_t *uid = malloc(room * sizeof *uid), *value = malloc(room * sizeof *value);
                CHECK(yuma_rows_from_dense(n, held ? &others : NULL, taken, uids, dense, indptr, uid, value) == YUMA_OK);
                expected = 0;
                for (uint32_t i = 0; i < n; i++) {
                    CHECK(indptr[i] == expected);
                    uint32_t r = 0;
                    while (r < taken && uids[r] != i) {
                        r++;
                    }
                    for (uint32_t j = 0; r < taken && j < n; j++) {
                        if (dense[r * n + j] != 0) {
                            CHECK(uid[expected] == j && value[expected] == dense[r * n + j]);
                            expected++;
                        }
                    }
                    if (r == taken && held) {
                        CHECK(uid[expected] == held_uid[i] && value[expected] == held_value[i]);
                        expected++;
                    }
                }
                CHECK(indptr[n] == expected);
                free(uid);
                free(value);
            }
            free(dense);
        }
    }
    uint32_t indptr[5];
    uint16_t uid[8], value[8], dense[8] = {0}, uids[2] = {1, 2}, again[2] = {1, 1}, beyond[2] = {1, 4};
    CHECK(yuma_rows_from_dense(4, NULL, 0, NULL, NULL, indptr, uid, value) == YUMA_OK && indptr[4] == 0);
    CHECK(yuma_rows_from_dense(4, NULL, 2, uids, dense, indptr, uid, value) == YUMA_OK && indptr[4] == 0);
    CHECK(yuma_rows_from_dense(0, NULL, 0, uids, dense, indptr, uid, value) == YUMA_ERROR_N);
    CHECK(yuma_rows_from_dense(4, NULL, 2, again, dense, indptr, uid, value) == YUMA_ERROR_UID);
    CHECK(yuma_rows_from_dense(4, NULL, 2, beyond, dense, indptr, uid, value) == YUMA_ERROR_UID);
    CHECK(yuma_rows_from_dense(1, NULL, 2, uids, dense, indptr, uid, value) == YUMA_ERROR_UID);
    CHECK(yuma_rows_from_dense(4, NULL, 2, NULL, dense, indptr, uid, value) == YUMA_ERROR_NULL);
    CHECK(yuma_rows_from_dense(4, NULL, 2, uids, NULL, indptr, uid, value) == YUMA_ERROR_NULL);
    CHECK(yuma_rows_from_dense(4, NULL, 2, uids, dense, NULL, uid, value) == YUMA_ERROR_NULL);
}

/* Rows in order and out of it, at the edges of the rules; memory of just the size that is asked for. */
static void test_check_rows(void) {
    static const uint16_t orders[][4] = {{0, 1, 2, 3}, {3, 2, 1, 0}, {1, 3, 0, 2}};
    uint32_t *indptr = malloc(5 * sizeof *indptr);
    uint16_t *uid = malloc(8 * sizeof *uid);
    for (int a = 0; a < 3; a++) {
        for (int b = 0; b < 3; b++) { /* the uids of the rows 1 and 3, of which neither knows the other's */
            const uint32_t ends[] = {0, 0, 4, 4, 8};
            memcpy(indptr, ends, sizeof ends);
            memcpy(uid, orders[a], 4 * sizeof *uid);
            memcpy(uid + 4, orders[b], 4 * sizeof *uid);
            CHECK(yuma_check_rows(4, 8, indptr, uid) == YUMA_OK);
            for (int k = 0; k < 8; k++) {
                uint16_t held = uid[k];
                uid[k] = 4;
                CHECK(yuma_check_rows(4, 8, indptr, uid) == YUMA_ERROR_UID);
                for (int other = k / 4 * 4; other < k / 4 * 4 + 4; other++) {
                    uid[k] = other == k ? held : uid[other];
                    CHECK(yuma_check_rows(4, 8, indptr, uid) == (other == k ? YUMA_OK : YUMA_ERROR_UID));
                }
                uid[k] = held;
            }
            CHECK(yuma_check_rows(4, 7, indptr, uid) == YUMA_ERROR_INDPTR);
            CHECK(yuma_check_rows(3, 8, indptr, uid) == YUMA_ERROR_INDPTR);
            indptr[1] = 5;
            CHECK(yuma_check_rows(4, 8, indptr, uid) == YUMA_ERROR_INDPTR);
            indptr[1] = 9;
            CHECK(yuma_check_rows(4, 8, indptr, uid) == YUMA_ERROR_INDPTR);
            indptr[0] = indptr[1] = 1;
            CHECK(yuma_check_rows(4, 8, indptr, uid) == YUMA_ERROR_INDPTR);
        }
    }
    memset(indptr, 0, 5 * sizeof *indptr);
    CHECK(yuma_check_rows(4, 0, indptr, NULL) == YUMA_OK);
    CHECK(yuma_check_rows(0, 0, indptr, NULL) == YUMA_ERROR_N);
    CHECK(yuma_check_rows(YUMA_MAX_UIDS + 1, 0, indptr, NULL) == YUMA_ERROR_N);
    CHECK(yuma_check_rows(4, 0, NULL, NULL) == YUMA_ERROR_NULL);
    CHECK(yuma_check_rows(4, 1, indptr, NULL) == YUMA_ERROR_NULL);
    free(indptr);
    free(uid);
}

/* Variants in one call are those of one call after the other from rows that were made before. */
static void test_variants(void) {
    enum { COUNT = 4, ROOM = N * N + BONDS };
    static unsigned char workspace[100000];
    subnet s, one, all[COUNT];
    yuma_state states[COUNT];
    yuma_result results[COUNT];
    const yuma_hyperparameters *rules[COUNT];
    uint64_t emission[COUNT];
    uint16_t dense[COUNT][2 * N], uids[2] = {0, 2}, uid[3][N * N], value[3][N * N], bonds_uid[ROOM], bonds_value[ROOM];
    const uint16_t *given[COUNT];
    uint32_t indptr[2][N + 1], done = 9;
    make_subnet(&s);
    for (int k = 0; k < COUNT; k++) {
        make_subnet(&all[k]);
        states[k] = s.state;
        states[k].weights = (yuma_stored_rows){NULL, NULL, NULL};
        rules[k] = &s.hyperparameters;
        emission[k] = 1000000007 + (uint64_t)k;
        results[k] = all[k].result;
        results[k].bonds_uid = bonds_uid; /* of nobody's interest here: one memory for all */
        results[k].bonds_value = bonds_value;
        for (int e = 0; e < 2 * N; e++) {
            dense[k][e] = (uint16_t)(random_bits() % 3 * 9000);
        }
        given[k] = dense[k];
    }
    yuma_dense_rows weights = {&s.state.weights, 2, uids, given, indptr[0], uid[0], value[0]};
    CHECK(yuma_variants(COUNT, states, rules, emission, results, &weights, ROOM, YUMA_ISA_ANY, workspace, sizeof workspace,
                        &done) == YUMA_OK);
    CHECK(done == COUNT);
    for (int k = 0; k < COUNT; k++) {
        make_subnet(&one);
        CHECK(yuma_rows_from_dense(N, &s.state.weights, 2, uids, dense[k], indptr[1], uid[1], value[1]) == YUMA_OK);
        one.state.weights = (yuma_stored_rows){indptr[1], uid[1], value[1]};
        one.result.bonds_uid = uid[2];
        one.result.bonds_value = value[2];
        CHECK(yuma_check(&one.state, &one.hyperparameters) == YUMA_OK);
        CHECK(yuma_epoch(&one.state, &one.hyperparameters, emission[k], &one.result, NULL, YUMA_ISA_ANY, workspace,
                         sizeof workspace) == YUMA_OK);
        CHECK(memcmp(all[k].rao, one.rao, sizeof s.rao) == 0 && memcmp(all[k].shares, one.shares, sizeof s.shares) == 0);
    }
    CHECK(yuma_variants(COUNT, states, rules, emission, results, &weights, 1, YUMA_ISA_ANY, workspace, sizeof workspace, &done) ==
          YUMA_ERROR_ROOM);
    CHECK(done == 0);
    states[2].validator_permit = NULL; /* there is none before it */
    CHECK(yuma_variants(COUNT, states, rules, emission, results, &weights, ROOM, YUMA_ISA_ANY, workspace, sizeof workspace,
                        &done) == YUMA_ERROR_NULL);
    CHECK(done == 2);
    uids[1] = N;
    CHECK(yuma_variants(COUNT, states, rules, emission, results, &weights, ROOM, YUMA_ISA_ANY, workspace, sizeof workspace,
                        &done) == YUMA_ERROR_UID);
    CHECK(yuma_variants(COUNT, states, rules, emission, results, NULL, ROOM, YUMA_ISA_ANY, workspace, sizeof workspace, &done) ==
          YUMA_ERROR_NULL);
    CHECK(yuma_variants(0, NULL, NULL, NULL, NULL, NULL, 0, YUMA_ISA_ANY, NULL, 0, &done) == YUMA_OK && done == 0);
    CHECK(yuma_variants(1, states, rules, emission, results, &weights, ROOM, YUMA_ISA_ANY, workspace, sizeof workspace, NULL) ==
          YUMA_ERROR_NULL);
}

static int has_environment(void) {
    volatile double one = 1, less = 0x1p-60;
    fesetround(FE_DOWNWARD);
    less = one - less;
    fesetround(FE_TONEAREST);
    return less < 1;
}

/* What the kernel asks the processor is what the compiler's library asks it, and a mask is what it is. */
static void test_available(void) {
    uint32_t available = yuma_isa_available();
    CHECK(available & YUMA_ISA_PORTABLE);
#if defined(YUMA_HAVE_AVX)
    __builtin_cpu_init();
    int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    int avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                 __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    CHECK(!__builtin_cpu_supports("sse2") || /* which every such processor has: else the library does not know */
          available == (YUMA_ISA_PORTABLE | (avx2 ? YUMA_ISA_AVX2 : 0u) | (avx512 ? YUMA_ISA_AVX512 : 0u)));
#endif
    CHECK(yuma_vector_path(YUMA_ISA_PORTABLE) == NULL && yuma_vector_path(0) == NULL);
    CHECK(yuma_vector_path(YUMA_ISA_ANY) == yuma_vector_path(available));
    for (uint32_t isa = YUMA_ISA_AVX2; isa <= YUMA_ISA_NEON; isa <<= 1) {
        const vector_path *path = yuma_vector_path(isa & available);
        CHECK(path == NULL ? !(isa & available) : path->isa == isa);
    }
}

/* The median of each instruction set by the law's words: every column of up to five scores out of five, in full layouts and in
 * packed columns, with and without validators that have no stake, or no row. */
enum { VOTERS = 5, SCORES_OF_TEST = 5 };

/* The stakes of so many validators, 0 for one that has none; the last one has no row. */
typedef struct {
    uint32_t stake[VOTERS + 1];
} electorate;

static uint32_t defined_median(const uint32_t *score, const uint32_t *stake, unsigned count, int64_t minority) {
    uint64_t answer = UINT64_MAX;
    uint32_t largest = 0;
    for (unsigned c = 0; c < count; c++) {
        if (stake[c] == 0) {
            continue;
        }
        largest = score[c] > largest ? score[c] : largest;
        int64_t sum = 0;
        for (unsigned k = 0; k < count; k++) {
            sum += score[k] <= score[c] ? stake[k] : 0;
        }
        answer = sum > minority && score[c] < answer ? score[c] : answer;
    }
    return answer == UINT64_MAX ? largest : (uint32_t)answer;
}

static void check_medians(const vector_path *path, const electorate *of, int64_t minority, int packed) {
    static const uint32_t score_of[SCORES_OF_TEST] = {0, 1, 2, UINT32_MAX - 2, SCORE_ONE};
    enum { COLUMNS = 3125, SLICES = (COLUMNS + SLICE - 1) / SLICE }; /* 5 to the power of 5: the digits are the scores */
    static uint32_t weights[TOGETHER][VOTERS * SLICE], stake[VOTERS * SLICE];
    uint32_t scratch[VOTERS * SCRATCH / sizeof(uint32_t)], scorer_stake[VOTERS];
    uint16_t scorer[VOTERS];
    vector_epoch e = {.rows = VOTERS, .scratch = scratch, .scorer_stake = scorer_stake, .scorer = scorer};
    int64_t total = 0;
    for (uint16_t r = 0; r <= VOTERS; r++) {
        total += of->stake[r];
        e.validators += of->stake[r] != 0;
        if (r < VOTERS && of->stake[r] != 0) {
            scorer[e.scorers] = packed ? r : (uint16_t)e.scorers;
            scorer_stake[e.scorers++] = of->stake[r];
        }
    }
    e.absent = of->stake[VOTERS];
    e.total = (uint32_t)total;
    e.extreme = minority < 0 ? -1 : minority >= total;
    e.minority = e.extreme == 0 ? (uint32_t)minority : 0;
    e.heavy = e.scorers;
    int64_t heavy = 0;
    for (uint32_t k = 0; e.extreme == 0 && k < e.scorers; k++) { /* the first who bound every median */
        heavy += scorer_stake[k];
        if (heavy > minority && total - heavy <= minority) {
            e.heavy = k + 1;
            break;
        }
    }
    uint32_t slices = packed ? 1 : TOGETHER;
    for (uint32_t s = 0; s + slices <= SLICES; s += slices) {
        vector_slice slice[TOGETHER];
        uint32_t scores[TOGETHER * SLICE][VOTERS + 1], found[TOGETHER * SLICE], depth = 0;
        memset(weights, 0, sizeof weights);
        memset(stake, 0, sizeof stake);
        for (uint32_t t = 0; t < slices; t++) {
            slice[t] = (vector_slice){.depth = VOTERS, .columns = SLICE, .weights = weights[t]};
        }
        for (uint32_t c = 0; c < slices * SLICE; c++) {
            uint32_t code = s * SLICE + c, lane = c % SLICE, filled = 0, scorers = 0;
            uint64_t above_0 = 0;
            for (uint16_t r = 0; r < VOTERS; r++, code /= SCORES_OF_TEST) {
                scores[c][r] = score_of[code % SCORES_OF_TEST];
                above_0 += scores[c][r] != 0 ? of->stake[r] : 0;
                if (!packed) { /* those with a stake first */
                    uint32_t depth_of = of->stake[r] != 0 ? scorers++ : e.scorers + r - scorers;
                    weights[c / SLICE][depth_of * SLICE + lane] = scores[c][r];
                } else if (scores[c][r] != 0 && of->stake[r] != 0) {
                    stake[filled * SLICE + lane] = of->stake[r];
                    weights[0][filled++ * SLICE + lane] = scores[c][r];
                }
            }
            depth = filled > depth ? filled : depth;
            scores[c][VOTERS] = 0;
            CHECK((above_0 >= yuma_vector_enough(total, total - minority, e.validators)) ==
                  (defined_median(scores[c], of->stake, VOTERS + 1, minority) != 0));
        }
        if (packed) {
            path->packed_consensus(&e, depth, weights[0], stake, found);
        } else {
            path->consensus(&e, slice, slices, found);
        }
        for (uint32_t c = 0; c < slices * SLICE; c++) {
            CHECK(found[c] == defined_median(scores[c], of->stake, VOTERS + 1, minority));
        }
        if (!packed) { /* a last slice that is not whole */
            uint32_t some[TOGETHER * SLICE], columns = (slices - 1) * SLICE + 1 + s % SLICE;
            slice[slices - 1].columns = 1 + s % SLICE;
            path->consensus(&e, slice, slices, some);
            CHECK(memcmp(some, found, columns * sizeof *some) == 0);
        }
    }
}

static void test_medians(void) {
    static const electorate all[] = {
        {{1, 1, 1, 1, 1, 0}},
        {{858993459, 858993459, 858993459, 858993459, 858993460, 0}}, /* together ONE */
        {{UINT32_C(1) << 31, UINT32_C(1) << 31, 0, 0, 0, 0}},         /* the same */
        {{UINT32_MAX - 3, 1, 1, 1, 1, 0}},
        {{1, 5, 25, 125, 625, 0}},
        {{0, 7, 0, 3, 4, 6}},
        {{1000, 1, 1000, 0, 1, UINT32_MAX - 5000}},
        {{3, 3, 3, 3, 3, 1}},
    };
    for (uint32_t isa = YUMA_ISA_AVX2; isa <= YUMA_ISA_NEON; isa <<= 1) {
        const vector_path *path = yuma_vector_path(isa & yuma_isa_available());
        for (size_t k = 0; path != NULL && k < sizeof all / sizeof *all; k++) {
            int64_t total = 0;
            for (unsigned r = 0; r <= VOTERS; r++) {
                total += all[k].stake[r];
            }
            const int64_t minority[] = {-1, 0, 1, total / 3, (total - 1) / 2, total / 2, total / 2 + 1, total - 2, total - 1, total};
            for (size_t m = 0; m < sizeof minority / sizeof *minority; m++) {
                check_medians(path, &all[k], minority[m], 0);
                check_medians(path, &all[k], minority[m], 1);
            }
        }
    }
}

/* The liquid alphas of each instruction set in the raw bits, which an epoch shows only after further cuts: every distance
 * that is an edge, and others, with slopes up to the bound, g = ONE among them. */
static void test_alphas(void) {
    static const int16_t steepness[] = {-2800, -2799, -1000, -200, -100, -7, -1, 0, 1, 50, 200, 1000, 1400, 2799, 2800};
    for (uint32_t isa = YUMA_ISA_AVX2; isa <= YUMA_ISA_NEON; isa <<= 1) {
        const vector_path *path = yuma_vector_path(isa & yuma_isa_available());
        if (path == NULL) {
            continue;
        }
        for (size_t s = 0; s < sizeof steepness / sizeof *steepness; s++) {
            for (int bounds = 0; bounds < 3; bounds++) {
                subnet of;
                make_subnet(&of);
                of.hyperparameters.alpha_sigmoid_steepness = steepness[s];
                of.hyperparameters.alpha_low = (uint16_t)(bounds == 2 ? 60000 : bounds * 45875);
                of.hyperparameters.alpha_high = bounds == 0 ? 65535 : 58982;
                int64_t low = fixed_ratio16(of.hyperparameters.alpha_low), high = fixed_ratio16(of.hyperparameters.alpha_high);
                vector_epoch e = {.liquid = 1};
                CHECK(yuma_vector_liquid(&e, yuma_rules_of(YUMA_PROFILE_475), &of.hyperparameters));
                for (int i = 2; i <= 31; i++) {
                    double below = -fma(e.inverse[i], i * 4294967296.0, -1);
                    CHECK(below >= 0);
                    CHECK(below <= 0x1p-50);
                }
                for (unsigned long round = 0; round < 300; round += stride) {
                    int64_t distance[ALPHAS];
                    double alpha[ALPHAS];
                    for (int k = 0; k < ALPHAS; k++) {
                        uint64_t any = round % 2 ? random_bits() : edges[random_bits() % edge_count];
                        distance[k] = (int64_t)(any % ((uint64_t)YUMA_ONE + 1));
                        alpha[k] = (double)distance[k];
                    }
                    fesetround(FE_DOWNWARD);
                    path->alphas(&e, alpha, ALPHAS);
                    fesetround(FE_TONEAREST);
                    for (int k = 0; k < ALPHAS; k++) {
                        CHECK((int64_t)alpha[k] == yuma_liquid_alpha(0, distance[k], 0, low, high, steepness[s] * YUMA_ONE));
                    }
                }
            }
        }
    }
    vector_epoch e;
    subnet of;
    make_subnet(&of);
    of.hyperparameters.alpha_sigmoid_steepness = 2801;
    CHECK(!yuma_vector_liquid(&e, yuma_rules_of(YUMA_PROFILE_475), &of.hyperparameters));
    of.hyperparameters.alpha_sigmoid_steepness = -2801;
    CHECK(!yuma_vector_liquid(&e, yuma_rules_of(YUMA_PROFILE_475), &of.hyperparameters));
}

/* The caller's rounding mode and exception flags are his before and after, and have no part in the result: of the vector paths,
 * and with liquid alpha of a slope that they do not have, of the portable one. */
static void test_environment(void) {
    static const int modes[] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
    for (uint8_t liquid = 0; liquid < 2; liquid++) {
        subnet expected;
        make_subnet(&expected);
        expected.hyperparameters.liquid_alpha = liquid;
        expected.hyperparameters.alpha_sigmoid_steepness = 2801;
        CHECK(run(&expected, 100000) == YUMA_OK);
        for (size_t m = 0; m < sizeof modes / sizeof *modes; m++) {
            subnet s;
            make_subnet(&s);
            s.hyperparameters.liquid_alpha = liquid;
            s.hyperparameters.alpha_sigmoid_steepness = 2801;
            CHECK(fesetround(modes[m]) == 0);
            feclearexcept(FE_ALL_EXCEPT);
            feraiseexcept(FE_OVERFLOW);
            feclearexcept(FE_INEXACT); /* which an overflow may raise with it */
            CHECK(run(&s, 100000) == YUMA_OK);
            CHECK(fegetround() == modes[m]);
            CHECK(fetestexcept(FE_ALL_EXCEPT) == FE_OVERFLOW);
            CHECK(memcmp(s.rao, expected.rao, sizeof s.rao) == 0 && memcmp(s.shares, expected.shares, sizeof s.shares) == 0);
            CHECK(memcmp(s.stored_value, expected.stored_value, sizeof s.stored_value) == 0);
        }
    }
    /* the stages that compute in doubles, too */
    for (size_t m = 0; m < sizeof modes / sizeof *modes; m++) {
        int64_t proportions[3] = {0, YUMA_ONE / 3, YUMA_ONE}, alpha[3], value[3];
        uint32_t indptr[] = {0, 3, 3, 3}, kept[N];
        uint16_t uid[] = {0, 1, 2}, uids[3];
        unsigned char workspace[1024];
        yuma_rows matrix = {indptr, uid, proportions}, ema = {kept, uids, value};
        for (int stage = 0; stage < 2; stage++) {
            CHECK(fesetround(modes[m]) == 0);
            feclearexcept(FE_ALL_EXCEPT);
            feraiseexcept(FE_OVERFLOW);
            feclearexcept(FE_INEXACT);
            CHECK((stage == 0 ? yuma_liquid_alphas(3, proportions, proportions, proportions, 1000, YUMA_ONE / 2, 10 * YUMA_ONE, alpha)
                              : yuma_liquid_ema(3, &matrix, &matrix, proportions, 1000, YUMA_ONE / 2, 10 * YUMA_ONE, &ema,
                                                workspace, sizeof workspace)) == YUMA_OK);
            CHECK(fegetround() == modes[m]);
            CHECK(fetestexcept(FE_ALL_EXCEPT) == FE_OVERFLOW);
        }
    }
    fesetround(FE_TONEAREST);
    feclearexcept(FE_ALL_EXCEPT);
}

static int rounds_otherwise(void) {
    return 0;
}

/* A path that finds that it does not round downward computes nothing, and leaves that to the portable one. */
static void test_look(void) {
    subnet s;
    make_subnet(&s);
    static unsigned char workspace[100000];
    for (uint32_t isa = YUMA_ISA_AVX2; isa <= YUMA_ISA_NEON; isa <<= 1) {
        const vector_path *path = yuma_vector_path(isa & yuma_isa_available());
        for (int looks = 0; path != NULL && looks < 2; looks++) {
            vector_path one = *path;
            one.rounds_downward = looks ? path->rounds_downward : rounds_otherwise;
            uint16_t uid[] = {0, 1, 3};
            int64_t share[] = {YUMA_ONE / 2, YUMA_ONE / 4, YUMA_ONE / 4}, arrays[5][N];
            uint16_t row[N];
            uid_shares trust = {0, row, arrays[3]}, dividends = {0, row, arrays[4]};
            const uid_shares active_stake = {3, uid, share};
            vector_shares shares = {&active_stake, 10000, NULL, arrays[0], arrays[1], arrays[2], &trust, &dividends};
            s.hyperparameters.liquid_alpha = 0;
            int done = 2;
            memset(s.new_permit, 1, sizeof s.new_permit);
            CHECK(yuma_vector_epoch(&one, yuma_rules_of(s.hyperparameters.profile), &s.state, &s.hyperparameters, &shares, &s.result, workspace, sizeof workspace, &done) ==
                  YUMA_OK);
            CHECK(done == looks);
            CHECK(fegetround() == FE_TONEAREST);
        }
    }
}

/* The choice between the layouts is one of counts, and these are its edges: whole slices count. */
static void test_layouts(void) {
    static const struct {
        uint32_t rows, columns, slots;
    } all[] = {{1, 1, 16}, {1, 16, 16}, {1, 17, 32}, {64, 1024, 65536}, {64, 1009, 65536}, {22, 82, 2112}, {32767, 32767, 1073709056}};
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) {
        for (int liquid = 0; liquid < 2; liquid++) {
            uint64_t enough = (uint64_t)all[k].slots * (liquid ? 5 : 3) / 8; /* slots are a multiple of 8 */
            CHECK(yuma_vector_is_full(all[k].rows, all[k].columns, enough, 0, liquid));
            CHECK(yuma_vector_is_full(all[k].rows, all[k].columns, 0, enough, liquid));
            CHECK(yuma_vector_is_full(all[k].rows, all[k].columns, enough, enough, liquid));
            CHECK(!yuma_vector_is_full(all[k].rows, all[k].columns, enough - 1, enough - 1, liquid));
        }
    }
}

static void test_workspace(void) {
    CHECK(yuma_workspace(256, 16384, 16384) == 80 * 16384 + 480 * 256 + 4096);
    uint64_t most = (uint64_t)80 * UINT32_MAX + (uint64_t)480 * 32767 + 4096;
    CHECK(yuma_workspace(32767, UINT32_MAX, UINT32_MAX) == (most > SIZE_MAX ? SIZE_MAX : most));
}

#define REFUSED(change, status)                                                                \
    do {                                                                                       \
        subnet s;                                                                              \
        make_subnet(&s);                                                                       \
        change;                                                                                \
        CHECK(yuma_check(&s.state, &s.hyperparameters) == (status));                           \
    } while (0)

#define REFUSED_BY_BOTH(change, status)       \
    do {                                      \
        REFUSED(change, status);              \
        {                                     \
            subnet s;                         \
            make_subnet(&s);                  \
            change;                           \
            CHECK(run(&s, 100000) == status); \
        }                                     \
    } while (0)

/* An epoch that measures liquid alpha against the previous consensus, of which it knows that none is stored. */
static void previous(subnet *s) {
    s->hyperparameters.profile = YUMA_PROFILE_475;
    s->hyperparameters.liquid_alpha_consensus_mode = YUMA_CONSENSUS_PREVIOUS;
    s->state.previous_consensus = s->shares[0];
}

static void test_selected_consensus(void) {
    const int64_t consensus[3] = {7, 0, YUMA_ONE};
    const uint16_t stored[4] = {65535, 1, 0, 9}, zeros[3] = {0};
    int64_t got[3];
    struct {
        uint8_t mode;
        uint16_t penalty;
        const uint16_t *previous;
        uint32_t length;
        int64_t selected[3];
    } cases[] = {
        {YUMA_CONSENSUS_CURRENT, 65535, stored, 3, {7, 0, YUMA_ONE}},
        {YUMA_CONSENSUS_CURRENT, 65535, NULL, 0, {7, 0, YUMA_ONE}},
        {YUMA_CONSENSUS_PREVIOUS, 0, stored, 3, {YUMA_ONE, 65537, 0}},
        {YUMA_CONSENSUS_PREVIOUS, 0, stored, 4, {YUMA_ONE, 65537, 0}},
        {YUMA_CONSENSUS_PREVIOUS, 0, stored, 1, {YUMA_ONE, 0, 0}},
        {YUMA_CONSENSUS_PREVIOUS, 0, stored, 0, {7, 0, YUMA_ONE}},
        {YUMA_CONSENSUS_PREVIOUS, 0, zeros, 3, {0, 0, 0}},
        {YUMA_CONSENSUS_AUTO, 65535, stored, 3, {YUMA_ONE, 65537, 0}},
        {YUMA_CONSENSUS_AUTO, 65534, stored, 3, {7, 0, YUMA_ONE}},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        CHECK(yuma_selected_consensus(3, consensus, cases[k].previous, cases[k].length, cases[k].mode, cases[k].penalty, got) ==
              YUMA_OK);
        CHECK(memcmp(got, cases[k].selected, sizeof got) == 0);
    }
    memcpy(got, consensus, sizeof got);
    CHECK(yuma_selected_consensus(3, got, stored, 4, YUMA_CONSENSUS_PREVIOUS, 0, got) == YUMA_OK);
    CHECK(memcmp(got, cases[2].selected, sizeof got) == 0);
    CHECK(yuma_selected_consensus(0, consensus, stored, 3, 0, 0, got) == YUMA_ERROR_N);
    CHECK(yuma_selected_consensus(3, NULL, stored, 3, 0, 0, got) == YUMA_ERROR_NULL);
    CHECK(yuma_selected_consensus(3, consensus, stored, 3, 0, 0, NULL) == YUMA_ERROR_NULL);
    CHECK(yuma_selected_consensus(3, consensus, NULL, 0, YUMA_CONSENSUS_PREVIOUS, 0, got) == YUMA_ERROR_PREVIOUS);
    CHECK(yuma_selected_consensus(3, consensus, stored, 3, 3, 0, got) == YUMA_ERROR_RANGE);
}

/* The exponential of profiles up to 320 at the ends of the law's three cases. */
static void test_exp_or_zero(void) {
    const int64_t largest = 89715445397;
    CHECK(yuma_exp_or_zero(0) == YUMA_ONE && yuma_exp_or_zero(YUMA_ONE) == 11674931200);
    CHECK(yuma_exp_or_zero(largest) == 4994766200130743759 && yuma_exp_or_zero(-largest) == 3);
    CHECK(yuma_exp_or_zero(largest + 1) == 0 && yuma_exp_or_zero(-largest - 1) == 0);
    CHECK(yuma_exp_or_zero(INT64_MAX) == 0 && yuma_exp_or_zero(INT64_MIN) == 0);
    for (int64_t x = -20 * YUMA_ONE; x <= 20 * YUMA_ONE; x += 1234567891) {
        CHECK(yuma_exp_or_zero(x) == yuma_exp_safe(x));
    }
}

static void test_refusals(void) {
    REFUSED_BY_BOTH(s.state.n = 0, YUMA_ERROR_N);
    REFUSED_BY_BOTH(s.state.n = YUMA_MAX_UIDS + 1, YUMA_ERROR_N);
    REFUSED_BY_BOTH(s.state.owner_uid = N, YUMA_ERROR_OWNER);
    REFUSED_BY_BOTH(s.state.owner_uid = -2, YUMA_ERROR_OWNER);
    REFUSED_BY_BOTH(s.hyperparameters.profile = 0, YUMA_ERROR_PROFILE);
    REFUSED_BY_BOTH(s.hyperparameters.profile = 424, YUMA_ERROR_PROFILE);
    REFUSED_BY_BOTH(s.hyperparameters.profile = 426, YUMA_ERROR_PROFILE);
    REFUSED_BY_BOTH(s.hyperparameters.profile = 476, YUMA_ERROR_PROFILE);
    REFUSED_BY_BOTH((s.hyperparameters.profile = 283, s.hyperparameters.alpha_sigmoid_steepness = 32768), YUMA_ERROR_RANGE);
    REFUSED_BY_BOTH((s.hyperparameters.profile = 283, s.hyperparameters.alpha_sigmoid_steepness = -32769), YUMA_ERROR_RANGE);
    REFUSED_BY_BOTH((s.hyperparameters.profile = 273, s.hyperparameters.alpha_sigmoid_steepness = 65536), YUMA_ERROR_RANGE);
    REFUSED_BY_BOTH((s.hyperparameters.profile = 273, s.hyperparameters.alpha_sigmoid_steepness = -1), YUMA_ERROR_RANGE);
    REFUSED_BY_BOTH((s.hyperparameters.profile = 273, s.hyperparameters.alpha_sigmoid_steepness = 65535), YUMA_OK);
    REFUSED_BY_BOTH((s.hyperparameters.profile = 257, s.hyperparameters.alpha_sigmoid_steepness = -1), YUMA_OK);
    REFUSED_BY_BOTH((previous(&s), s.state.previous_consensus = NULL), YUMA_ERROR_PREVIOUS);
    REFUSED_BY_BOTH((previous(&s), s.state.previous_consensus = NULL, s.hyperparameters.liquid_alpha_consensus_mode = 2,
                     s.hyperparameters.bonds_penalty = 65535),
                    YUMA_ERROR_PREVIOUS);
    REFUSED_BY_BOTH((previous(&s), s.hyperparameters.liquid_alpha_consensus_mode = 3), YUMA_ERROR_RANGE);
    /* where it is not read, it may be unknown, or anything */
    REFUSED_BY_BOTH((previous(&s), s.state.previous_consensus = NULL, s.hyperparameters.liquid_alpha_consensus_mode = 0), YUMA_OK);
    REFUSED_BY_BOTH((previous(&s), s.state.previous_consensus = NULL, s.hyperparameters.liquid_alpha_consensus_mode = 2), YUMA_OK);
    REFUSED_BY_BOTH((previous(&s), s.state.previous_consensus = NULL, s.hyperparameters.liquid_alpha = 0), YUMA_OK);
    REFUSED_BY_BOTH((previous(&s), s.state.previous_consensus = NULL, s.hyperparameters.yuma3 = 0), YUMA_OK);
    REFUSED_BY_BOTH((s.hyperparameters.liquid_alpha_consensus_mode = 9, s.state.previous_consensus_length = 7), YUMA_OK);
    REFUSED_BY_BOTH(s.hyperparameters.bonds_moving_average = 1000001, YUMA_ERROR_RANGE);
    REFUSED_BY_BOTH(s.state.weights.indptr = NULL, YUMA_ERROR_NULL);
    REFUSED_BY_BOTH(s.state.weights.uid = NULL, YUMA_ERROR_NULL);
    REFUSED_BY_BOTH(s.state.bonds.value = NULL, YUMA_ERROR_NULL);
    REFUSED_BY_BOTH(s.state.total_stake = NULL, YUMA_ERROR_NULL);
    REFUSED_BY_BOTH(s.state.last_update = NULL, YUMA_ERROR_NULL);
    REFUSED_BY_BOTH(s.state.block_at_registration = NULL, YUMA_ERROR_NULL);
    REFUSED_BY_BOTH(s.state.validator_permit = NULL, YUMA_ERROR_NULL);
    REFUSED(s.weights_indptr[0] = 1, YUMA_ERROR_INDPTR);
    REFUSED(s.weights_indptr[2] = 2, YUMA_ERROR_INDPTR);
    REFUSED(s.bonds_indptr[1] = 4, YUMA_ERROR_INDPTR);
    REFUSED(s.weights_uid[6] = N, YUMA_ERROR_UID);
    REFUSED(s.weights_uid[1] = 3, YUMA_ERROR_UID);
    REFUSED(s.bonds_uid[2] = 3, YUMA_ERROR_UID);
    REFUSED(s.total_stake[1] = (uint64_t)1 << 63, YUMA_ERROR_STAKE);
    REFUSED(s.total_stake[1] = s.total_stake[3] = (uint64_t)1 << 62, YUMA_ERROR_STAKE);
    REFUSED(s.total_stake[3] = (uint64_t)1 << 62, YUMA_OK);

    subnet s;
    unsigned char workspace[4096];
    void **pointers = (void **)&s.result; /* the struct holds nothing else */
    for (size_t p = 0; p < sizeof s.result / sizeof(void *); p++) {
        make_subnet(&s);
        pointers[p] = NULL;
        CHECK(yuma_epoch(&s.state, &s.hyperparameters, 1, &s.result, NULL, YUMA_ISA_ANY, workspace, sizeof workspace) == YUMA_ERROR_NULL);
    }
    make_subnet(&s);
    yuma_trace trace;
    memset(&trace, 0, sizeof trace);
    CHECK(yuma_epoch(&s.state, &s.hyperparameters, 1, &s.result, &trace, YUMA_ISA_ANY, workspace, sizeof workspace) == YUMA_ERROR_NULL);
    CHECK(yuma_epoch(NULL, &s.hyperparameters, 1, &s.result, NULL, YUMA_ISA_ANY, workspace, sizeof workspace) == YUMA_ERROR_NULL);
    CHECK(yuma_epoch(&s.state, NULL, 1, &s.result, NULL, YUMA_ISA_ANY, workspace, sizeof workspace) == YUMA_ERROR_NULL);
    CHECK(yuma_epoch(&s.state, &s.hyperparameters, 1, NULL, NULL, YUMA_ISA_ANY, workspace, sizeof workspace) == YUMA_ERROR_NULL);
    CHECK(yuma_epoch(&s.state, &s.hyperparameters, 1, &s.result, NULL, YUMA_ISA_ANY, NULL, sizeof workspace) == YUMA_ERROR_WORKSPACE);
    CHECK(yuma_check(NULL, NULL) == YUMA_ERROR_NULL);
    for (int status = YUMA_OK; status <= YUMA_ERROR_PREVIOUS; status++) {
        CHECK(strcmp(yuma_status_text((yuma_status)status), "unknown status") != 0);
    }
    CHECK(strcmp(yuma_status_text((yuma_status)99), "unknown status") == 0);
}

static void test_build(void) {
#ifdef YUMA_NO_INT128
    CHECK(!YUMA_HAVE_INT128 && strstr(yuma_build(), "two-limb") != NULL);
#elif defined(__SIZEOF_INT128__)
    CHECK(YUMA_HAVE_INT128 && strstr(yuma_build(), "int128") != NULL);
#else
    CHECK(!YUMA_HAVE_INT128 && strstr(yuma_build(), "two-limb") != NULL);
#endif
}

int main(int count, char **arguments) {
    if (count > 1) {
        stride = strtoul(arguments[1], NULL, 10);
    }
    if (stride == 0) {
        fprintf(stderr, "usage: test_kernel [STEP]\n");
        return 2;
    }
    make_edges();
    test_wide();
    test_divisor();
    test_solved();
    test_solved_averages();
    test_top_k();
    test_permits();
    test_parts();
    test_loops();
    test_normalize_stake();
    test_emission();
    test_store();
    test_activity();
    test_uidset();
    test_epoch();
    test_simulate(YUMA_PROFILE_425);
    test_simulate(YUMA_PROFILE_475);
    test_selected_consensus();
    test_exp_or_zero();
    test_check_rows();
    test_rows_from_dense();
    test_before();
    test_variants();
    test_available();
    if (has_environment()) {
        test_environment();
        test_look();
        test_medians();
        test_alphas();
    } else {
        printf("no rounding downward here, as under valgrind: nothing that needs it is tested\n");
    }
    test_layouts();
    test_workspace();
    test_refusals();
    test_build();
    printf("%s: %lu checks, %lu failed\n", yuma_build(), checks, failures);
    return failures != 0;
}

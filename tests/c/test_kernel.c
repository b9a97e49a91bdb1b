/* The parts of the C kernel that Python does not reach one by one: 128-bit arithmetic in both representations, the heap, the
 * set of uids, and what the entry points answer to bad arguments. The oracles here add, shift and compare, no more. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fixed.h"
#include "heap.h"
#include "memory.h"
#include "uidset.h"
#include "yuma.h"

static unsigned long checks, failures;

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

static void test_wide(void) {
    for (size_t i = 0; i < edge_count; i++) {
        for (size_t k = 0; k < edge_count; k++) {
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
    for (int i = 0; i < 40000; i++) {
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

/* ---- heap.h and uidset.h ------------------------------------------------------------------------------------------------ */

static void test_heap(void) {
    heap_pair heap[7], taken[7];
    for (unsigned code = 0; code < 16384; code++) { /* every sequence of up to 7 keys out of four */
        for (size_t count = 1; count <= 7; count++) {
            for (size_t i = 0; i < count; i++) {
                heap[i] = (heap_pair){(int64_t)(code >> 2 * i & 3) - 1, (int64_t)i};
            }
            heap_build(heap, count);
            unsigned tags = 0;
            for (size_t i = 0; i < count; i++) {
                taken[i] = heap_pop(heap, count - i);
                tags |= 1u << taken[i].tag;
                CHECK(taken[i].key == (int64_t)(code >> 2 * taken[i].tag & 3) - 1);
                CHECK(i == 0 || heap_less(taken[i - 1], taken[i]));
            }
            CHECK(tags == (1u << count) - 1);
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
    yuma_status status = yuma_epoch(&s->state, &s->hyperparameters, 1000000007, &s->result, NULL, workspace, size);
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

static void test_workspace(void) {
    CHECK(yuma_workspace(256, 16384, 16384) == 60 * 16384 + 200 * 256 + 1024);
    uint64_t most = (uint64_t)40 * UINT32_MAX + (uint64_t)20 * UINT32_MAX + (uint64_t)200 * 32767 + 1024;
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

static void test_refusals(void) {
    REFUSED_BY_BOTH(s.state.n = 0, YUMA_ERROR_N);
    REFUSED_BY_BOTH(s.state.n = YUMA_MAX_UIDS + 1, YUMA_ERROR_N);
    REFUSED_BY_BOTH(s.state.owner_uid = N, YUMA_ERROR_OWNER);
    REFUSED_BY_BOTH(s.state.owner_uid = -2, YUMA_ERROR_OWNER);
    REFUSED_BY_BOTH(s.hyperparameters.profile = 424, YUMA_ERROR_PROFILE);
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
        CHECK(yuma_epoch(&s.state, &s.hyperparameters, 1, &s.result, NULL, workspace, sizeof workspace) == YUMA_ERROR_NULL);
    }
    make_subnet(&s);
    yuma_trace trace;
    memset(&trace, 0, sizeof trace);
    CHECK(yuma_epoch(&s.state, &s.hyperparameters, 1, &s.result, &trace, workspace, sizeof workspace) == YUMA_ERROR_NULL);
    CHECK(yuma_epoch(NULL, &s.hyperparameters, 1, &s.result, NULL, workspace, sizeof workspace) == YUMA_ERROR_NULL);
    CHECK(yuma_epoch(&s.state, NULL, 1, &s.result, NULL, workspace, sizeof workspace) == YUMA_ERROR_NULL);
    CHECK(yuma_epoch(&s.state, &s.hyperparameters, 1, NULL, NULL, workspace, sizeof workspace) == YUMA_ERROR_NULL);
    CHECK(yuma_epoch(&s.state, &s.hyperparameters, 1, &s.result, NULL, NULL, sizeof workspace) == YUMA_ERROR_WORKSPACE);
    CHECK(yuma_check(NULL, NULL) == YUMA_ERROR_NULL);
    for (int status = YUMA_OK; status <= YUMA_ERROR_STAKE; status++) {
        CHECK(strcmp(yuma_status_text((yuma_status)status), "unknown status") != 0);
    }
    CHECK(strcmp(yuma_status_text((yuma_status)99), "unknown status") == 0);
}

static void test_build(void) {
#ifdef YUMA_NO_INT128
    CHECK(!YUMA_HAVE_INT128 && strstr(yuma_build(), "two-limb") != NULL);
#elif defined(__SIZEOF_INT128__)
    CHECK(YUMA_HAVE_INT128 && strstr(yuma_build(), "int128") != NULL);
#endif
}

int main(void) {
    make_edges();
    test_wide();
    test_heap();
    test_uidset();
    test_epoch();
    test_workspace();
    test_refusals();
    test_build();
    printf("%s: %lu checks, %lu failed\n", yuma_build(), checks, failures);
    return failures != 0;
}

/* Each instruction set of this machine against the portable one, on generated subnets: every output, and the raw bits of the
 * arrays of a trace, byte for byte. A trace says which set computed it: of the epochs of Yuma 2, of Yuma 3 and of liquid alpha,
 * a set computes at least half itself. `test_instruction_sets [SUBNETS [FIRST]]`: so many, from that number on; a number always
 * gives the same subnet. */
#include "solved.h"
#include "vectors.h"

static unsigned long failures;

static void fail(unsigned long number, const char *set, const char *detail) {
    if (failures++ < 20) {
        fprintf(stderr, "test_instruction_sets: subnet %lu, %s: %s\n", number, set, detail);
    }
}

/* ---- random numbers ----------------------------------------------------------------------------------------------------- */

static uint64_t random_state;

static uint64_t random64(void) { /* splitmix64 */
    uint64_t z = random_state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static uint32_t below(uint32_t bound) {
    return (uint32_t)((random64() >> 32) * bound >> 32);
}

static uint8_t one_in(uint32_t count) {
    return below(count) == 0;
}

static uint8_t percent(uint32_t share) {
    return below(100) < share;
}

#define PICK(...) ((const int[]){__VA_ARGS__})[below(sizeof((int[]){__VA_ARGS__}) / sizeof(int))]

/* ---- subnets ------------------------------------------------------------------------------------------------------------ */

enum { MOST = 257 };

/* Rows of a matrix: how many of the columns each has, and what stands there. */
typedef enum {
    FULL, ALL_BUT_A_FEW, NEARLY_FULL, HALF, FEW, SINGLE_COLUMN, SOME_COLUMNS, EQUAL, CLOSE, ANY, SOLVED_ROWS, SOLVED_COLUMNS, KINDS
} kind;

/* `count` values of which one, v, leaves next to nothing, or next to the divisor, as v * 2^32 modulo their sum: where there are
 * enough, and a sum is found soon. */
static void solve(uint32_t count, uint16_t *values) {
    for (int tries = 0; tries < 64 && count >= 3; tries++) {
        uint64_t sum = 65537 + random64() % (count * 40000) / 2 * 2, v = solved_dividend(sum, PICK(-1, -1, -1, 1, 0, -2));
        if (v < 32768 || v > 65535 || v > sum || (sum - v) / (count - 1) >= 65535) {
            continue;
        }
        uint32_t place = below(count);
        uint64_t rest = sum - v;
        for (uint32_t k = 0, left = count - 1; k < count; k++) {
            values[k] = (uint16_t)(k == place ? v : rest / left);
            rest -= k == place ? 0 : values[k];
            left -= k != place;
        }
        return;
    }
}

static uint16_t value_of(kind k, int any_value, uint16_t of_column, uint16_t of_all) {
    if (k == EQUAL) {
        return of_all;
    }
    if (k == ALL_BUT_A_FEW) { /* and no zeros: in most columns and rows of a slice all is above 0 */
        return (uint16_t)(1 + below(65535));
    }
    if (k == CLOSE) { /* so that the median has to look closely */
        int near = of_column + (int)below(7) - 3;
        return (uint16_t)(near < 0 ? 0 : near);
    }
    return (uint16_t)(any_value ? (int)below(65536) : PICK(0, 1, 2, 3, 100, 100, 32767, 32768, 65534, 65535));
}

static yuma_stored_rows generate_rows(owner *o, uint32_t n, uint32_t rows) {
    kind k = (kind)below(KINDS);
    uint32_t dense = k == ANY ? below(101) : k == FULL ? 100 : k == ALL_BUT_A_FEW ? 99 : k == NEARLY_FULL ? 90 : k == FEW ? 5 : 50;
    uint16_t of_column[MOST], of_all = (uint16_t)(1 + below(65535));
    uint8_t in[MOST], out[MOST] = {0}; /* columns, rows */
    static uint16_t solved[MOST][MOST]; /* by column */
    int any_value = one_in(2), shuffled = one_in(8);
    if (k == EQUAL || k == CLOSE) {
        dense = (uint32_t)PICK(5, 50, 95, 100);
    }
    for (uint32_t j = 0; j < n; j++) {
        of_column[j] = (uint16_t)(1 + below(60000));
        in[j] = percent(30);
    }
    for (uint32_t left = n - rows; left != 0;) {
        uint32_t i = below(n);
        left -= !out[i];
        out[i] = 1;
    }
    for (uint32_t j = 0; k == SOLVED_COLUMNS && j < n; j++) {
        uint16_t column[MOST];
        for (uint32_t i = 0; i < rows; i++) {
            column[i] = (uint16_t)below(65536);
        }
        solve(rows, column);
        for (uint32_t i = 0, r = 0; i < n; i++) {
            solved[j][i] = out[i] ? 0 : column[r++];
        }
    }
    uint32_t *indptr = own(o, n + (size_t)1, 4);
    uint16_t *uid = own(o, (size_t)n * n, 2), *value = own(o, (size_t)n * n, 2);
    uint32_t count = indptr[0] = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t begin = count, single = below(n / 8 + 1);
        for (uint32_t j = 0; j < n && !out[i]; j++) {
            int there = k == SINGLE_COLUMN ? j == single : percent(k == SOME_COLUMNS ? (in[j] ? 95 : 2) : dense);
            there |= k == SOLVED_COLUMNS;
            if (there) {
                uid[count] = (uint16_t)j;
                value[count++] = k == SOLVED_COLUMNS ? solved[j][i] : value_of(k, any_value, of_column[j], of_all);
            }
        }
        if (k == SOLVED_ROWS) { /* without the diagonal, which does not count */
            for (uint32_t at = begin; at < count; at++) {
                if (uid[at] == i) {
                    memmove(uid + at, uid + at + 1, (count - at - 1) * sizeof *uid);
                    count--;
                }
            }
            solve(count - begin, value + begin);
        }
        int shuffle = shuffled && one_in(2);
        for (uint32_t at = count - begin; shuffle && at > 1; at--) {
            uint32_t a = begin + at - 1, b = begin + below(at);
            uint16_t u = uid[a], v = value[a];
            uid[a] = uid[b];
            value[a] = value[b];
            uid[b] = u;
            value[b] = v;
        }
        indptr[i + 1] = count;
    }
    return (yuma_stored_rows){indptr, uid, value};
}

static uint64_t *generate_stake(owner *o, uint32_t n) {
    enum { ALIKE, LONE, MOST_WITHOUT, WHALES_AND_DUST, SPREAD };
    int how = (int)below(6);
    uint64_t *stake = own(o, n, 16);
    for (uint32_t i = 0; i < n; i++) {
        uint64_t rao = 1 + (random64() >> 34);
        for (int doublings = 0; doublings < 24 && percent(60); doublings++) {
            rao *= 2;
        }
        if (how == ALIKE) {
            rao = 1;
        } else if (how == LONE) {
            rao = i == n - 1 ? rao : 0;
        } else if (how == MOST_WITHOUT) {
            rao = percent(70) ? 0 : rao;
        } else if (how == WHALES_AND_DUST) {
            rao = one_in(8) ? rao << 6 : below(4);
        }
        stake[2 * i] = how == SPREAD ? random64() : 0;
        stake[2 * i + 1] = rao;
    }
    return stake;
}

static void generate(unsigned long number, vector *e) {
    owner *o = &e->memory;
    memset(e, 0, sizeof *e);
    random_state = number * 0xd1b54a32d192ed03u;
    uint32_t n = (uint32_t)PICK(1, 2, 3, 15, 16, 17, 31, 32, 33, 47, 48, 49, 63, 64, 65, 79, 80, 81, 95, 96, 97, 100, 112, 128,
                                129, 130);
    n = one_in(5) ? 2 + below(11) : one_in(5) ? 1 + below(130) : one_in(100) ? (uint32_t)PICK(255, 256, 257) : n;
    uint32_t permits = (uint32_t)PICK(50, 100);
    int dates = one_in(2), commits = one_in(2);
    uint64_t *updated = own(o, n, 8), *registered = own(o, n, 8), *committed = own(o, n, 8);
    uint8_t *permit = own(o, n, 1);
    for (uint32_t i = 0; i < n; i++) {
        updated[i] = !dates ? 1000 : one_in(50) ? 0 : 90 + below(30);
        registered[i] = dates ? 80 + below(35) : 0;
        committed[i] = one_in(3) ? UINT64_MAX : 80 + below(40);
        permit[i] = percent(permits);
    }
    yuma_state *s = &e->state;
    s->n = n;
    s->owner_uid = one_in(2) ? YUMA_NO_OWNER : (int32_t)below(n);
    s->weights = generate_rows(o, n, 1 + below(n));
    s->bonds = percent(30) ? s->weights : generate_rows(o, n, 1 + below(n));
    s->total_stake = generate_stake(o, n);
    s->last_update = updated;
    s->block_at_registration = registered;
    s->commit_block = commits ? committed : NULL;
    s->validator_permit = permit;
    s->current_block = 110;
    s->last_mechanism_step_block = (uint64_t)PICK(0, 100);
    uint32_t known = (uint32_t)PICK(0, 1, (int)n, (int)n, (int)n, (int)n + 2);
    uint16_t *previous = own(o, known + 1, sizeof *previous);
    uint64_t *yuma_step = own(o, 1, sizeof *yuma_step);
    uint32_t zeros = below(101);
    for (uint32_t i = 0; i < known; i++) {
        previous[i] = percent(zeros) ? 0 : one_in(3) ? (uint16_t)(65535 / (n + 1)) : (uint16_t)below(65536);
    }
    *yuma_step = 90 + below(20);
    s->previous_consensus = previous;
    s->previous_consensus_length = known;
    s->last_yuma_step_block = one_in(2) ? yuma_step : NULL;

    yuma_hyperparameters *h = &e->hyperparameters;
    int any = (int)below(65536);
    h->tempo = (uint64_t)PICK(5, 360);
    h->activity_cutoff = (uint64_t)PICK(5, 5000, 5000);
    h->stake_threshold = (uint64_t)PICK(0, 0, 0, 1, 1000000000);
    h->bonds_moving_average = (uint64_t)PICK(0, 1, 900000, 900000, 999999, 1000000);
    h->max_allowed_validators = (uint16_t)below(n + 2);
    h->kappa = (uint16_t)(one_in(3) ? any : PICK(0, 1, 32767, 32767, 65534, 65535));
    h->bonds_penalty = (uint16_t)PICK(0, 0, 1, 30000, 65534, 65535, 65535);
    h->alpha_low = (uint16_t)PICK(0, 45875, any, 65535);
    h->alpha_high = (uint16_t)PICK(0, 58982, 58982, 65535);
    h->alpha_sigmoid_steepness =
        (int32_t)(one_in(8) ? PICK(-32768, -2801, 2801, 32767) : PICK(-2800, -1000, -200, -1, 0, 1, 100, 200, 1000, 2799, 2800));
    h->profile = (uint16_t)(one_in(3) ? PICK(401, 365, 320, 297, 283, 273, 257, 252, 233)
                                      : PICK(YUMA_PROFILE_425, YUMA_PROFILE_475, YUMA_PROFILE_475));
    if (h->profile == YUMA_PROFILE_273) {
        h->alpha_sigmoid_steepness = PICK(0, 1, 10, 28, 29, 65535);
    }
    h->liquid_alpha_consensus_mode = (uint8_t)below(3);
    h->yuma3 = percent(70);
    h->liquid_alpha = percent(60);
    h->commit_reveal = one_in(2);
    e->emission = one_in(8) ? random64() : 1000000000000;
}

/* ---- the comparison ----------------------------------------------------------------------------------------------------- */

enum { YUMA2, YUMA3, LIQUID, BONDS };

typedef struct {
    uint32_t bit;
    const char *name;
    unsigned long all[BONDS], computed[BONDS], differ;
} instruction_set;

static instruction_set sets[] = {
    {YUMA_ISA_AVX2, "avx2", {0}, {0}, 0},
    {YUMA_ISA_AVX512, "avx512", {0}, {0}, 0},
    {YUMA_ISA_NEON, "neon", {0}, {0}, 0},
};

enum { SETS = sizeof sets / sizeof *sets };

static void test_set(unsigned long number, const vector *e, instruction_set *set, int bonds) {
    for (int traced = NO_TRACE; traced <= ARRAYS; traced++) {
        room got;
        make_room(&e->state, &got);
        yuma_status status = run_epoch(e, &got, set->bit, (tracing)traced, 0);
        difference d = {NULL, 0};
        if (status == YUMA_OK) {
            d = first_difference(e, &got, (tracing)traced);
        }
        if (status != YUMA_OK || d.field != NULL) {
            char detail[120];
            snprintf(detail, sizeof detail, "%s [%lu]", status != YUMA_OK ? yuma_status_text(status) : d.field,
                     (unsigned long)d.index);
            fail(number, set->name, detail);
            set->differ++;
        }
        if (traced == ARRAYS) {
            if (got.trace.isa != set->bit && got.trace.isa != YUMA_ISA_PORTABLE) {
                fail(number, set->name, "computed by neither it nor the portable one");
            }
            set->computed[bonds] += got.trace.isa == set->bit;
            set->all[bonds]++;
        }
        disown(&got.memory);
    }
}

static int any_above_0(const uint16_t *share, uint32_t n) {
    while (n != 0 && share[n - 1] == 0) {
        n--;
    }
    return n != 0;
}

int main(int count, char **arguments) {
    unsigned long subnets = count > 1 ? strtoul(arguments[1], NULL, 10) : 3000;
    unsigned long first = count > 2 ? strtoul(arguments[2], NULL, 10) : 0;
    unsigned long moved = 0;
    uint32_t available = yuma_isa_available();
    printf("%s, instruction sets %lu:\n", yuma_build(), (unsigned long)available);
    if (subnets == 0) {
        die("usage: test_instruction_sets [SUBNETS [FIRST]]");
    }
    if (available == YUMA_ISA_PORTABLE) {
        printf("  no set but the portable one: nothing to compare\n");
        return 0;
    }
    for (unsigned long number = first; number < first + subnets; number++) {
        vector e;
        room expected;
        generate(number, &e);
        if (yuma_check(&e.state, &e.hyperparameters) != YUMA_OK) {
            die("a generated subnet is not well formed");
        }
        make_room(&e.state, &expected);
        if (run_epoch(&e, &expected, YUMA_ISA_PORTABLE, ARRAYS, 0) != YUMA_OK || expected.trace.isa != YUMA_ISA_PORTABLE) {
            fail(number, "portable", "is not computed");
        }
        e.result = expected.result;
        e.trace = expected.trace;
        e.traced = 1;
        moved += any_above_0(e.result.dividends, e.state.n) && any_above_0(e.result.consensus, e.state.n);
        const yuma_hyperparameters *h = &e.hyperparameters;
        for (int k = 0; k < SETS; k++) {
            if (available & sets[k].bit) {
                test_set(number, &e, &sets[k], !h->yuma3 ? YUMA2 : !h->liquid_alpha ? YUMA3 : LIQUID);
            }
        }
        disown(&expected.memory);
        disown(&e.memory);
    }
    for (int k = 0; k < SETS; k++) {
        const instruction_set *set = &sets[k];
        if (available & set->bit) {
            unsigned long computed = 0;
            for (int b = 0; b < BONDS; b++) {
                computed += set->computed[b];
                if (2 * set->computed[b] < set->all[b]) {
                    fail(first, set->name, "computes less than half of the epochs of a kind itself");
                }
            }
            printf("  %s: %lu subnets, %lu of them computed by it "
                   "(Yuma 2: %lu of %lu, Yuma 3: %lu of %lu, liquid: %lu of %lu); %lu of %lu epochs differ\n",
                   set->name, subnets, computed, set->computed[YUMA2], set->all[YUMA2], set->computed[YUMA3], set->all[YUMA3],
                   set->computed[LIQUID], set->all[LIQUID], set->differ, 2 * subnets);
        }
    }
    if (5 * moved < subnets) {
        fail(first, "portable", "most of the subnets are idle");
    }
    return failures != 0;
}

/* Every epoch and every operation that the chain's own code computed (tests/vectors), against yuma.h, with no tolerance: each
 * instruction set of this machine in turn, with no trace, with one of arrays, and with a whole one. `test_vectors FILE`, FILE
 * from pack_vectors.py; with `raw` after it, memory is as malloc gives it, for a tool that watches the reads of it; with
 * `unrounded`, for a tool that rounds to nearest in every mode, all is computed by the portable one, whatever is asked for. */
#include "vectors.h"

enum { EPOCHS = 2516, TRACED = 1418, OPERATIONS = 11898 }; /* tests/vectors/FORMAT.md */

static int raw, unrounded;
static unsigned long failures;

static void fail(const char *what, const char *detail) {
    if (failures++ < 20) {
        fprintf(stderr, "test_vectors: %s: %s\n", what, detail);
    }
}

/* ---- epochs ------------------------------------------------------------------------------------------------------------- */

typedef struct {
    uint32_t bit;
    const char *name;
    unsigned long computed[3], traces, differ; /* computed: by what is asked of a trace */
    unsigned long own; /* of those with arrays, what this set computed itself and not the portable one for it */
} machine;

static machine machines[] = {
    {YUMA_ISA_PORTABLE, "portable", {0}, 0, 0, 0},
    {YUMA_ISA_AVX2, "avx2", {0}, 0, 0, 0},
    {YUMA_ISA_AVX512, "avx512", {0}, 0, 0, 0},
    {YUMA_ISA_NEON, "neon", {0}, 0, 0, 0},
};

enum { MACHINES = sizeof machines / sizeof *machines };

static void test_epoch(const vector *e, machine *m, tracing traced) {
    static const char *const asked[] = {"no trace", "a trace of arrays", "a trace"};
    room got;
    make_room(&e->state, &got);
    yuma_status status = run_epoch(e, &got, m->bit, traced, raw);
    difference d = {NULL, 0};
    if (status == YUMA_OK) {
        d = first_difference(e, &got, traced);
        uint32_t isa = traced == NO_TRACE ? YUMA_ISA_PORTABLE : got.trace.isa;
        if (isa != YUMA_ISA_PORTABLE && (isa != m->bit || traced == ROWS)) {
            d.field = "trace.isa";
        }
        m->own += traced == ARRAYS && isa == m->bit;
    }
    if (status != YUMA_OK || d.field != NULL) {
        char detail[160];
        snprintf(detail, sizeof detail, "%s, %s: %s [%lu]", m->name, asked[traced],
                 status != YUMA_OK ? yuma_status_text(status) : d.field, (unsigned long)d.index);
        fail(e->id, detail);
        m->differ++;
    }
    m->computed[traced]++;
    m->traces += traced != NO_TRACE && e->traced;
    disown(&got.memory);
}

static void test_epochs(vectors *v) {
    uint32_t available = yuma_isa_available(), named = 0;
    for (int k = 0; k < MACHINES; k++) {
        named |= machines[k].bit;
    }
    if ((available & YUMA_ISA_PORTABLE) == 0 || (available & ~named) != 0) {
        fail("yuma_isa_available", "not portable, or a bit without a name here");
    }
    unsigned long traced = 0;
    for (uint32_t i = 0; i < v->epochs; i++) {
        vector e;
        take_epoch(v, &e);
        traced += (unsigned long)e.traced;
        for (int k = 0; k < MACHINES; k++) {
            if (available & machines[k].bit) {
                test_epoch(&e, &machines[k], NO_TRACE);
                test_epoch(&e, &machines[k], ARRAYS);
                test_epoch(&e, &machines[k], ROWS);
            }
        }
        disown(&e.memory);
    }
    if (v->epochs != EPOCHS || traced != TRACED) {
        fail("the file", "not all epochs are in it");
    }
    for (int k = 0; k < MACHINES; k++) {
        const machine *m = &machines[k];
        if (available & m->bit) {
            printf("  %s: %lu epochs without a trace, %lu with its arrays (%lu by itself), %lu with all of it, %lu traces "
                   "compared; %lu differ\n",
                   m->name, m->computed[NO_TRACE], m->computed[ARRAYS], m->own, m->computed[ROWS], m->traces, m->differ);
            int computes = m->bit == YUMA_ISA_PORTABLE || !unrounded;
            if ((m->own != 0) != computes) {
                fail(m->name, computes ? "computed nothing itself" : "computed without rounding downward");
            }
        }
    }
}

/* ---- operations --------------------------------------------------------------------------------------------------------- */

typedef struct {
    uint64_t *word; /* two a number, low and high */
    uint32_t count; /* of numbers */
} list;

static list take_list(vectors *v, owner *o) {
    uint32_t words;
    list l;
    l.word = take_array(v, o, 8, &words);
    l.count = words / 2;
    return l;
}

static int64_t get(const list *l, uint32_t k) {
    int64_t x = k < l->count ? (int64_t)l->word[2 * k] : 0;
    if (k >= l->count || l->word[2 * k + 1] != (x < 0 ? UINT64_MAX : 0)) {
        die("an operand is no int64_t");
    }
    return x;
}

static uint64_t get_unsigned(const list *l) {
    if (l->count != 1 || l->word[1] != 0) {
        die("an operand is no uint64_t");
    }
    return l->word[0];
}

static uint16_t get_u16(const list *l, uint32_t k) {
    int64_t x = get(l, k);
    if (x < 0 || x > 65535) {
        die("an operand is no uint16_t");
    }
    return (uint16_t)x;
}

static void put(list *l, int64_t x) {
    l->word[2 * l->count] = (uint64_t)x;
    l->word[2 * l->count++ + 1] = x < 0 ? UINT64_MAX : 0;
}

/* Each puts its result, for which there is room, and answers whether all ways to compute it in yuma.h agree. */

#define OF_TWO(name, function)                                              \
    static int name(const list *in, list *out) {                            \
        put(out, function(get(&in[0], 0), get(&in[1], 0)));                 \
        return 1;                                                           \
    }

OF_TWO(of_mul, yuma_mul)
OF_TWO(of_div, yuma_div)
OF_TWO(of_sdiv, yuma_sdiv)
OF_TWO(of_add, yuma_add)
OF_TWO(of_sub, yuma_sub)
OF_TWO(of_cmul, yuma_mul_checked)

static int of_to_u16(const list *in, list *out) {
    int64_t x = get(&in[0], 0);
    uint16_t stored[2], expected = yuma_to_u16(x);
    put(out, expected);
    return yuma_store(2, (int64_t[]){x, x}, stored) == YUMA_OK && stored[0] == expected && stored[1] == expected;
}

static int of_u16_prop(const list *in, list *out) {
    put(out, yuma_ratio16(get_u16(&in[0], 0)));
    return 1;
}

static int of_exp(const list *in, list *out) {
    put(out, yuma_exp_safe(get(&in[0], 0)));
    return 1;
}

static int of_div64(const list *in, list *out) {
    uint64_t a[2], b[2];
    memcpy(a, in[0].word, sizeof a);
    memcpy(b, in[1].word, sizeof b);
    yuma_div64(in[0].word, in[1].word, out->word);
    out->count = 1;
    yuma_div64(a, in[1].word, a);
    yuma_div64(in[0].word, b, b);
    return memcmp(a, out->word, sizeof a) == 0 && memcmp(b, out->word, sizeof b) == 0;
}

static int of_f64to32(const list *in, list *out) {
    put(out, yuma_to_i32f32(in[0].word));
    return 1;
}

static int of_sigmoid(const list *in, list *out) {
    int64_t c = get(&in[0], 0), w = get(&in[1], 0), b = get(&in[2], 0);
    int64_t low = get(&in[3], 0), high = get(&in[4], 0), steepness = get(&in[5], 0);
    int64_t alphas[2], alpha = yuma_liquid_alpha(c, w, b, low, high, steepness);
    put(out, alpha);
    return yuma_liquid_alphas(2, (int64_t[]){c, c}, (int64_t[]){w, w}, (int64_t[]){b, b}, low, high, steepness, alphas) ==
               YUMA_OK &&
           alphas[0] == alpha && alphas[1] == alpha;
}

static int of_emit(const list *in, list *out) {
    out->word[0] = yuma_emission_share(get(&in[0], 0), get_unsigned(&in[1]));
    out->word[1] = 0;
    out->count = 1;
    return 1;
}

static int of_alpha_ema(const list *in, list *out) {
    put(out, yuma_bonds_alpha(get_unsigned(&in[0])));
    return 1;
}

/* Validator i gives its score to uid 0; every other column is empty. */
static int of_median_col(const list *in, list *out) {
    owner o = {.blocks = 0};
    uint32_t n = in[1].count;
    size_t size = yuma_workspace(n, n, 0);
    yuma_rows rows = make_rows(&o, n, n);
    int64_t *stake = own(&o, n, 8), *consensus = own(&o, n, 8);
    for (uint32_t i = 0; i < n; i++) {
        rows.indptr[i] = i;
        rows.uid[i] = 0;
        rows.value[i] = get(&in[2], i);
        stake[i] = get(&in[1], i);
    }
    rows.indptr[n] = n;
    int others = yuma_consensus(n, &rows, stake, get(&in[0], 0), consensus, own(&o, size, 1), size) == YUMA_OK;
    for (uint32_t i = 1; i < n; i++) {
        others &= consensus[i] == 0;
    }
    put(out, consensus[0]);
    disown(&o);
    return others;
}

static int of_topk(const list *in, list *out) {
    owner o = {.blocks = 0};
    uint32_t n = in[1].count;
    size_t size = yuma_workspace(n, 0, 0);
    int64_t *stake = own(&o, n, 8);
    uint8_t *permit = own(&o, n, 1);
    for (uint32_t i = 0; i < n; i++) {
        stake[i] = get(&in[1], i);
    }
    int ok = yuma_permits(n, stake, get_u16(&in[0], 0), YUMA_NO_OWNER, permit, own(&o, size, 1), size) == YUMA_OK;
    for (uint32_t i = 0; i < n; i++) {
        put(out, permit[i]);
    }
    disown(&o);
    return ok;
}

static int of_upscale16(const list *in, list *out) {
    owner o = {.blocks = 0};
    uint32_t n = in[0].count;
    uint16_t *values = own(&o, n, 2), *scaled = own(&o, n, 2);
    memset(values, 0, n * sizeof *values);
    for (uint32_t i = 0; i < n; i++) {
        values[i] = get_u16(&in[0], i);
    }
    int ok = yuma_upscale_to_u16(n, values, scaled) == YUMA_OK && yuma_upscale_to_u16(n, values, values) == YUMA_OK;
    ok = ok && memcmp(values, scaled, n * sizeof *values) == 0; /* in place as well */
    for (uint32_t i = 0; i < n; i++) {
        put(out, scaled[i]);
    }
    disown(&o);
    return ok;
}

typedef struct {
    const char *name;
    uint32_t operands;
    int (*compute)(const list *in, list *out);
    unsigned long seen;
} operation;

static operation operations[] = {
    {"mul", 2, of_mul, 0},
    {"div", 2, of_div, 0},
    {"sdiv", 2, of_sdiv, 0},
    {"add", 2, of_add, 0},
    {"sub", 2, of_sub, 0},
    {"cmul", 2, of_cmul, 0},
    {"to_u16", 1, of_to_u16, 0},
    {"u16_prop", 1, of_u16_prop, 0},
    {"exp", 1, of_exp, 0},
    {"div64", 2, of_div64, 0},
    {"f64to32", 1, of_f64to32, 0},
    {"sigmoid", 6, of_sigmoid, 0},
    {"emit", 2, of_emit, 0},
    {"alpha_ema", 1, of_alpha_ema, 0},
    {"median_col", 3, of_median_col, 0},
    {"topk", 2, of_topk, 0},
    {"upscale16", 1, of_upscale16, 0},
};

static void test_operations(vectors *v) {
    size_t kinds = sizeof operations / sizeof *operations;
    unsigned long compared = 0, differ = 0;
    for (uint32_t i = 0; i < v->operations; i++) {
        char name[32];
        owner o = {.blocks = 0};
        list in[6], expected, got;
        take_text(v, name);
        uint32_t operands = (uint32_t)take(v, 4);
        size_t kind = 0;
        while (kind < kinds && strcmp(operations[kind].name, name) != 0) {
            kind++;
        }
        if (kind == kinds || operations[kind].operands != operands || operands == 0) {
            die("an operation that is not known here");
        }
        for (uint32_t k = 0; k < operands; k++) {
            in[k] = take_list(v, &o);
        }
        expected = take_list(v, &o);
        got.count = 0;
        uint32_t most = in[operands - 1].count; /* a list as a result is as long as the last operand */
        got.word = own(&o, most > 1 ? most : 1, 16);
        int agree = operations[kind].compute(in, &got);
        if (!agree || got.count != expected.count ||
            memcmp(got.word, expected.word, (size_t)got.count * 2 * sizeof *got.word) != 0) {
            char detail[32];
            snprintf(detail, sizeof detail, "line %lu", (unsigned long)i + 1);
            fail(name, detail);
            differ++;
        }
        operations[kind].seen++;
        compared++;
        disown(&o);
    }
    for (size_t kind = 0; kind < kinds; kind++) {
        if (operations[kind].seen == 0) {
            fail("the file has none of an operation", operations[kind].name);
        }
    }
    if (compared != OPERATIONS) {
        fail("the file", "not all operations are in it");
    }
    printf("  %lu operations; %lu differ\n", compared, differ);
}

int main(int count, char **arguments) {
    if (count < 2) {
        die("usage: test_vectors FILE [raw] [unrounded]");
    }
    for (int k = 2; k < count; k++) {
        if (strcmp(arguments[k], "raw") == 0) {
            raw = 1;
        } else if (strcmp(arguments[k], "unrounded") == 0) {
            unrounded = 1;
        } else {
            die("raw, or unrounded");
        }
    }
    const uint16_t one = 1;
    printf("%s, %u-bit, %s-endian:\n", yuma_build(), (unsigned)sizeof(void *) * 8,
           *(const unsigned char *)&one ? "little" : "big");
    vectors v = open_vectors(arguments[1]);
    test_epochs(&v);
    test_operations(&v);
    close_vectors(&v);
    return failures != 0;
}

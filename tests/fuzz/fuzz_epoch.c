/* Bytes become a subnet, valid or broken in one place, and the subnet an epoch. What must hold:
 *
 *   - what yuma_check accepts has an epoch, in exactly yuma_workspace bytes, of which none outside is touched (ASan sees to
 *     that: every buffer is a heap block of just its size);
 *   - each instruction set of yuma_isa_available gives the same bytes as the portable one, and so do a second run, another
 *     content of the workspace and an epoch that is traced;
 *   - the results keep the law's invariants;
 *   - what is broken gets the status of what was broken. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "yuma.h"

#define HOLDS(condition)                                                            \
    do {                                                                            \
        if (!(condition)) {                                                         \
            fprintf(stderr, "fuzz_epoch.c:%d: not %s\n", __LINE__, #condition);     \
            abort();                                                                \
        }                                                                           \
    } while (0)

/* ---- bytes: what has run out is 0 ---------------------------------------------------------------------------------------- */

typedef struct {
    const uint8_t *at, *end;
} bytes;

static uint8_t take8(bytes *in) {
    return in->at < in->end ? *in->at++ : 0;
}

static uint64_t take(bytes *in, int count) {
    uint64_t x = 0;
    while (count-- > 0) {
        x = x << 8 | take8(in);
    }
    return x;
}

/* u16: a quarter each of 0, 65535, powers of two and anything */
static uint16_t take16(bytes *in) {
    uint8_t kind = take8(in);
    switch (kind & 3) {
    case 0:
        return kind & 4 ? 0 : (uint16_t)(kind >> 3);
    case 1:
        return (uint16_t)(65535 - (kind >> 3));
    case 2:
        return (uint16_t)(1u << (kind >> 2 & 15));
    default:
        return (uint16_t)take(in, 2);
    }
}

/* u64: small, near a block height, the ends of the range, powers of two and one beside them, anything */
static uint64_t take64(bytes *in) {
    uint8_t kind = take8(in);
    switch (kind & 7) {
    case 0:
    case 1:
        return (uint64_t)(kind >> 3);
    case 2:
    case 3:
        return UINT64_C(1000000) + (uint64_t)(kind >> 3);
    case 4:
        return UINT64_MAX - (uint64_t)(kind >> 3);
    case 5:
        return ((uint64_t)1 << (kind >> 3)) - (take8(in) & 1);
    case 6:
        return ((uint64_t)1 << (32 + (kind >> 3))) - (take8(in) & 1);
    default:
        return take(in, 8);
    }
}

/* ---- the subnet ------------------------------------------------------------------------------------------------------------ */

enum { MOST = 40 };

/* a block of just so many bytes, also none; filled with what nobody expects */
static void *block(size_t count, size_t size) {
    void *memory = malloc(count * size);
    if (memory == NULL && count * size != 0) {
        abort();
    }
    if (count * size != 0) {
        memset(memory, 0xa5, count * size);
    }
    return memory;
}

typedef struct {
    uint32_t *indptr;
    uint16_t *uid, *value;
} matrix;

/* Rows that are empty, full, single, or a bit mask of uids; forward, backward or rotated. */
static matrix take_matrix(bytes *in, uint32_t n) {
    uint16_t uid[MOST * MOST], value[MOST * MOST];
    uint32_t count = 0;
    matrix m = {block(n + 1, sizeof *m.indptr), NULL, NULL};
    for (uint32_t i = 0; i < n; i++) {
        m.indptr[i] = count;
        uint8_t kind = take8(in);
        uint64_t mask = 0;
        switch (kind & 7) {
        case 0:
        case 1:
            break;
        case 2:
            mask = (uint64_t)1 << (kind >> 3) % n;
            break;
        case 3:
        case 4:
            mask = UINT64_MAX;
            break;
        default:
            mask = take(in, n <= 8 ? 1 : n <= 16 ? 2 : 5);
        }
        uint32_t turn = kind & 64 ? take8(in) % n : 0;
        uint16_t same = kind & 32 ? take16(in) : 0;
        for (uint32_t k = 0; k < n; k++) {
            uint32_t j = (kind & 128 ? n - 1 - k : k) + turn;
            j = j >= n ? j - n : j;
            if (mask >> j & 1) {
                uid[count] = (uint16_t)j;
                value[count++] = kind & 32 ? same : take16(in);
            }
        }
    }
    m.indptr[n] = count;
    m.uid = block(count, sizeof *m.uid);
    m.value = block(count, sizeof *m.value);
    if (count != 0) {
        memcpy(m.uid, uid, count * sizeof *uid);
        memcpy(m.value, value, count * sizeof *value);
    }
    return m;
}

static void free_matrix(matrix m) {
    free(m.indptr);
    free(m.uid);
    free(m.value);
}

typedef struct {
    uint8_t *arrays[13];
    size_t sizes[13];
    yuma_result result;
} results;

static void *array(results *r, int which, size_t count, size_t size) {
    r->sizes[which] = count * size;
    return r->arrays[which] = block(count, size);
}

static void make_results(results *r, uint32_t n, uint32_t entries) {
    yuma_result *s = &r->result;
    s->active = array(r, 0, n, 1);
    s->validator_permit = array(r, 1, n, 1);
    s->stake_weight = array(r, 2, n, 2);
    s->consensus = array(r, 3, n, 2);
    s->incentive = array(r, 4, n, 2);
    s->dividends = array(r, 5, n, 2);
    s->validator_trust = array(r, 6, n, 2);
    s->server_emission = array(r, 7, n, 8);
    s->validator_emission = array(r, 8, n, 8);
    s->emission = array(r, 9, n, 8);
    s->bonds_indptr = array(r, 10, n + 1, 4);
    s->bonds_uid = array(r, 11, entries, 2);
    s->bonds_value = array(r, 12, entries, 2);
}

static void free_results(results *r) {
    for (int a = 0; a < 13; a++) {
        free(r->arrays[a]);
    }
}

static int same_results(const results *a, const results *b, uint32_t n) {
    for (int k = 0; k < 11; k++) {
        if (memcmp(a->arrays[k], b->arrays[k], a->sizes[k]) != 0) {
            return 0;
        }
    }
    size_t stored = (size_t)a->result.bonds_indptr[n] * 2;
    return stored == 0 || (memcmp(a->arrays[11], b->arrays[11], stored) == 0 && memcmp(a->arrays[12], b->arrays[12], stored) == 0);
}

static yuma_rows make_rows(uint32_t n, uint32_t entries) {
    return (yuma_rows){block(n + 1, 4), block(entries, 2), block(entries, 8)};
}

static void free_rows(yuma_rows rows) {
    free(rows.indptr);
    free(rows.uid);
    free(rows.value);
}

/* A trace of arrays alone, 7 n numbers at `arrays`. */
static yuma_trace arrays_of(int64_t *arrays, uint32_t n) {
    yuma_trace trace = {0};
    trace.stake = arrays;
    trace.active_stake = arrays + n;
    trace.consensus = arrays + 2 * (size_t)n;
    trace.validator_trust = arrays + 3 * (size_t)n;
    trace.rank = arrays + 4 * (size_t)n;
    trace.incentive = arrays + 5 * (size_t)n;
    trace.dividends = arrays + 6 * (size_t)n;
    return trace;
}

static yuma_status run(const yuma_state *state, const yuma_hyperparameters *h, uint64_t emission, results *r, yuma_trace *trace,
                       uint32_t isa, size_t size, int fill) {
    unsigned char *workspace = malloc(size);
    if (workspace == NULL) {
        abort();
    }
    memset(workspace, fill, size);
    yuma_status status = yuma_epoch(state, h, emission, &r->result, trace, isa, workspace, size);
    free(workspace);
    return status;
}

/* Sums are below what they divide; every floor loses less than a unit. */
static void check_invariants(const yuma_state *state, const yuma_hyperparameters *h, uint64_t emission, const yuma_result *r) {
    uint32_t n = state->n;
    uint64_t sums[4] = {0}, server = 0, validator = 0, all = 0;
    for (uint32_t i = 0; i < n; i++) {
        HOLDS(r->active[i] <= 1 && r->validator_permit[i] <= 1);
        sums[0] += r->stake_weight[i];
        sums[1] += r->incentive[i];
        sums[2] += r->dividends[i];
        HOLDS(r->server_emission[i] <= emission - server);
        HOLDS(r->validator_emission[i] <= emission - validator);
        HOLDS(r->emission[i] <= emission - all);
        server += r->server_emission[i];
        validator += r->validator_emission[i];
        all += r->emission[i];
        HOLDS(r->bonds_indptr[i] <= r->bonds_indptr[i + 1]);
        int kept = h->profile < YUMA_PROFILE_320 && !state->validator_permit[i]; /* as they were */
        HOLDS(r->validator_permit[i] || kept || r->bonds_indptr[i] == r->bonds_indptr[i + 1]);
        uint64_t seen = 0;
        for (uint32_t k = r->bonds_indptr[i]; k < r->bonds_indptr[i + 1]; k++) {
            HOLDS(r->bonds_uid[k] < n && (seen >> r->bonds_uid[k] & 1) == 0);
            seen |= (uint64_t)1 << r->bonds_uid[k];
        }
    }
    HOLDS(sums[0] <= 65535 && sums[1] <= 65535 && sums[2] <= 65535);
    HOLDS(r->bonds_indptr[0] == 0);
    HOLDS(r->bonds_indptr[n] <= state->weights.indptr[n] + state->bonds.indptr[n]);
    if (h->profile >= YUMA_PROFILE_401 && state->owner_uid != YUMA_NO_OWNER) {
        HOLDS(r->validator_permit[state->owner_uid]);
    }
}

static void check_valid(const yuma_state *state, const yuma_hyperparameters *h, uint64_t emission) {
    uint32_t n = state->n, weights = state->weights.indptr[n], bonds = state->bonds.indptr[n];
    size_t size = yuma_workspace(n, weights, bonds);
    results portable, other;
    make_results(&portable, n, weights + bonds);
    HOLDS(run(state, h, emission, &portable, NULL, YUMA_ISA_PORTABLE, size, 0) == YUMA_OK);
    check_invariants(state, h, emission, &portable.result);

    /* the raw bits of a trace without matrices, which leaves the choice of the instruction set: 7 arrays in one block each */
    int64_t *expected = block(7 * (size_t)n, sizeof(int64_t)), *raw = block(7 * (size_t)n, sizeof(int64_t));
    yuma_trace bits = arrays_of(expected, n);
    make_results(&other, n, weights + bonds);
    HOLDS(run(state, h, emission, &other, &bits, YUMA_ISA_PORTABLE, size, 0) == YUMA_OK && bits.isa == YUMA_ISA_PORTABLE);
    free_results(&other);
    uint32_t available = yuma_isa_available();
    HOLDS(available & YUMA_ISA_PORTABLE);
    for (uint32_t bit = 0; bit < 31; bit++) { /* in another workspace, at another alignment */
        if (available >> bit & 1) {
            make_results(&other, n, weights + bonds);
            HOLDS(run(state, h, emission, &other, NULL, (uint32_t)1 << bit, size, 0xff) == YUMA_OK);
            HOLDS(same_results(&portable, &other, n));
            bits = arrays_of(raw, n);
            HOLDS(run(state, h, emission, &other, &bits, (uint32_t)1 << bit, size, 0x11) == YUMA_OK);
            HOLDS(memcmp(expected, raw, 7 * (size_t)n * sizeof *raw) == 0);
            free_results(&other);
        }
    }
    free(expected);
    free(raw);

    int64_t *arrays[7];
    for (int a = 0; a < 7; a++) {
        arrays[a] = block(n, sizeof(int64_t));
    }
    yuma_trace trace = {
        arrays[0], arrays[1], arrays[2], arrays[3], arrays[4], arrays[5], arrays[6],
        make_rows(n, weights), make_rows(n, weights), make_rows(n, weights), make_rows(n, weights + bonds),
        make_rows(n, weights + bonds), 0,
    };
    make_results(&other, n, weights + bonds);
    HOLDS(run(state, h, emission, &other, &trace, YUMA_ISA_ANY, size, 0x5a) == YUMA_OK);
    HOLDS(same_results(&portable, &other, n));
    for (uint32_t i = 0; i < n; i++) {
        HOLDS(trace.stake[i] >= 0 && trace.stake[i] <= YUMA_ONE);
        HOLDS(trace.consensus[i] >= 0 && trace.consensus[i] <= YUMA_ONE);
    }
    HOLDS(run(state, h, emission, &other, NULL, YUMA_ISA_ANY, size - 1, 0) == YUMA_ERROR_WORKSPACE);
    free_results(&other);
    for (int a = 0; a < 7; a++) {
        free(arrays[a]);
    }
    free_rows(trace.weights);
    free_rows(trace.clipped);
    free_rows(trace.weights_for_bonds);
    free_rows(trace.ema_bonds);
    free_rows(trace.normalized_bonds);
    free_results(&portable);
}

/* ---- one input --------------------------------------------------------------------------------------------------------------- */

/* One rule broken; the status that says so. YUMA_OK where there is nothing to break. */
static yuma_status break_one(bytes *in, yuma_state *state, yuma_hyperparameters *h, matrix weights, matrix bonds, uint64_t *stake) {
    uint32_t n = state->n;
    matrix m = take8(in) & 1 ? weights : bonds;
    uint32_t at = take8(in) % n, count = m.indptr[n];
    switch (take8(in) % 10) {
    case 0:
        state->n = (take8(in) & 1) ? 0 : YUMA_MAX_UIDS + 1 + (uint32_t)take(in, 3);
        return YUMA_ERROR_N;
    case 1:
        state->owner_uid = (take8(in) & 1) ? (int32_t)(n + take(in, 3)) : -2 - (int32_t)take(in, 3);
        return YUMA_ERROR_OWNER;
    case 2:
        h->profile = (uint16_t)(YUMA_PROFILE_475 + 1 + take(in, 1));
        return YUMA_ERROR_PROFILE;
    case 3:
        h->bonds_moving_average = 1000001 + take(in, 7);
        return YUMA_ERROR_RANGE;
    case 4:
        m.indptr[0] = 1 + (uint32_t)take(in, 3);
        return YUMA_ERROR_INDPTR;
    case 5:
        if (m.indptr[at] == 0) {
            return YUMA_OK;
        }
        m.indptr[at + 1] = m.indptr[at] - 1; /* the arrays are as long as the last indptr says, or longer */
        return YUMA_ERROR_INDPTR;
    case 6:
        if (count == 0) {
            return YUMA_OK;
        }
        m.uid[take(in, 2) % count] = (uint16_t)(n + take(in, 1));
        return YUMA_ERROR_UID;
    case 7:
        if (m.indptr[at + 1] - m.indptr[at] < 2) {
            return YUMA_OK;
        }
        m.uid[m.indptr[at + 1] - 1] = m.uid[m.indptr[at]];
        return YUMA_ERROR_UID;
    case 8:
        stake[2 * at + 1] |= (uint64_t)1 << 63;
        return YUMA_ERROR_STAKE;
    default:
        switch (take8(in) % 6) {
        case 0:
            state->weights.indptr = NULL;
            break;
        case 1:
            state->bonds.uid = NULL;
            break;
        case 2:
            state->total_stake = NULL;
            break;
        case 3:
            state->last_update = NULL;
            break;
        case 4:
            state->block_at_registration = NULL;
            break;
        default:
            state->validator_permit = NULL;
        }
        return YUMA_ERROR_NULL;
    }
}

static uint64_t *take_blocks(bytes *in, uint32_t n) {
    uint64_t *blocks = block(n, sizeof *blocks);
    uint8_t kind = take8(in);
    uint64_t same = kind & 1 ? take64(in) : 0;
    for (uint32_t i = 0; i < n; i++) {
        blocks[i] = kind & 1 ? same : kind & 2 ? UINT64_C(1000000) + (uint64_t)(int64_t)(int8_t)take8(in) : take64(in);
    }
    return blocks;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    bytes in = {data, data + size};
    uint8_t flags = take8(&in);
    uint32_t n = 1 + take8(&in) % MOST;
    yuma_hyperparameters h = {
        .max_allowed_validators = take8(&in),
        .kappa = take16(&in),
        .bonds_penalty = take16(&in),
        .alpha_low = take16(&in),
        .alpha_high = take16(&in),
        .alpha_sigmoid_steepness = (int16_t)take16(&in),
        .profile = YUMA_PROFILE_425,
        .yuma3 = flags & 1,
        .liquid_alpha = flags & 2,
        .commit_reveal = flags & 4,
        .tempo = take64(&in),
        .activity_cutoff = take64(&in),
        .stake_threshold = take64(&in),
    };
    uint64_t average = take64(&in);
    h.bonds_moving_average = average > 1000000 ? 1000000 - (average & 15) : average;

    uint64_t *stake = block(2 * n, sizeof *stake);
    uint8_t kind = take8(&in), shift = kind & 63;
    for (uint32_t i = 0; i < n; i++) { /* n * 2^121 is below 2^127 */
        uint64_t whole = kind & 128 ? take8(&in) & 3 : take64(&in) >> 7 >> (kind & 64 ? shift : 0);
        stake[2 * i] = kind & 64 ? take64(&in) : 0;
        stake[2 * i + 1] = whole;
    }
    uint8_t *permit = block(n, 1);
    uint64_t permits = take(&in, 5), unlike = take8(&in);
    for (uint32_t i = 0; i < n; i++) {
        permit[i] = permits >> i & 1 ? (uint8_t)(unlike | 1) : 0;
    }
    uint64_t *last_update = take_blocks(&in, n), *registration = take_blocks(&in, n), *commit = take_blocks(&in, n);
    matrix weights = take_matrix(&in, n), bonds = take_matrix(&in, n);
    yuma_state state = {
        .n = n,
        .owner_uid = flags & 8 ? (int32_t)(take8(&in) % n) : YUMA_NO_OWNER,
        .weights = {weights.indptr, weights.uid, weights.value},
        .bonds = {bonds.indptr, bonds.uid, bonds.value},
        .total_stake = stake,
        .last_update = last_update,
        .block_at_registration = registration,
        .commit_block = flags & 16 ? commit : NULL,
        .validator_permit = permit,
        .current_block = take64(&in),
        .last_mechanism_step_block = take64(&in),
    };
    uint64_t emission = take64(&in);

    /* behind the rest, so that older corpora mean what they meant */
    uint8_t known = take8(&in), which = take8(&in);
    uint64_t yuma_step = take64(&in);
    uint32_t length = known % (MOST + 3);
    uint16_t *previous = block(length + 1, sizeof *previous);
    for (uint32_t i = 0; i < length; i++) {
        previous[i] = which & 128 ? 0 : take16(&in);
    }
    state.previous_consensus = known == 255 ? NULL : previous;
    state.previous_consensus_length = known == 255 ? 0 : length;
    state.last_yuma_step_block = which & 4 ? &yuma_step : NULL;
    const uint16_t earlier[] = {401, 365, 320, 297, 283, 273, 257, 252, 233};
    h.profile = which & 16 ? earlier[take8(&in) % 9] : which & 8 ? YUMA_PROFILE_475 : YUMA_PROFILE_425;
    if (h.profile == YUMA_PROFILE_273) {
        h.alpha_sigmoid_steepness &= UINT16_MAX;
    }
    h.liquid_alpha_consensus_mode = (which & 3) % 3;
    if (known == 255 && h.profile == YUMA_PROFILE_475 && h.yuma3 && h.liquid_alpha &&
        (h.liquid_alpha_consensus_mode == 1 || (h.liquid_alpha_consensus_mode == 2 && h.bonds_penalty == 65535))) {
        HOLDS(yuma_check(&state, &h) == YUMA_ERROR_PREVIOUS);
        state.previous_consensus = previous;
    }

    HOLDS(yuma_check(&state, &h) == YUMA_OK);
    yuma_status expected = (flags & 224) == 224 ? break_one(&in, &state, &h, weights, bonds, stake) : YUMA_OK;
    HOLDS(yuma_check(&state, &h) == expected);
    if (expected == YUMA_OK) {
        check_valid(&state, &h, emission);
    } else if (expected != YUMA_ERROR_UID && expected != YUMA_ERROR_INDPTR && expected != YUMA_ERROR_STAKE) {
        results r; /* yuma_epoch refuses as well, whatever n says; matrices and stakes it trusts */
        make_results(&r, n, weights.indptr[n] + bonds.indptr[n]);
        HOLDS(run(&state, &h, emission, &r, NULL, YUMA_ISA_ANY, yuma_workspace(n, weights.indptr[n], bonds.indptr[n]), 0) == expected);
        free_results(&r);
    }
    free(stake);
    free(permit);
    free(last_update);
    free(registration);
    free(commit);
    free(previous);
    free_matrix(weights);
    free_matrix(bonds);
    return 0;
}

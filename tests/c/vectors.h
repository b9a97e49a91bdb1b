/* The chain's vectors as tests/c/pack_vectors.py packs them, read byte by byte: no order of bytes and no width of a size_t is
 * assumed. And the memory for an epoch's outputs, each block of just the size that yuma.h asks for, so that a sanitizer sees
 * any access beyond it. */
#ifndef TEST_VECTORS_H
#define TEST_VECTORS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "yuma.h"

static inline _Noreturn void die(const char *what) {
    fprintf(stderr, "%s\n", what);
    exit(2);
}

/* ---- memory that is freed together -------------------------------------------------------------------------------------- */

typedef struct {
    void *block[64];
    size_t size[64], blocks;
} owner;

static inline void *own(owner *o, size_t count, size_t width) {
    if (o->blocks == sizeof o->block / sizeof *o->block) {
        die("too many blocks");
    }
    size_t size = count * width;
    void *block = malloc(size == 0 ? 1 : size);
    if (block == NULL) {
        die("no memory");
    }
    o->size[o->blocks] = size;
    o->block[o->blocks++] = block;
    return block;
}

static inline void fill(const owner *o, int byte) {
    for (size_t i = 0; i < o->blocks; i++) {
        memset(o->block[i], byte, o->size[i]);
    }
}

static inline void disown(owner *o) {
    while (o->blocks != 0) {
        free(o->block[--o->blocks]);
    }
}

/* ---- the file ----------------------------------------------------------------------------------------------------------- */

typedef struct {
    unsigned char *bytes;
    size_t size, at;
    uint32_t epochs, operations;
} vectors;

static inline uint64_t take(vectors *v, unsigned width) {
    if (v->size - v->at < width) {
        die("the file of vectors is too short");
    }
    uint64_t value = 0;
    for (unsigned byte = 0; byte < width; byte++) {
        value |= (uint64_t)v->bytes[v->at++] << 8 * byte;
    }
    return value;
}

static inline vectors open_vectors(const char *path) {
    vectors v = {NULL, 0, 0, 0, 0};
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        die("there is no file of vectors");
    }
    for (size_t room = 1 << 20, got = 1; got != 0; room *= 2) {
        v.bytes = realloc(v.bytes, room);
        if (v.bytes == NULL) {
            die("no memory");
        }
        got = fread(v.bytes + v.size, 1, room - v.size, file);
        v.size += got;
    }
    fclose(file);
    if (v.size < 8 || memcmp(v.bytes, "YUMAVEC1", 8) != 0) {
        die("this is no file of vectors");
    }
    v.at = 8;
    v.epochs = (uint32_t)take(&v, 4);
    v.operations = (uint32_t)take(&v, 4);
    return v;
}

/* After the last operation. */
static inline void close_vectors(vectors *v) {
    if (v->at != v->size) {
        die("the file of vectors is too long");
    }
    free(v->bytes);
}

/* Integers of 1, 2, 4 or 8 bytes, as this machine has them. */
static inline void *take_array(vectors *v, owner *o, unsigned width, uint32_t *count) {
    *count = (uint32_t)take(v, 4);
    unsigned char *array = own(o, *count, width);
    for (uint32_t i = 0; i < *count; i++) {
        uint64_t value = take(v, width);
        uint8_t as8 = (uint8_t)value;
        uint16_t as16 = (uint16_t)value;
        uint32_t as32 = (uint32_t)value;
        const void *as = width == 1 ? &as8 : width == 2 ? (const void *)&as16 : width == 4 ? (const void *)&as32 : &value;
        memcpy(array + (size_t)i * width, as, width);
    }
    return array;
}

static inline void *take_just(vectors *v, owner *o, unsigned width, uint32_t expected) {
    uint32_t count;
    void *array = take_array(v, o, width, &count);
    if (count != expected) {
        die("an array has the wrong length");
    }
    return array;
}

static inline void take_text(vectors *v, char text[32]) {
    uint32_t length = (uint32_t)take(v, 4);
    if (length > 31) {
        die("a name is too long");
    }
    for (uint32_t i = 0; i < length; i++) {
        text[i] = (char)take(v, 1);
    }
    text[length] = '\0';
}

/* ---- epochs ------------------------------------------------------------------------------------------------------------- */

typedef struct {
    char id[32];
    yuma_state state;
    yuma_hyperparameters hyperparameters;
    uint64_t emission;
    yuma_result result; /* what the chain computed */
    yuma_trace trace;   /* where it is traced */
    int traced;
    owner memory;
} vector;

static inline yuma_stored_rows take_stored_rows(vectors *v, owner *o, uint32_t n) {
    yuma_stored_rows rows;
    const uint32_t *indptr = take_just(v, o, 4, n + 1);
    rows.indptr = indptr;
    rows.uid = take_just(v, o, 2, indptr[n]);
    rows.value = take_just(v, o, 2, indptr[n]);
    return rows;
}

static inline yuma_rows take_rows(vectors *v, owner *o, uint32_t n) {
    yuma_rows rows;
    rows.indptr = take_just(v, o, 4, n + 1);
    rows.uid = take_just(v, o, 2, rows.indptr[n]);
    rows.value = take_just(v, o, 8, rows.indptr[n]);
    return rows;
}

static inline void take_epoch(vectors *v, vector *e) {
    owner *o = &e->memory;
    o->blocks = 0;
    take_text(v, e->id);

    yuma_state *s = &e->state;
    s->owner_uid = (int32_t)(int64_t)take(v, 8);
    s->current_block = take(v, 8);
    s->last_mechanism_step_block = take(v, 8);

    yuma_hyperparameters *h = &e->hyperparameters;
    h->tempo = take(v, 8);
    h->activity_cutoff = take(v, 8);
    h->stake_threshold = take(v, 8);
    h->bonds_moving_average = take(v, 8);
    h->max_allowed_validators = (uint16_t)take(v, 8);
    h->kappa = (uint16_t)take(v, 8);
    h->bonds_penalty = (uint16_t)take(v, 8);
    h->alpha_low = (uint16_t)take(v, 8);
    h->alpha_high = (uint16_t)take(v, 8);
    h->alpha_sigmoid_steepness = (int32_t)(int64_t)take(v, 8);
    h->profile = (uint16_t)take(v, 8);
    h->yuma3 = (uint8_t)take(v, 8);
    h->liquid_alpha = (uint8_t)take(v, 8);
    h->commit_reveal = (uint8_t)take(v, 8);
    h->liquid_alpha_consensus_mode = (uint8_t)take(v, 8);
    e->emission = take(v, 8);

    uint32_t words, commits;
    s->total_stake = take_array(v, o, 8, &words);
    uint32_t n = s->n = words / 2;
    s->last_update = take_just(v, o, 8, n);
    s->block_at_registration = take_just(v, o, 8, n);
    s->commit_block = take_array(v, o, 8, &commits);
    if (commits == 0) {
        s->commit_block = NULL;
    } else if (commits != n) {
        die("commit_block has the wrong length");
    }
    s->validator_permit = take_just(v, o, 1, n);
    uint32_t steps;
    s->previous_consensus = take_array(v, o, 2, &s->previous_consensus_length);
    s->last_yuma_step_block = take_array(v, o, 8, &steps);
    if (steps == 0) {
        s->last_yuma_step_block = NULL;
    } else if (steps != 1) {
        die("last_yuma_step_block has the wrong length");
    }
    s->weights = take_stored_rows(v, o, n);
    s->bonds = take_stored_rows(v, o, n);

    yuma_result *r = &e->result;
    r->active = take_just(v, o, 1, n);
    r->validator_permit = take_just(v, o, 1, n);
    r->stake_weight = take_just(v, o, 2, n);
    r->consensus = take_just(v, o, 2, n);
    r->incentive = take_just(v, o, 2, n);
    r->dividends = take_just(v, o, 2, n);
    r->validator_trust = take_just(v, o, 2, n);
    r->server_emission = take_just(v, o, 8, n);
    r->validator_emission = take_just(v, o, 8, n);
    r->emission = take_just(v, o, 8, n);
    r->bonds_indptr = take_just(v, o, 4, n + 1);
    r->bonds_uid = take_just(v, o, 2, r->bonds_indptr[n]);
    r->bonds_value = take_just(v, o, 2, r->bonds_indptr[n]);

    yuma_trace *t = &e->trace;
    memset(t, 0, sizeof *t);
    e->traced = (int)take(v, 1);
    if (e->traced) {
        t->stake = take_just(v, o, 8, n);
        t->active_stake = take_just(v, o, 8, n);
        t->consensus = take_just(v, o, 8, n);
        t->validator_trust = take_just(v, o, 8, n);
        t->rank = take_just(v, o, 8, n);
        t->incentive = take_just(v, o, 8, n);
        t->dividends = take_just(v, o, 8, n);
        t->weights = take_rows(v, o, n);
        t->clipped = take_rows(v, o, n);
        t->weights_for_bonds = take_rows(v, o, n);
        t->ema_bonds = take_rows(v, o, n);
        t->normalized_bonds = take_rows(v, o, n);
    }
}

/* ---- room for what an epoch writes -------------------------------------------------------------------------------------- */

typedef struct {
    yuma_result result;
    yuma_trace trace;
    void *workspace;
    size_t workspace_size;
    owner memory;
} room;

static inline yuma_rows make_rows(owner *o, uint32_t n, size_t entries) {
    yuma_rows rows;
    rows.indptr = own(o, (size_t)n + 1, 4);
    rows.uid = own(o, entries, 2);
    rows.value = own(o, entries, 8);
    return rows;
}

static inline void make_room(const yuma_state *s, room *m) {
    owner *o = &m->memory;
    uint32_t n = s->n, weights = s->weights.indptr[n], bonds = s->bonds.indptr[n];
    size_t both = (size_t)weights + bonds;
    o->blocks = 0;

    uint8_t **bytes[] = {&m->result.active, &m->result.validator_permit};
    uint16_t **shares[] = {&m->result.stake_weight, &m->result.consensus, &m->result.incentive, &m->result.dividends,
                           &m->result.validator_trust};
    uint64_t **rao[] = {&m->result.server_emission, &m->result.validator_emission, &m->result.emission};
    int64_t **traced[] = {&m->trace.stake, &m->trace.active_stake, &m->trace.consensus, &m->trace.validator_trust,
                          &m->trace.rank,  &m->trace.incentive,    &m->trace.dividends};
    for (size_t i = 0; i < sizeof bytes / sizeof *bytes; i++) {
        *bytes[i] = own(o, n, 1);
    }
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
        *shares[i] = own(o, n, 2);
    }
    for (size_t i = 0; i < sizeof rao / sizeof *rao; i++) {
        *rao[i] = own(o, n, 8);
    }
    for (size_t i = 0; i < sizeof traced / sizeof *traced; i++) {
        *traced[i] = own(o, n, 8);
    }
    m->result.bonds_indptr = own(o, (size_t)n + 1, 4);
    m->result.bonds_uid = own(o, both, 2);
    m->result.bonds_value = own(o, both, 2);
    m->trace.weights = make_rows(o, n, weights);
    m->trace.clipped = make_rows(o, n, weights);
    m->trace.weights_for_bonds = make_rows(o, n, weights);
    m->trace.ema_bonds = make_rows(o, n, both);
    m->trace.normalized_bonds = make_rows(o, n, both);
    m->workspace_size = yuma_workspace(n, weights, bonds);
    m->workspace = own(o, m->workspace_size, 1);
}

/* What of a trace is asked for. */
typedef enum { NO_TRACE, ARRAYS, ROWS } tracing;

/* An epoch in this room, which is filled first unless it is to stay as malloc gave it: an output that is not written is not
 * the one of an epoch before. */
static inline yuma_status run_epoch(const vector *e, room *m, uint32_t isa, tracing traced, int raw) {
    const yuma_rows none = {NULL, NULL, NULL};
    yuma_trace arrays = m->trace;
    arrays.weights = arrays.clipped = arrays.weights_for_bonds = arrays.ema_bonds = arrays.normalized_bonds = none;
    if (!raw) {
        fill(&m->memory, 0xa5);
    }
    arrays.isa = m->trace.isa = 0;
    yuma_status status = yuma_epoch(&e->state, &e->hyperparameters, e->emission, &m->result,
                                    traced == NO_TRACE ? NULL : traced == ARRAYS ? &arrays : &m->trace, isa, m->workspace,
                                    m->workspace_size);
    if (traced == ARRAYS) {
        m->trace.isa = arrays.isa;
    }
    return status;
}

/* ---- comparison --------------------------------------------------------------------------------------------------------- */

typedef struct {
    const char *field; /* null: none */
    size_t index;
} difference;

static inline void compare(difference *d, const char *field, const void *got, const void *expected, size_t count,
                           size_t width) {
    const unsigned char *a = got, *b = expected;
    for (size_t i = 0; d->field == NULL && i < count; i++) {
        if (memcmp(a + i * width, b + i * width, width) != 0) {
            *d = (difference){field, i};
        }
    }
}

#define COMPARE(field, count) compare(&d, #field, got->field, e->field, count, sizeof *e->field)

/* The lengths first: where they are equal, so are the numbers of entries. */
#define COMPARE_ROWS(rows)                              \
    do {                                                \
        COMPARE(rows.indptr, n + (size_t)1);            \
        if (d.field == NULL) {                          \
            COMPARE(rows.uid, e->rows.indptr[n]);       \
            COMPARE(rows.value, e->rows.indptr[n]);     \
        }                                               \
    } while (0)

/* Of the result, and of the trace where both have one. */
static inline difference first_difference(const vector *e, const room *got, tracing traced) {
    difference d = {NULL, 0};
    uint32_t n = e->state.n;
    COMPARE(result.active, n);
    COMPARE(result.validator_permit, n);
    COMPARE(result.stake_weight, n);
    COMPARE(result.consensus, n);
    COMPARE(result.incentive, n);
    COMPARE(result.dividends, n);
    COMPARE(result.validator_trust, n);
    COMPARE(result.server_emission, n);
    COMPARE(result.validator_emission, n);
    COMPARE(result.emission, n);
    COMPARE(result.bonds_indptr, n + (size_t)1);
    if (d.field == NULL) {
        COMPARE(result.bonds_uid, e->result.bonds_indptr[n]);
        COMPARE(result.bonds_value, e->result.bonds_indptr[n]);
    }
    if (traced != NO_TRACE && e->traced) {
        COMPARE(trace.stake, n);
        COMPARE(trace.active_stake, n);
        COMPARE(trace.consensus, n);
        COMPARE(trace.validator_trust, n);
        COMPARE(trace.rank, n);
        COMPARE(trace.incentive, n);
        COMPARE(trace.dividends, n);
    }
    if (traced == ROWS && e->traced) {
        COMPARE_ROWS(trace.weights);
        COMPARE_ROWS(trace.clipped);
        COMPARE_ROWS(trace.weights_for_bonds);
        COMPARE_ROWS(trace.ema_bonds);
        COMPARE_ROWS(trace.normalized_bonds);
    }
    return d;
}

#endif

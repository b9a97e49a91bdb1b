/* Section 6 of the law, over slices of a full layout; of vector_path.h. */

/* Whole slots at a time, so that a row's accumulators are loaded once. */
INLINE void clip(const vector_epoch *e, const vector_slice *s, const double *consensus, double *rank, int ones) {
    enum { VECTORS = SLICE / LANES };
    number limit[VECTORS]; /* raised, as all that follows */
    words sum[VECTORS];
    EACH_OF(v, VECTORS) {
        limit[v] = load(consensus + v * LANES) + UP;
        sum[v] = (words)splat(0);
    }
    for (uint32_t d = 0; d < s->depth; d++) {
        size_t at = d * (size_t)SLICE;
        const factor stake = factor_of(splat(e->stake[d]));
        words all = {0};
        EACH_OF(v, VECTORS) {
            const uint32_t *weight = s->weights + at + v * LANES;
            const number w = ones ? weight_at(weight) + UP : raised_from_u32(weight), c = least(w, limit[v]);
            sum[v] += (words)raised_by(c, stake);
            all += (words)c;
        }
        add_to_row(e->trust, d, (number)all);
    }
    EACH_OF(v, VECTORS) {
        store(rank + v * LANES, lowered(sum[v]));
    }
}

static void PATH(clip)(const vector_epoch *e, const vector_slice *s, const double consensus[SLICE], double rank[SLICE]) {
    int ones = 0;
    for (unsigned lane = 0; lane < SLICE; lane++) {
        ones |= consensus[lane] == TWO_32;
    }
    if (ones) {
        clip(e, s, consensus, rank, 1);
    } else {
        clip(e, s, consensus, rank, 0);
    }
}

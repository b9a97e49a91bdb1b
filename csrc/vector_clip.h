/* Section 6 of the law, over slices of a full layout; of vector_path.h. */

/* Whole slots at a time, so that a row's accumulators are loaded once. */
INLINE void clip(const vector_epoch *e, const vector_slice *s, const double *consensus, double *rank, int ones) {
    enum { VECTORS = SLICE / LANES };
    number limit[VECTORS];
    words sum[VECTORS];
    EACH_OF(v, VECTORS) {
        limit[v] = load(consensus + v * LANES);
        sum[v] = (words)splat(0);
    }
    for (uint32_t d = 0; d < s->depth; d++) {
        size_t at = d * (size_t)SLICE;
        number all = splat(UP);
        EACH_OF(v, VECTORS) {
            number c = clipped_weight(s->weights + at + v * LANES, limit[v], ones);
            sum[v] += (words)raised_mul(c, splat(e->stake[d]));
            all += c;
        }
        add_to_row(e->trust, d, all);
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

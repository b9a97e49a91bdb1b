/* Section 5 of the law, the stake-weighted median of many columns at once; of vector_path.h. */

/* The scores of one column a lane, of `vectors` of such columns, 1 or GROUP, that are counted side by side: `count` vectors each,
 * SLICE apart, and their stakes: of packed columns vectors too, and of full ones a stake for all lanes. */
typedef struct {
    uint32_t count;
    const uint32_t *score[GROUP], *stake[GROUP];
} ballot;

INLINE scores score_of(const ballot *b, unsigned v, uint32_t k) {
    return load_scores(b->score[v] + k * (size_t)SLICE);
}

INLINE scores stake_of(const ballot *b, unsigned v, uint32_t k, int packed) {
    return packed ? load_scores(b->stake[v] + k * (size_t)SLICE) : splat_scores(b->stake[0][k]);
}

/* The stakes of the scores up to `middle`. */
INLINE void stake_upto(const ballot *b, const scores middle[GROUP], scores sum[GROUP], unsigned vectors, int packed) {
    scores other[GROUP]; /* as an addition waits for the one before it */
    uint32_t k = 0;
    EACH_OF(v, vectors) {
        sum[v] = other[v] = splat_scores(0);
    }
    for (; k + 1 < b->count; k += 2) {
        EACH_OF(v, vectors) {
            sum[v] = scores_add_upto(sum[v], score_of(b, v, k), middle[v], stake_of(b, v, k, packed));
            other[v] = scores_add_upto(other[v], score_of(b, v, k + 1), middle[v], stake_of(b, v, k + 1, packed));
        }
    }
    EACH_OF(v, vectors) {
        sum[v] += other[v];
        if (k < b->count) {
            sum[v] = scores_add_upto(sum[v], score_of(b, v, k), middle[v], stake_of(b, v, k, packed));
        }
    }
}

/* Of two vectors the first where `which` is all ones, the second where it is all zeros. */
INLINE scores either(scores which, scores a, scores b) {
    return (a & which) | (b & ~which);
}

INLINE int some_differ(const scores a[GROUP], const scores b[GROUP], unsigned vectors) {
    scores differ = a[0] ^ b[0];
    for (unsigned v = 1; v < vectors; v++) {
        differ |= a[v] ^ b[v];
    }
    return scores_differ(differ, splat_scores(0));
}

/* The answer is between low and high, and ends up as both; high is not above the highest score. Of the span between them the
 * half goes that does not have the answer, with `start` and what has gone below as stake. The sums of stake are below 2^32, as
 * that of the highest score, which is above 0, is not among them. A lane with low = high stays as it is.
 *
 * The first rounds halve the span and no more, as many of them as `halves` has bits, which leave a score or two where scores are
 * spread evenly. In the others what is left ends at scores: `below` is the largest up to the middle, `above` the smallest above it.
 * Both are kept less middle + 1, modulo 2^32, where every score up to the middle is larger than every one above it. Either of them is
 * there when it is taken, as the answer is a score; of a lane with low = high, where nothing is above the middle, `below` is taken,
 * which is both. */
INLINE void halve(const ballot *b, scores low[GROUP], scores high[GROUP], const scores start[GROUP], scores minority,
                  uint32_t halves, unsigned vectors, int packed) {
    scores middle[GROUP], sum[GROUP];
    for (uint32_t left = halves; left != 0; left >>= 1) {
        EACH_OF(v, vectors) {
            middle[v] = low[v] + ((high[v] - low[v]) >> 1);
        }
        stake_upto(b, middle, sum, vectors, packed);
        EACH_OF(v, vectors) {
            scores passes = scores_above(start[v] + sum[v], minority), one = (scores)(low[v] != high[v]) & 1;
            VERIFY_CHECK(!scores_differ(scores_above(start[v], start[v] + sum[v]) & (scores)(low[v] != high[v]), splat_scores(0)));
            high[v] = either(passes, middle[v], high[v]);
            low[v] = either(passes, low[v], middle[v] + one);
        }
    }
    for (int round = 0; round < 32 && some_differ(low, high, vectors); round++) { /* each halves a span below 2^32 */
        scores from[GROUP], below[GROUP], above[GROUP];
        EACH_OF(v, vectors) {
            middle[v] = low[v] + ((high[v] - low[v]) >> 1);
            from[v] = middle[v] + 1;
            sum[v] = start[v];
            below[v] = low[v] - from[v];
            above[v] = high[v] - from[v];
        }
        for (uint32_t k = 0; k < b->count; k++) {
            EACH_OF(v, vectors) {
                scores score = score_of(b, v, k), past = score - from[v];
                sum[v] = scores_add_upto(sum[v], score, middle[v], stake_of(b, v, k, packed));
                below[v] = scores_most(below[v], past);
                above[v] = scores_least(above[v], past);
            }
        }
        EACH_OF(v, vectors) {
            scores passes = scores_above(sum[v], minority) | (scores)(low[v] == high[v]);
            high[v] = either(passes, below[v] + from[v], high[v]);
            low[v] = either(passes, low[v], above[v] + from[v]);
        }
    }
    VERIFY_CHECK(!some_differ(low, high, vectors));
}

INLINE void median(const vector_epoch *e, const ballot *b, scores consensus[GROUP], unsigned vectors, int packed) {
    scores low[GROUP], start[GROUP], *high = consensus;
    EACH_OF(v, vectors) {
        low[v] = splat_scores(UINT32_MAX);
        high[v] = splat_scores(0);
        start[v] = splat_scores(e->absent);
    }
    if (packed) {
        EACH_OF(v, vectors) {
            scores voted = splat_scores(0), sum = splat_scores(0);
            for (uint32_t k = 0; k < b->count; k++) {
                scores x = score_of(b, v, k), none = (scores)(x == 0);
                low[v] = scores_least(low[v], x | none);
                high[v] = scores_most(high[v], x);
                voted += ~none & 1;
                sum += stake_of(b, v, k, 1);
            }
            low[v] &= (scores)(voted == e->validators); /* else somebody scores 0 */
            start[v] = e->total - sum;                  /* of those who do */
        }
    } else {
        for (uint32_t k = 0; k < e->heavy; k++) {
            EACH_OF(v, vectors) {
                scores x = score_of(b, v, k);
                low[v] = scores_least(low[v], x);
                high[v] = scores_most(high[v], x);
            }
        }
        for (unsigned v = 0; v < vectors && e->heavy == b->count && b->count < e->validators; v++) {
            low[v] = splat_scores(0); /* somebody without a row scores 0 */
        }
    }
    for (unsigned v = 0; v < vectors && e->extreme < 0; v++) {
        high[v] = low[v];
    }
    if (e->extreme != 0) {
        return;
    }
    scores minority = splat_scores(e->minority);
    if (some_differ(low, high, vectors)) {
        /* where some are heavy, the span is that of few scores */
        const uint32_t halves = !packed && e->heavy < b->count ? b->count / 4 : b->count;
        halve(b, low, high, start, minority, halves, vectors, packed);
    }
}

/* The medians of so many columns of slices, SLICE / SCORES vectors each. */
INLINE void medians(const vector_epoch *e, const ballot *of, uint32_t columns, uint32_t *consensus, int packed) {
    enum { VECTORS_OF_SLICE = SLICE / SCORES };
    const unsigned all = (columns + SCORES - 1) / SCORES;
    for (unsigned u = 0; u < all; u += GROUP) {
        ballot part = {.count = of[0].count};
        unsigned vectors = 0;
        for (; vectors < GROUP && u + vectors < all; vectors++) {
            const ballot *b = &of[(u + vectors) / VECTORS_OF_SLICE];
            unsigned lane = (u + vectors) % VECTORS_OF_SLICE * SCORES;
            part.score[vectors] = b->score[0] + lane;
            part.stake[vectors] = b->stake[0] + (packed ? lane : 0);
        }
        scores c[GROUP];
        if (vectors == GROUP) {
            median(e, &part, c, GROUP, packed);
        } else {
            median(e, &part, c, 1, packed);
        }
        memcpy(consensus + u * SCORES, c, vectors * sizeof *c);
    }
}

/* Of a full layout. */
static void PATH(consensus)(const vector_epoch *e, const vector_slice *s, uint32_t slices, uint32_t *consensus) {
    ballot of[TOGETHER];
    uint32_t columns = 0; /* all of every slice but the last */
    for (uint32_t t = 0; t < slices; t++) {
        of[t] = (ballot){e->scorers, {s[t].weights}, {e->scorer_stake}};
        columns += s[t].columns;
    }
    medians(e, of, columns, consensus, 0);
}

static void PATH(packed_consensus)(const vector_epoch *e, uint32_t depth, const uint32_t *score, const uint32_t *stake,
                                   uint32_t consensus[SLICE]) {
    const ballot of = {depth, {score}, {stake}};
    medians(e, &of, SLICE, consensus, 1);
}

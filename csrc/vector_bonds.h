/* Section 7 of the law, over slices of a full layout; of vector_path.h. */

/* weights_for_bonds; an entry that the clip drops has c = 0, as an absent one. */
INLINE number weight_for_bonds(const vector_epoch *e, number w, number consensus) {
    number c = least(w, consensus);
    return e->penalty == 0 ? w : e->penalty == 1 ? c : w + floor_mul_signed(c - w, splat(e->beta));
}

/* The old bond of Yuma 3, ratio16(v). The factor is 2^32 / 65535 rounded up, by less than 2^-36: v times that is below 2^-20,
 * and a fraction of v * 2^32 / 65535 = v * 65537 + v / 65535 is 2^-16 or more below the next whole number. Raised. */
INLINE number old_bond(const uint16_t *bond) {
    number raised = raised_by(raised_from_u16(bond), factor_of(splat(0x1.0001000100011p+16)));
    VERIFY_CHECK(are_ratios(raised, bond));
    return raised;
}

/* Columns of a slice that are computed side by side. */
typedef struct {
    unsigned lane; /* where in the slice they are */
    number consensus[GROUP], incentive[GROUP], rank[GROUP];
    number old_sum[GROUP]; /* of Yuma 2, of the stored bonds */
} columns;

/* Where the slots of a vector of a group are in row d. */
INLINE size_t slots_of(const columns *c, uint32_t d, unsigned v) {
    return d * (size_t)SLICE + c->lane + v * LANES;
}

/* The same of what stands in whole rows. */
INLINE size_t place_in_row(const vector_slice *s, const columns *c, uint32_t d, unsigned v) {
    return d * (size_t)s->pitch * SLICE + c->lane + v * LANES;
}

/* ema_bonds, and what is known of them by column when they are all there. */
typedef struct {
    double *bond;     /* [depth][WIDE] */
    words sum[GROUP]; /* of them raised */
    number lowest[GROUP], highest[GROUP];
} averages;

INLINE averages averages_in(double *bond) {
    averages a = {.bond = bond};
    EACH(v) {
        a.sum[v] = (words)splat(0);
        a.highest[v] = splat(0);
        a.lowest[v] = splat(1);
    }
    return a;
}

INLINE double *place_of(const averages *a, uint32_t d, unsigned v) {
    return a->bond + d * (size_t)WIDE + v * LANES;
}

INLINE void put_average(averages *a, uint32_t d, unsigned v, number raised) {
    const number x = raised - UP;
    VERIFY_CHECK(whole_upto(x, splat(TWO_32)) && whole_upto(lowered(a->sum[v]), splat(0x1p47)));
    store(place_of(a, d, v), x);
    a->lowest[v] = least(a->lowest[v], x);
    a->highest[v] = most(a->highest[v], x);
    a->sum[v] += (words)raised;
}

/* What ema multiplies by. */
typedef struct {
    factor new, old;
} ema_factors;

INLINE ema_factors ema_factors_of(const vector_epoch *e) {
    return (ema_factors){factor_of(splat(e->alpha)), factor_of(splat(e->rest))};
}

/* All raised. */
INLINE number ema_by(ema_factors by, number new, number old) {
    return raised_sum(raised_by(new, by.new), raised_by(old, by.old));
}

INLINE number ema(const vector_epoch *e, number new, number old) {
    return ema_by(ema_factors_of(e), new, old);
}

INLINE unsigned above_0(number x, number y) {
    return bits(x > 0) | bits(y > 0) << LANES;
}

/* Which of ema_bonds are above 0. */
INLINE void keep(const vector_slice *s, const columns *c, const averages *a) {
    const unsigned all = (1u << WIDE) - 1;
    const int every = above_0(a->lowest[0], a->lowest[1]) == all;
    uint16_t *kept = s->kept;
    const size_t pitch = s->pitch;
    for (uint32_t d = 0, depth = s->depth; d < depth; d++) {
        unsigned set = every ? all : above_0(load(place_of(a, d, 0)), load(place_of(a, d, 1)));
        kept[d * pitch] = (uint16_t)(kept[d * pitch] | set << c->lane);
    }
}

/* column_normalize, what it gives of the dividends, and what Yuma 2 stores: of the normalized the largest is the largest,
 * normalized, as a larger bond is not smaller when both are divided by one number. */
INLINE void normalized(const vector_epoch *e, const vector_slice *s, const columns *c, const averages *a, int yuma2) {
    divisor by_sum[GROUP], by_largest[GROUP];
    factor incentive[GROUP];
    EACH(v) {
        by_sum[v] = divisor_of(lowered(a->sum[v]));
        by_largest[v] = yuma2 ? divisor_of(divide(a->highest[v], by_sum[v]) - UP) : by_sum[v];
        incentive[v] = factor_of(c->incentive[v]);
    }
    for (uint32_t d = 0, depth = s->depth; d < depth; d++) {
        number stored[GROUP];
        words all = {0};
        EACH(v) {
            number n = divide(load(place_of(a, d, v)), by_sum[v]), share = raised_by(n, incentive[v]);
            all += (words)share;
            if (yuma2) {
                stored[v] = divide(n - UP, by_largest[v]);
            }
        }
        add_to_row(e->dividends, d, (number)all);
        if (yuma2) {
            store_u16(s->bonds + place_in_row(s, c, d, 0), stored);
        }
    }
}

/* weights_for_bonds. clipped: they are the clipped weights, none of which is ONE. */
INLINE number bought(const vector_epoch *e, const vector_slice *s, const columns *c, uint32_t d, unsigned v, int clipped) {
    const uint32_t *weight = s->weights + slots_of(c, d, v);
    return clipped ? clipped_weight(weight, c->consensus[v], 0) : weight_for_bonds(e, weight_at(weight), c->consensus[v]);
}

/* The new bonds before they are normalized. Where weights are clipped, rank is their sum. */
INLINE number new_bond(const vector_epoch *e, const vector_slice *s, const columns *c, uint32_t d, unsigned v, int clipped) {
    return floor_mul(bought(e, s, c, d, v, clipped), splat(e->stake[d]));
}

INLINE void bonds_yuma2(const vector_epoch *e, const vector_slice *s, const columns *c, int clipped) {
    averages a = averages_in(e->scratch);
    const uint32_t depth = s->depth;
    divisor by_new[GROUP];
    factor of_old[GROUP];
    EACH(v) {
        number sum = clipped ? c->rank[v] : splat(0);
        for (uint32_t d = 0; d < depth && !clipped; d++) {
            sum += new_bond(e, s, c, d, v, 0);
        }
        by_new[v] = divisor_of(sum);
        of_old[v] = stored_share(c->old_sum[v]);
    }
    for (uint32_t d = 0; d < depth; d++) {
        EACH(v) {
            number old = raised_by(raised_from_u16(s->bonds + place_in_row(s, c, d, v)), of_old[v]);
            VERIFY_CHECK(are_quotients(old, raised_from_u16(s->bonds + place_in_row(s, c, d, v)) - UP, c->old_sum[v]));
            put_average(&a, d, v, ema(e, divide(new_bond(e, s, c, d, v, clipped), by_new[v]), old));
        }
    }
    keep(s, c, &a);
    normalized(e, s, c, &a, 1);
}

/* weights_for_bonds, and the old bond where the liquid EMA has it: it drops those that are absent in weights_for_bonds. there: where
 * a weight stands. */
INLINE number liquid_weight(const vector_epoch *e, const uint32_t *weight, const uint16_t *stored, mask there, number consensus,
                            number *bond) {
    number w = weight_at(weight), x = weight_for_bonds(e, w, consensus);
    if (e->penalty == 1) {
        there &= (mask)(consensus != 0) | (mask)(w == 0);
    } else if (e->penalty == 2) {
        there &= x > 0;
    }
    *bond = where(there, old_bond(stored) - UP);
    return x;
}

/* d of section 7 */
INLINE number distance_of(number w, number b, number consensus) {
    mask bought = w >= b;
    number distance = most(where(bought, w - consensus) + where(~bought, b - w), splat(0));
    VERIFY_CHECK(whole_upto(distance, splat(TWO_32)));
    return distance;
}

INLINE number liquid_ema(number alpha, number w, number b) {
    return least(splat(TWO_32), floor_mul_add(b, (TWO_32 - alpha) * UNIT, w, alpha * UNIT));
}

INLINE number liquid_slot(const vector_epoch *e, const vector_slice *s, const columns *c, uint32_t d, unsigned v, number *bond) {
    const size_t at = place_in_row(s, c, d, v);
    const mask there = (mask)(words_from_u16(s->present + at) != 0);
    return liquid_weight(e, s->weights + slots_of(c, d, v), s->bonds + at, there, c->consensus[v], bond);
}

/* The alphas of the liquid EMA by slot, in `alpha`. */
INLINE void liquid_alphas(const vector_epoch *e, const vector_slice *s, const columns *c, const double *selected,
                          double *alpha) {
    uint32_t depth = s->depth;
    number from[GROUP];
    EACH(v) {
        from[v] = load(selected + v * LANES);
    }
    size_t count = depth * (size_t)WIDE, padded = (count + ALPHAS - 1) / ALPHAS * ALPHAS;
    for (uint32_t d = 0; d < depth; d++) {
        EACH(v) {
            number b, w = liquid_slot(e, s, c, d, v, &b);
            store(alpha + d * (size_t)WIDE + v * LANES, distance_of(w, b, from[v]));
        }
    }
    memset(alpha + count, 0, (padded - count) * sizeof *alpha);
    PATH(alphas)(e, alpha, padded);
}

/* clipped: without liquid alpha, as of the weights of `bought`, which are raised before they are compared then. */
INLINE void bonds_yuma3(const vector_epoch *e, const vector_slice *s, const columns *c, int clipped, int liquid) {
    averages a = averages_in(e->scratch); /* in the places of the alphas, of which there are some more */
    const ema_factors by = ema_factors_of(e);
    number limit[GROUP];
    EACH(v) {
        limit[v] = c->consensus[v] + UP;
    }
    for (uint32_t d = 0, depth = s->depth; d < depth; d++) {
        number stored[GROUP];
        EACH(v) {
            number x;
            if (liquid) {
                number b, w = liquid_slot(e, s, c, d, v, &b);
                x = liquid_ema(load(place_of(&a, d, v)), w, b) + UP;
            } else if (clipped) {
                number w = least(raised_from_u32(s->weights + slots_of(c, d, v)), limit[v]);
                x = ema_by(by, w, old_bond(s->bonds + place_in_row(s, c, d, v)));
            } else {
                x = ema_by(by, bought(e, s, c, d, v, 0) + UP, old_bond(s->bonds + place_in_row(s, c, d, v)));
            }
            put_average(&a, d, v, x);
            stored[v] = x;
        }
        store_u16(s->bonds + place_in_row(s, c, d, 0), stored);
    }
    keep(s, c, &a);
    normalized(e, s, c, &a, 0);
}

static void PATH(bonds)(const vector_epoch *given, const vector_slice *of, const double consensus[SLICE],
                        const double selected[SLICE], const double incentive[SLICE], const double rank[SLICE]) {
    const vector_epoch e = *given; /* what is stored does not change them, which of what is pointed to no compiler knows */
    const vector_slice s = *of;
    double old[SLICE] = {0};
    for (unsigned lane = 0; lane < SLICE && !e.yuma3; lane += SCORES) {
        scores sum = splat_scores(0); /* at most 65535 * 32767 */
        for (uint32_t d = 0; d < s.depth; d++) {
            sum += widen(s.bonds + d * (size_t)s.pitch * SLICE + lane);
        }
        for (unsigned k = 0; k < SCORES; k++) {
            old[lane + k] = sum[k];
        }
    }
    for (unsigned lane = 0; lane < s.columns; lane += WIDE) {
        columns c = {.lane = lane};
        unsigned ones = 0;
        EACH(v) {
            c.consensus[v] = load(consensus + lane + v * LANES);
            c.incentive[v] = load(incentive + lane + v * LANES);
            c.rank[v] = load(rank + lane + v * LANES);
            c.old_sum[v] = load(old + lane + v * LANES);
            ones |= bits(c.consensus[v] == TWO_32);
        }
        const int clipped = e.penalty == 1 && ones == 0;
        if (e.yuma3) {
            if (e.liquid) {
                liquid_alphas(given, of, &c, selected + lane, e.scratch);
            }
            if (e.liquid) {
                bonds_yuma3(&e, &s, &c, 0, 1);
            } else if (clipped) {
                bonds_yuma3(&e, &s, &c, 1, 0);
            } else {
                bonds_yuma3(&e, &s, &c, 0, 0);
            }
        } else if (clipped) {
            bonds_yuma2(&e, &s, &c, 1);
        } else {
            bonds_yuma2(&e, &s, &c, 0);
        }
    }
}

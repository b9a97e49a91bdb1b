/* Sections 6 and 7 of the law, over the entries of a sparse layout, a row after the other; of vector_path.h. What is looked up
 * and added up by column stands in pairs, as the columns of neighbours are somewhere. A row has a column once, so that no two
 * entries of a vector add to one. */

/* Where the vectors of a group of a row are, and what they have in common. */
typedef struct {
    size_t at;
    number consensus[GROUP], selected[GROUP], clipped[GROUP];
} group;

INLINE const uint16_t *columns_of(const vector_rows *m, const group *g, unsigned v) {
    return m->uid + g->at + v * LANES;
}

INLINE group group_at(const vector_rows *m, size_t at, int ones) {
    group g = {.at = at};
    EACH(v) {
        gather_pairs(m->limit, columns_of(m, &g, v), &g.consensus[v], &g.selected[v]);
        g.clipped[v] = clipped_weight(m->weights + at + v * LANES, g.consensus[v], ones);
    }
    return g;
}

/* weights_for_bonds */
INLINE number bought_by_row(const vector_epoch *e, const vector_rows *m, const group *g, unsigned v) {
    return e->penalty == 1 ? g->clipped[v]
                           : weight_for_bonds(e, weight_at(m->weights + g->at + v * LANES), g->consensus[v]);
}

/* w, and b where the liquid EMA has a bond; the distance of its alpha is of those that a merge walk sees. */
INLINE number liquid_by_row(const vector_epoch *e, const vector_rows *m, const group *g, unsigned v, number *bond,
                            number *distance) {
    const size_t at = g->at + v * LANES;
    const words marks = words_from_u16(m->marks + at);
    number w = liquid_weight(e, m->weights + at, m->bonds + at, (mask)((marks & MARK_WEIGHT) != 0), g->consensus[v], bond);
    number seen = where((mask)((marks & MARK_WEIGHT_UNSEEN) == 0), w), held = where((mask)((marks & MARK_BOND_UNSEEN) == 0), *bond);
    *distance = distance_of(seen, held, g->selected[v]);
    return w;
}

INLINE void keep_group(const vector_rows *m, const group *g, const number x[GROUP]) {
    const unsigned set = above_0(x[0], x[1]);
    uint16_t *kept = &m->kept[g->at / SLICE];
    *kept = (uint16_t)(*kept | set << g->at % SLICE);
}

INLINE double sum_of(number x) {
    double sum = 0;
    for (unsigned lane = 0; lane < LANES; lane++) { /* exact in any order */
        sum += x[lane];
    }
    return sum;
}

enum { OF_YUMA2, OF_YUMA3, OF_LIQUID };

/* Section 6, and what section 7 does with the same entries: the EMA of Yuma 3, the distances of the liquid one, the sums of Yuma 2. */
INLINE void clip_rows(const vector_epoch *e, const vector_rows *m, int of, int ones) {
    for (uint32_t r = 0; r < m->rows; r++) {
        const number stake = splat(e->stake[r]);
        number trust = splat(0);
        for (size_t at = m->begin[r], end = of == OF_LIQUID ? m->begin[r + 1] : at + m->count[r]; at < end; at += WIDE) {
            const group g = group_at(m, at, ones);
            number average[GROUP], stored[GROUP];
            EACH(v) {
                number mine = floor_mul(g.clipped[v], stake), other = splat(0);
                trust += g.clipped[v];
                if (of == OF_YUMA3) {
                    stored[v] = ema(e, bought_by_row(e, m, &g, v) + UP, old_bond(m->bonds + at + v * LANES));
                    other = average[v] = stored[v] - UP;
                } else if (of == OF_YUMA2) {
                    other = raised_from_u16(m->bonds + at + v * LANES) - UP;
                } else {
                    number bond;
                    (void)liquid_by_row(e, m, &g, v, &bond, &average[v]);
                }
                add_pairs(m->sums, columns_of(m, &g, v), mine, other);
                if (of == OF_YUMA2 && e->penalty != 1) {
                    add_pairs(m->bought, columns_of(m, &g, v), floor_mul(bought_by_row(e, m, &g, v), stake), splat(0));
                }
                if (of != OF_YUMA2) {
                    VERIFY_CHECK(whole_upto(average[v], splat(TWO_32)));
                    store(m->average + at + v * LANES, average[v]);
                }
            }
            if (of == OF_YUMA3) {
                store_u16(m->bonds + at, stored);
                keep_group(m, &g, average);
            }
        }
        m->trust[r] = sum_of(trust);
    }
}

/* Section 7 of Yuma 3, as if every consensus were 0: ema_bonds and what is stored. Of weights that are clipped nothing is bought then,
 * and the old bonds alone are left. */
INLINE void decay(const vector_epoch *e, const vector_rows *m, int clipped) {
    const factor rest = factor_of(splat(e->rest));
    for (size_t at = 0, end = m->begin[m->rows]; at < end; at += SLICE) {
        unsigned set = 0;
        for (unsigned lane = 0; lane < SLICE; lane += WIDE) {
            number stored[GROUP];
            EACH(v) {
                const size_t entry = at + lane + v * LANES;
                const number old = old_bond(m->bonds + entry);
                if (clipped) {
                    stored[v] = raised_by(old, rest);
                } else {
                    stored[v] = ema(e, weight_for_bonds(e, weight_at(m->weights + entry), splat(0)) + UP, old);
                }
            }
            store_u16(m->bonds + at + lane, stored);
            set |= (bits(stored[0] > UP) | bits(stored[1] > UP) << LANES) << lane;
        }
        m->kept[at / SLICE] = (uint16_t)set;
    }
}

static void PATH(decay)(const vector_epoch *given, const vector_rows *of) {
    const vector_epoch e = *given;
    const vector_rows m = *of;
    e.penalty == 1 ? decay(&e, &m, 1) : decay(&e, &m, 0);
}

static void PATH(clip_rows)(const vector_epoch *given, const vector_rows *of, int ones) {
    const vector_epoch e = *given;
    const vector_rows m = *of;
    if (!e.yuma3) {
        ones ? clip_rows(&e, &m, OF_YUMA2, 1) : clip_rows(&e, &m, OF_YUMA2, 0);
    } else if (e.liquid) {
        ones ? clip_rows(&e, &m, OF_LIQUID, 1) : clip_rows(&e, &m, OF_LIQUID, 0);
    } else {
        ones ? clip_rows(&e, &m, OF_YUMA3, 1) : clip_rows(&e, &m, OF_YUMA3, 0);
    }
}

/* ema_bonds where they need a pass of their own: of Yuma 2, from the sums by column, and the liquid ones, from the alphas. */
INLINE void average_rows(const vector_epoch *e, const vector_rows *m, int liquid) {
    for (uint32_t r = 0; r < m->rows; r++) {
        const number stake = splat(e->stake[r]);
        for (size_t at = m->begin[r], end = at + m->count[r]; at < end; at += WIDE) {
            const group g = group_at(m, at, 1);
            number average[GROUP], stored[GROUP];
            EACH(v) {
                const size_t entry = at + v * LANES;
                if (liquid) {
                    number b, distance, w = liquid_by_row(e, m, &g, v, &b, &distance);
                    average[v] = liquid_ema(load(m->average + entry), w, b);
                    stored[v] = average[v] + UP;
                    add_pairs(m->sums, columns_of(m, &g, v), splat(0), average[v]);
                } else {
                    number rank, new_sum, old_sum, rest, old = raised_from_u16(m->bonds + entry);
                    number new = floor_mul(bought_by_row(e, m, &g, v), stake);
                    gather_pairs(m->sums, columns_of(m, &g, v), &rank, &old_sum);
                    if (e->penalty == 1) {
                        new_sum = rank;
                    } else {
                        gather_pairs(m->bought, columns_of(m, &g, v), &new_sum, &rest);
                    }
                    old = raised_by(old, stored_share(old_sum));
                    average[v] = ema(e, divide(new, divisor_of(new_sum)), old) - UP;
                    add_most(m->totals, columns_of(m, &g, v), average[v]);
                }
                VERIFY_CHECK(whole_upto(average[v], splat(TWO_32)));
                store(m->average + entry, average[v]);
            }
            if (liquid) {
                store_u16(m->bonds + at, stored);
            }
            keep_group(m, &g, average);
        }
    }
}

static void PATH(average_rows)(const vector_epoch *given, const vector_rows *of) {
    const vector_epoch e = *given;
    const vector_rows m = *of;
    if (e.liquid) {
        PATH(alphas)(&e, m.average, ((size_t)m.begin[m.rows] + ALPHAS - 1) / ALPHAS * ALPHAS);
        average_rows(&e, &m, 1);
    } else {
        average_rows(&e, &m, 0);
    }
}

/* column_normalize, what it gives of the dividends, and what Yuma 2 stores, as over slices. */
INLINE void normalize_rows(const vector_rows *m, int yuma2) {
    for (uint32_t r = 0; r < m->rows; r++) {
        words all = (words)splat(0);
        for (size_t at = m->begin[r], end = at + m->count[r]; at < end; at += WIDE) {
            number stored[GROUP];
            EACH(v) {
                const uint16_t *column = m->uid + at + v * LANES;
                number incentive, sum, largest;
                gather_pairs(m->sums, column, &incentive, &sum);
                if (yuma2) {
                    gather_pairs(m->totals, column, &sum, &largest);
                }
                const divisor by_sum = divisor_of(sum);
                number n = divide(load(m->average + at + v * LANES), by_sum);
                all += (words)raised_by(n, factor_of(incentive));
                if (yuma2) {
                    stored[v] = divide(n - UP, divisor_of(divide(largest, by_sum) - UP));
                }
            }
            if (yuma2) {
                store_u16(m->bonds + at, stored);
            }
        }
        uint64_t sum = 0;
        for (unsigned lane = 0; lane < LANES; lane++) {
            sum += all[lane];
        }
        m->dividends[r] = (double)(sum & RAISED_LOW);
    }
}

static void PATH(normalize_rows)(const vector_epoch *e, const vector_rows *of) {
    const vector_rows m = *of;
    e->yuma3 ? normalize_rows(&m, 0) : normalize_rows(&m, 1);
}

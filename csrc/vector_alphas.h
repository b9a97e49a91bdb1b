/* Section 7 of the law, the alphas of the liquid EMA; of vector_path.h. */

enum { VECTORS = ALPHAS / LANES };

/* g of section 7 for a distance. */
INLINE number exponent_of(const vector_epoch *e, number distance) {
    return floor_mul_signed(distance - TWO_32 / 2, splat(e->slope));
}

/* Where high is below low the product is negative, and not a floor: the cut makes low of whatever it is. */
INLINE number alpha_of(const vector_epoch *e, number sigmoid) {
    VERIFY_CHECK(whole_upto(sigmoid, splat(TWO_32)) && e->span == e->high - e->low);
    number alpha = fused(sigmoid, splat(e->span * UNIT), splat(UP)) - UP + e->low;
    return most(least(alpha, splat(e->high)), splat(e->low));
}

INLINE number choose(mask m, number x, number y) {
    return where(m, x) + where(~m, y);
}

/* alpha of section 7 for ALPHAS distances d, in place, by the series. */
static void PATH(exact_alphas)(const vector_epoch *e, double distance[ALPHAS]) {
    number g[VECTORS], a[VECTORS], term[VECTORS], sum[VECTORS];
    mask nonzero;
    EACH_OF(v, VECTORS) {
        g[v] = exponent_of(e, load(distance + v * LANES));
        a[v] = most(g[v], -g[v]);
        term[v] = a[v];
        sum[v] = a[v] + TWO_32;
    }
    for (int i = 2; i <= 31; i++) {
        double by = i * TWO_32; /* term * a >> 32, then / i, is one quotient: of floors of floors */
        number inverse = splat(e->inverse[i]);
        EACH_OF(v, VECTORS) {
            number product = term[v] * a[v];
            number lost = fused(term[v], a[v], -product); /* exact */
            number q = floor_mul(product, inverse);
            number remainder = fused_from(product, q, splat(by)) + lost; /* exact */
            VERIFY_CHECK(all_lanes((mask)(remainder >= 0) & (mask)(remainder < 2 * by) & (mask)(sum[v] < 2 * UP)));
            q = one_more(q, remainder, splat(by));
            term[v] = q;
            sum[v] += q;
        }
        if (i % 4 == 0) {
            nonzero = term[0] != 0;
            for (unsigned v = 1; v < VECTORS; v++) {
                nonzero |= term[v] != 0;
            }
            if (bits(nonzero) == 0) { /* a term of 0 stays 0 */
                break;
            }
        }
    }
    EACH_OF(v, VECTORS) {
        /* A quotient that is rounded downward does not pass a whole number: its floor is that of the quotient. */
        number inverted = TWO_32 * TWO_32 / sum[v] + UP - UP;
        number power = choose(g[v] < 0, inverted, sum[v]);
        power = choose(g[v] == TWO_32, splat(11674931200.0), power);
        store(distance + v * LANES, alpha_of(e, TWO_32 * TWO_32 / (power + TWO_32) + UP - UP));
    }
}

/* Of 2^32 / d, for d from *lower to *upper, what is not above and what is not below it. */
INLINE void invert(number *lower, number *upper) {
    VERIFY_CHECK(all_lanes((mask)(*lower > 0) & (mask)(*lower <= *upper)));
    number q = SIGMOID_NUMERATOR / *upper;
    number t = (*upper - *lower) * (q * UNIT);
    *lower = q;
    *upper = fused(q, t + SIGMOID_MORE_OF_Q, q);
}

/* Whether each of the set is what the law makes of its exponent. */
INLINE int are_alphas(const vector_epoch *e, number alpha, number g, mask set) {
    int right = 1;
    for (unsigned lane = 0; lane < LANES; lane++) {
        int64_t exact = (int64_t)e->low + fixed_mul(fixed_sigmoid((int64_t)g[lane]), (int64_t)e->span);
        exact = fixed_max(fixed_min(exact, (int64_t)e->high), (int64_t)e->low);
        right &= (int64_t)alpha[lane] == exact || set[lane] == 0;
    }
    return right;
}

/* alphas of ALPHAS distances from the bounds of sigmoid.h, in place; open: a lane each, where they leave it open. */
INLINE void bounded_alphas(const vector_epoch *e, double distance[ALPHAS], mask open[VECTORS]) {
    number g[VECTORS], lower[VECTORS], upper[VECTORS];
    mask negative = {0};
    EACH_OF(v, VECTORS) {
        g[v] = exponent_of(e, load(distance + v * LANES));
        negative |= g[v] < 0;
    }
    EACH_OF(v, VECTORS) { /* of the exponential / 2^32 */
        number a = least(most(g[v], -g[v]), splat((double)SIGMOID_UPTO)), y = a * 0x1p-41;
        number p = fused(y, splat(SIGMOID_120TH), splat(SIGMOID_24TH));
        p = fused(y, fused(y, p, splat(SIGMOID_6TH)), splat(0.5));
        p = fused(y, fused(y, p, splat(1)), splat(1));
        lower[v] = p;
        upper[v] = fused(a, splat(SIGMOID_LESS_OF_X * UNIT), splat(SIGMOID_LESS));
    }
    for (unsigned s = 0; s < SIGMOID_SQUARINGS; s++) {
        EACH_OF(v, VECTORS) {
            lower[v] *= lower[v];
        }
    }
    EACH_OF(v, VECTORS) {
        number power = lower[v];
        lower[v] = power - fused(power, splat(SIGMOID_LESS_OF_E), upper[v]);
        upper[v] = power * SIGMOID_MORE_OF_E;
    }
    if (bits(negative) != 0) { /* the inverse, a whole number, / 2^32 */
        EACH_OF(v, VECTORS) {
            number p = lower[v], q = upper[v];
            invert(&p, &q);
            lower[v] = choose(g[v] < 0, (p + UP - UP) * UNIT, lower[v]);
            upper[v] = choose(g[v] < 0, (q + UP - UP) * UNIT, upper[v]);
        }
    }
    EACH_OF(v, VECTORS) {
        number p = lower[v] + 1, q = upper[v] + 1;
        invert(&p, &q);
        p = alpha_of(e, p + UP - UP);
        q = alpha_of(e, q + UP - UP);
        open[v] = (p != q) | (most(g[v], -g[v]) > (double)SIGMOID_UPTO) | (g[v] == TWO_32);
        VERIFY_CHECK(are_alphas(e, p, g[v], ~open[v]));
        store(distance + v * LANES, p);
    }
}

/* Distances that need the series, and where their alphas go. */
typedef struct {
    double distance[2 * ALPHAS];
    size_t place[2 * ALPHAS], count;
} undecided;

/* The first ALPHAS of them, or all. */
static void PATH(settle)(const vector_epoch *e, undecided *u, double *alpha) {
    size_t some = u->count < ALPHAS ? u->count : ALPHAS;
    memset(u->distance + u->count, 0, (2 * ALPHAS - u->count) * sizeof *u->distance);
    PATH(exact_alphas)(e, u->distance);
    for (size_t m = 0; m < some; m++) {
        alpha[u->place[m]] = u->distance[m];
    }
    u->count -= some;
    memcpy(u->distance, u->distance + ALPHAS, u->count * sizeof *u->distance);
    memcpy(u->place, u->place + ALPHAS, u->count * sizeof *u->place);
    VERIFY_CHECK(u->count < ALPHAS);
}

/* alpha of section 7 for `count` distances d, a multiple of ALPHAS, in place. */
static void PATH(alphas)(const vector_epoch *e, double *distance, size_t count) {
    undecided u;
    u.count = 0;
    for (size_t at = 0; at < count; at += ALPHAS) {
        double *block = distance + at, before[ALPHAS];
        mask nonzero = {0}, open[VECTORS];
        EACH_OF(v, VECTORS) {
            nonzero |= load(block + v * LANES) != 0;
        }
        if (bits(nonzero) == 0) { /* as wherever a full penalty meets weights that are not below their bonds */
            EACH_OF(v, VECTORS) {
                store(block + v * LANES, splat(e->alpha_of_0));
            }
            continue;
        }
        memcpy(before, block, sizeof before);
        bounded_alphas(e, block, open);
        EACH_OF(v, VECTORS) {
            unsigned set = bits(open[v]);
            for (unsigned lane = 0; set != 0 && lane < LANES; lane++) { /* without a branch, which could not be predicted */
                u.distance[u.count] = before[v * LANES + lane]; /* below 2 * ALPHAS: before the block there were less than ALPHAS */
                u.place[u.count] = at + v * LANES + lane;
                u.count += set >> lane & 1;
            }
            VERIFY_CHECK(u.count < 2 * ALPHAS);
        }
        if (u.count >= ALPHAS) {
            PATH(settle)(e, &u, distance);
        }
    }
    while (u.count != 0) {
        PATH(settle)(e, &u, distance);
    }
}

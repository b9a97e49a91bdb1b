/* Section 1 of the law in doubles, over the primitives of vector_path.h, which includes this; docs/numerics.md has the proofs. */

/* Vectors that are computed side by side, so that while a division or a sum of one waits the other goes on. Loops over them have
 * to be unrolled, or the vectors are in memory. */
enum { GROUP = 2, WIDE = GROUP * LANES };
#if defined(__clang__)
#define UNROLLED _Pragma("clang loop unroll(full)")
#else
#define UNROLLED _Pragma("GCC unroll 32")
#endif
#define EACH_OF(v, vectors) UNROLLED for (unsigned v = 0; v < (vectors); v++)
#define EACH(v) EACH_OF(v, GROUP)

static const double TWO_32 = 4294967296.0;
static const double UNIT = 1 / 4294967296.0;
/* Added to a number in [0, 2^52), UP leaves no bit below 1, and the number in the low 52; UP_SIGNED leaves no bit below 1 of
 * (-2^51, 2^51). */
static const double UP = 4503599627370496.0;
static const double UP_SIGNED = 6755399441055744.0;

INLINE number load(const double *p) {
    number x;
    memcpy(&x, p, sizeof x);
    return x;
}

INLINE void store(double *p, number x) {
    memcpy(p, &x, sizeof x);
}

INLINE scores load_scores(const uint32_t *p) {
    scores x;
    memcpy(&x, p, sizeof x);
    return x;
}

INLINE number where(mask m, number x) {
    return (number)((mask)x & m);
}

/* ---- what VERIFY_CHECK looks at --------------------------------------------------------------------------------------- */

INLINE int all_lanes(mask m) {
    return bits(m) == (1u << LANES) - 1;
}

/* whole numbers from 0 to `end` <= 2^52 */
INLINE int whole_upto(number x, number end) {
    return all_lanes((mask)(x >= 0) & (mask)(x <= end) & (mask)(x + UP - UP == x));
}

INLINE int is_raised(number x) {
    return all_lanes((mask)(x >= UP) & (mask)(x < 2 * UP));
}

/* Whether each is the law's quotient, raised. */
INLINE int are_quotients(number raised, number x, number by) {
    int right = 1;
    for (unsigned lane = 0; lane < LANES; lane++) {
        right &= (int64_t)(raised[lane] - UP) == fixed_div((int64_t)x[lane], (int64_t)by[lane]);
    }
    return right;
}

INLINE int are_ratios(number raised, const uint16_t *value) {
    int right = 1;
    for (unsigned lane = 0; lane < LANES; lane++) {
        right &= (int64_t)(raised[lane] - UP) == fixed_ratio16(value[lane]);
    }
    return right;
}

/* ---- section 1 ----------------------------------------------------------------------------------------------------------- */

/* UP + floor(x * k): one rounding, downward, to whole numbers. 0 <= x * k < 2^52 */
INLINE number raised_mul(number x, number k) {
    VERIFY_CHECK(all_lanes((mask)(x * k >= 0) & (mask)(x * k < UP)));
    return fused(x, k, splat(UP));
}

INLINE number floor_mul(number x, number k) {
    return raised_mul(x, k) - UP;
}

/* What raised numbers are multiplied by: (UP + x) * k + (UP - UP * k) is UP + x * k, where that difference is exact. */
typedef struct {
    number k, rest;
} factor;

INLINE factor factor_of(number k) {
    VERIFY_CHECK(all_lanes((mask)(UP - UP * k + UP * k == UP) & (mask)(k >= 0)));
    return (factor){k, fused_from(splat(UP), splat(UP), k)};
}

/* UP + floor(x * k) of UP + x */
INLINE number raised_by(number raised, factor f) {
    VERIFY_CHECK(is_raised(raised) && all_lanes((mask)((raised - UP) * f.k < UP)));
    return fused(raised, f.k, f.rest);
}

INLINE number raised_from_u16(const uint16_t *p) {
    return (number)(words_from_u16(p) | (words)splat(UP));
}

INLINE number raised_from_u32(const uint32_t *p) {
    return (number)(words_from_u32(p) | (words)splat(UP));
}

/* UP + x + y of raised numbers, as integers, which are added at once. x + y < 2^52 */
INLINE number raised_sum(number x, number y) {
    number sum = (number)((words)x + (words)y - (words)splat(UP));
    VERIFY_CHECK(is_raised(x) && is_raised(y) && is_raised(sum) && all_lanes((mask)(sum - UP == x - UP + (y - UP))));
    return sum;
}

/* floor(x * k) + floor(y * l) */
INLINE number floor_mul_add(number x, number k, number y, number l) {
    VERIFY_CHECK(all_lanes((mask)(x * k + y * l < UP)));
    return raised_mul(x, k) - 2 * UP + raised_mul(y, l);
}

/* The sum of raised numbers: vector.h. */
INLINE number lowered(words sum) {
    return (number)((sum & RAISED_LOW) | (words)splat(UP)) - UP;
}

/* floor(x * k) for |x * k| < 2^51 */
INLINE number floor_mul_signed(number x, number k) {
    VERIFY_CHECK(all_lanes((mask)(x * k > -UP / 2) & (mask)(x * k < UP / 2)));
    return fused(x, k, splat(UP_SIGNED)) - UP_SIGNED;
}

typedef struct {
    number unit;  /* the divisor / 2^32; of 0, which has only zeros to divide, 1 / 2^32 */
    number below; /* at most 1 / unit, and less by at most 2^-52 of it */
    number above; /* more than 1 / unit, by at most 2^-50 of it */
} divisor;

INLINE number or_one(number x) {
    return x + where(x == 0, splat(1));
}

INLINE divisor divisor_of(number x) {
    VERIFY_CHECK(whole_upto(x, splat(0x1p48)));
    x = or_one(x);
    number below = TWO_32 / x;
    divisor d = {x * UNIT, below, fused(below, splat(0x1p-50), below)};
    /* a fused operation does not round the sign away */
    VERIFY_CHECK(all_lanes((mask)(fused_from(splat(1), d.below, d.unit) >= 0) & (mask)(fused_from(splat(1), d.above, d.unit) < 0)));
    VERIFY_CHECK(all_lanes((mask)(fused(d.above, d.unit, splat(-1)) <= 0x1p-50)));
    return d;
}

/* UP + floor(x * 2^32 / divisor), for integers 0 <= x <= divisor < 2^48. The product with `below` is less than the quotient by
 * less than 1, so that its floor is the quotient's or one less. What it leaves, which is exact, is below 2 units, and has the floor
 * of its own quotient added, which is 0 or 1. */
INLINE number divide(number x, divisor d) {
    VERIFY_CHECK(whole_upto(x, d.unit * TWO_32));
    number q = raised_mul(x, d.below), left = fused_from(x, q - UP, d.unit);
    VERIFY_CHECK(all_lanes((mask)(left >= 0) & (mask)(left < 2 * d.unit)));
    VERIFY_CHECK(are_quotients(fused(left, d.above, q), x, d.unit * TWO_32));
    return fused(left, d.above, q);
}

/* By this a stored value v gives floor(v * 2^32 / sum), for integers 0 <= v <= sum < 2^31, v < 2^16: the product is above the
 * quotient by at most 2^(16 + 32 - 50) / sum, and a fraction of the quotient is at most 1 - 1 / sum. */
INLINE factor stored_share(number sum) {
    return factor_of(divisor_of(sum).above);
}

/* to_u16 of proportions, raised */
INLINE void store_u16(uint16_t *p, const number x[GROUP]) {
    VERIFY_CHECK(whole_upto(x[0] - UP, splat(TWO_32)) && whole_upto(x[1] - UP, splat(TWO_32)));
    const factor f = factor_of(splat(65535 * UNIT));
    low_quarters(p, raised_by(x[0], f), raised_by(x[1], f));
}

INLINE number weight_at(const uint32_t *p) {
    number w = from_u32(p);
    return one_more(w, w, splat(SCORE_ONE));
}

/* The smaller of a weight and its consensus; ones: some consensus is ONE. No weight but ONE reads otherwise than it is, and where
 * the consensus is below ONE, it is below what ONE reads. */
INLINE number clipped_weight(const uint32_t *p, number consensus, int ones) {
    return least(ones ? weight_at(p) : from_u32(p), consensus);
}

/* Adds raised numbers to a row. */
INLINE void add_to_row(uint64_t *table, uint32_t row, number raised) {
    uint64_t *at = table + (size_t)row * ACCUMULATORS;
    words sum;
    memcpy(&sum, at, sizeof sum);
    sum += (words)raised;
    memcpy(at, &sum, sizeof sum);
}

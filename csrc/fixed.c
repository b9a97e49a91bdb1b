/* Section 1 of the law: what is too long to be inline, and the exported names. */
#include "fixed.h"

/* floor((top, next) / d) and the remainder, for top < d and d >= 2^127: a quotient digit of 64 bits. Knuth, volume 2,
 * 4.3.1, algorithm D with digits of 64 bits: the estimate from the upper digit of d is too large by at most 2. */
static uint64_t divide_digit(wide top, uint64_t next, wide d, wide *remainder) {
    uint64_t q, r;
    int carried = 0;
    VERIFY_CHECK(d.hi >> 63 == 1 && wide_less(top, d));
    if (top.hi >= d.hi) { /* top.hi = d.hi, as top < d */
        q = UINT64_MAX;
        r = top.lo + d.hi;
        carried = r < d.hi;
    } else {
        q = wide_div(top, d.hi, &r);
    }
    while (!carried && wide_less((wide){r, next}, wide_mul(q, d.lo))) {
        q--;
        r += d.hi;
        carried = r < d.hi;
    }
    /* (top.lo, next) - q * d modulo 2^128, which holds the true difference in [0, d) */
    wide product = wide_mul(q, d.lo);
    product.hi += q * d.hi;
    *remainder = wide_sub((wide){top.lo, next}, product);
    VERIFY_CHECK(wide_less(*remainder, d));
    return q;
}

/* x * 2^shift modulo 2^128, shift < 64 */
static wide shift_left(wide x, unsigned shift) {
    VERIFY_CHECK(shift < 64);
    return shift == 0 ? x : (wide){x.hi << shift | x.lo >> (64 - shift), x.lo << shift};
}

wide fixed_quotient64(wide a, wide b, int *overflow) {
    wide q;
    *overflow = 0;
    VERIFY_CHECK(b.hi != 0 || b.lo != 0);
    if (b.hi == 0) {
        uint64_t r;
        if (a.hi >= b.lo) {
            *overflow = 1;
            return (wide){0, 0};
        }
        q.hi = wide_div((wide){a.hi, a.lo}, b.lo, &r);
        q.lo = wide_div((wide){r, 0}, b.lo, &r);
        return q;
    }
    unsigned shift = wide_leading_zeros(b.hi);
    wide d = shift_left(b, shift), scaled = shift_left(a, shift), r;
    /* (a << 64) << shift is the digits top, scaled.hi, scaled.lo, 0 with top < 2^shift <= 2^63 <= d.hi */
    uint64_t top = shift == 0 ? 0 : a.hi >> (64 - shift);
    q.hi = divide_digit((wide){top, scaled.hi}, scaled.lo, d, &r);
    q.lo = divide_digit(r, 0, d, &r);
    return q;
}

/* One more term of the series of exp(a): floor(floor(term * a / 2^32) / i), 0 once it is 0. Of term < 2^57.37 and a <= 20 * 2^32,
 * given as a * 2^26, the product of term * 2^6 and that has the first floor, x < 2^61.7, in its upper word. i is a constant
 * wherever this is called. With 2^s < i < 2^(s + 1), 2^(64 + s) / i rounded up makes of x a quotient that is too large by less
 * than x / 2^(64 + s) < 2^-1.3 / i, which does not reach the next whole number. */
static inline uint64_t next_term(uint64_t term, uint64_t raised, uint64_t i) {
    uint64_t x = wide_mul(term << 6, raised).hi;
    unsigned s = 63 - wide_leading_zeros(i);
    VERIFY_CHECK(term <= (uint64_t)1 << 58 && raised <= (uint64_t)20 << 58 && x < (uint64_t)1 << 62);
    if ((i & (i - 1)) == 0) {
        return x >> s;
    }
    uint64_t q = UINT64_MAX / i, rest = UINT64_MAX - q * i + 1; /* 2^64 = q * i + rest */
    uint64_t next = wide_mul(x, (q << s) + (rest << s) / i + 1).hi >> s;
    VERIFY_CHECK(next == x / i);
    return next;
}

/* The terms of the series are below 2^57.37 and their sum below 2^61, at a = 20: nothing overflows (the law). Each waits for the one
 * before it; of four exponents the processor computes them side by side. */
static void add_terms(const uint64_t a[FIXED_FOUR], uint64_t sum[FIXED_FOUR]) {
    uint64_t t0 = a[0], t1 = a[1], t2 = a[2], t3 = a[3], a0 = t0 << 26, a1 = t1 << 26, a2 = t2 << 26, a3 = t3 << 26;
#define TERM(i)                                                                                              \
    (sum[0] += t0 = next_term(t0, a0, i), sum[1] += t1 = next_term(t1, a1, i), sum[2] += t2 = next_term(t2, a2, i), \
     sum[3] += t3 = next_term(t3, a3, i))
#define FIVE_TERMS(i) (TERM(i), TERM((i) + 1), TERM((i) + 2), TERM((i) + 3), TERM((i) + 4), (t0 | t1 | t2 | t3) != 0)
    (void)(FIVE_TERMS(2) && FIVE_TERMS(7) && FIVE_TERMS(12) && FIVE_TERMS(17) && FIVE_TERMS(22) && FIVE_TERMS(27));
#undef FIVE_TERMS
#undef TERM
}

void fixed_exp_safe_four(int64_t x[FIXED_FOUR]) {
    uint64_t a[FIXED_FOUR], sum[FIXED_FOUR];
    for (int k = 0; k < FIXED_FOUR; k++) {
        x[k] = fixed_clamp(x[k], -20 * YUMA_ONE, 20 * YUMA_ONE);
        a[k] = fixed_magnitude(x[k]);
        sum[k] = (uint64_t)YUMA_ONE + a[k];
    }
    add_terms(a, sum);
    for (int k = 0; k < FIXED_FOUR; k++) {
        VERIFY_CHECK(sum[k] >= (uint64_t)YUMA_ONE && sum[k] < (uint64_t)1 << 61);
        if (x[k] == YUMA_ONE) {
            x[k] = FIXED_EXP_OF_ONE;
        } else {
            x[k] = (int64_t)(x[k] < 0 ? fixed_inverse(sum[k]) : sum[k]); /* of 0: ONE */
        }
    }
}

int64_t fixed_exp_safe(int64_t x) {
    int64_t four[FIXED_FOUR] = {x};
    fixed_exp_safe_four(four);
    return four[0];
}

int64_t yuma_add(int64_t a, int64_t b) {
    return fixed_add(a, b);
}

int64_t yuma_sub(int64_t a, int64_t b) {
    return fixed_sub(a, b);
}

int64_t yuma_mul(int64_t a, int64_t b) {
    return fixed_mul(a, b);
}

int64_t yuma_mul_checked(int64_t a, int64_t b) {
    return fixed_mul_checked(a, b);
}

int64_t yuma_div(int64_t a, int64_t b) {
    return fixed_div(a, b);
}

int64_t yuma_sdiv(int64_t a, int64_t b) {
    return fixed_sdiv(a, b);
}

int64_t yuma_ratio16(uint16_t value) {
    return fixed_ratio16(value);
}

uint16_t yuma_to_u16(int64_t x) {
    return fixed_to_u16(x);
}

int64_t yuma_exp_safe(int64_t x) {
    return fixed_exp_safe(x);
}

int64_t yuma_to_i32f32(const uint64_t x[2]) {
    return fixed_from_i64f64((wide){x[1], x[0]});
}

static wide magnitude64(wide x, int *negative) {
    *negative = (int64_t)x.hi < 0;
    return *negative ? wide_sub((wide){0, 0}, x) : x;
}

void yuma_div64(const uint64_t a[2], const uint64_t b[2], uint64_t q[2]) {
    int a_negative, b_negative, overflow;
    wide x = magnitude64((wide){a[1], a[0]}, &a_negative);
    wide y = magnitude64((wide){b[1], b[0]}, &b_negative);
    int negative = a_negative != b_negative;
    wide magnitude = {0, 0};
    overflow = y.hi == 0 && y.lo == 0;
    if (!overflow) {
        magnitude = fixed_quotient64(x, y, &overflow);
    }
    wide largest = {(uint64_t)INT64_MAX + (uint64_t)negative, negative ? 0 : UINT64_MAX};
    if (overflow || wide_less(largest, magnitude)) {
        magnitude = (wide){0, 0};
    }
    wide quotient = negative ? wide_sub((wide){0, 0}, magnitude) : magnitude;
    q[0] = quotient.lo;
    q[1] = quotient.hi;
}

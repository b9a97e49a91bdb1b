/* Section 1 of the law: I32F32 in an int64_t, I64F64 in two words. Every function takes any operand unless it states a
 * range, and none of them has undefined behaviour on any input. */
#ifndef YUMA_FIXED_H
#define YUMA_FIXED_H

#include <stdint.h>

#include "wide.h"
#include "yuma.h"

/* e cut to 23 fractional bits, as the chain has it. */
#define FIXED_EXP_OF_ONE INT64_C(11674931200)

/* |x| without overflow for INT64_MIN. */
static inline uint64_t fixed_magnitude(int64_t x) {
    return x < 0 ? (uint64_t)0 - (uint64_t)x : (uint64_t)x;
}

static inline int64_t fixed_min(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static inline int64_t fixed_max(int64_t a, int64_t b) {
    return a > b ? a : b;
}

/* low <= high */
static inline int64_t fixed_clamp(int64_t x, int64_t low, int64_t high) {
    VERIFY_CHECK(low <= high);
    return fixed_max(low, fixed_min(x, high));
}

static inline int64_t fixed_add(int64_t a, int64_t b) {
    if (b > 0 && a > INT64_MAX - b) {
        return INT64_MAX;
    }
    if (b < 0 && a < INT64_MIN - b) {
        return INT64_MIN;
    }
    return a + b;
}

static inline int64_t fixed_sub(int64_t a, int64_t b) {
    if (b < 0 && a > INT64_MAX + b) {
        return INT64_MAX;
    }
    if (b > 0 && a < INT64_MIN + b) {
        return INT64_MIN;
    }
    return a - b;
}

/* (a * b) >> 32 of the exact product. Where it does not fit: *overflow is its sign, the result is undefined. */
static inline int64_t fixed_product(int64_t a, int64_t b, int *overflow) {
    wide p = wide_mul_signed(a, b);
    int64_t high = (int64_t)p.hi; /* |high| <= 2^62 */
    *overflow = high > INT32_MAX ? 1 : high < INT32_MIN ? -1 : 0;
    return (int64_t)(p.hi << 32 | p.lo >> 32);
}

static inline int64_t fixed_mul(int64_t a, int64_t b) {
    int overflow;
    int64_t p = fixed_product(a, b, &overflow);
    return overflow == 0 ? p : overflow > 0 ? INT64_MAX : INT64_MIN;
}

/* The same for a in [0, 2^32] and b >= 0: a * (b mod 2^32) is below 2^64, and nothing leaves the range. */
static inline int64_t fixed_mul_share(int64_t a, int64_t b) {
    uint64_t x = (uint64_t)a, y = (uint64_t)b;
    VERIFY_CHECK(a >= 0 && a <= YUMA_ONE && b >= 0);
    int64_t p = (int64_t)(x * (y >> 32) + (x * (y & UINT32_MAX) >> 32));
    VERIFY_CHECK(p == fixed_mul(a, b));
    return p;
}

static inline int64_t fixed_mul_checked(int64_t a, int64_t b) {
    int overflow;
    int64_t p = fixed_product(a, b, &overflow);
    return overflow == 0 ? p : 0;
}

/* (a << 32) /t b of the exact numerator, b != 0. Where it does not fit: *overflow is its sign, the result is undefined. */
static inline int64_t fixed_quotient(int64_t a, int64_t b, int *overflow) {
    uint64_t x = fixed_magnitude(a), y = fixed_magnitude(b);
    int negative = (a < 0) != (b < 0);
    VERIFY_CHECK(b != 0);
    if (((x | y) & UINT32_MAX) == 0) { /* whole numbers, as stored values are: 2^32 cancels, and one word will do */
        x >>= 32;
        y >>= 32;
    }
    wide numerator = {x >> 32, x << 32};
    uint64_t q, remainder;
    *overflow = negative ? -1 : 1;
    if (numerator.hi == 0) {
        q = numerator.lo / y;
    } else if (numerator.hi < y) {
        q = wide_div(numerator, y, &remainder);
    } else {
        return 0; /* at least 2^64 */
    }
    if (q > (uint64_t)INT64_MAX + (uint64_t)negative) {
        return 0;
    }
    *overflow = 0;
    return (int64_t)(negative ? (uint64_t)0 - q : q);
}

/* 0 where b = 0, and 0 where the quotient does not fit. */
static inline int64_t fixed_div(int64_t a, int64_t b) {
    int overflow;
    int64_t q = b == 0 ? 0 : fixed_quotient(a, b, &overflow);
    return q; /* fixed_quotient gives 0 on overflow */
}

/* What many are divided by. Whole numbers lose their factor 2^32, so that stored values and proportions are divided alike. */
typedef struct {
    int64_t b;
    uint64_t reciprocal; /* floor((2^64 - 1) / y), where y is b without that factor */
} fixed_divisor;

static inline unsigned fixed_shift(int64_t b) {
    return (b & (int64_t)UINT32_MAX) == 0 ? 32 : 0;
}

/* b >= 0; of 0, which has only zeros to divide, as of 1 */
static inline fixed_divisor fixed_divisor_of(int64_t b) {
    VERIFY_CHECK(b >= 0);
    b = b == 0 ? 1 : b;
    return (fixed_divisor){b, UINT64_MAX / ((uint64_t)b >> fixed_shift(b))};
}

/* fixed_div(a, d.b) for 0 <= a <= d.b. With x <= y, x <= 2^32 and r = floor((2^64 - 1) / y), x * r is
 * below 2^64, and below x * 2^64 / y by at most x <= 2^32: q is the quotient or one less, and what is left of x * 2^32, modulo
 * 2^64 but below 2 * y, tells which. */
static inline int64_t fixed_div_by(int64_t a, fixed_divisor d) {
    unsigned shift = fixed_shift(d.b);
    uint64_t x = (uint64_t)a >> shift, y = (uint64_t)d.b >> shift;
    VERIFY_CHECK(a >= 0 && a <= d.b);
    if (x > (uint64_t)YUMA_ONE || x << shift != (uint64_t)a) {
        return fixed_div(a, d.b);
    }
    uint64_t q = x * d.reciprocal >> 32, rest = (x << 32) - q * y;
    VERIFY_CHECK(rest < 2 * y);
    VERIFY_CHECK((int64_t)(q + (rest >= y)) == fixed_div(a, d.b));
    return (int64_t)(q + (rest >= y));
}

/* The same for 0 <= a <= 2 * ONE, a <= b and 1 <= b < 2^62, without a branch: reciprocal is floor((2^64 - 1) / b). The bound above
 * does not need that b has lost a factor; a * reciprocal falls short by at most a <= 2^33, so that q is the quotient or up to two
 * less, and what is left is below 3 * b. */
static inline int64_t fixed_share_of(int64_t a, int64_t b, uint64_t reciprocal) {
    uint64_t x = (uint64_t)a, y = (uint64_t)b, q = x * reciprocal >> 32, rest = (x << 32) - q * y;
    VERIFY_CHECK(a >= 0 && a <= 2 * YUMA_ONE && a <= b && b >= 1 && b >> 62 == 0 && rest < 3 * y);
    q += (uint64_t)(rest >= y) + (rest >= 2 * y);
    VERIFY_CHECK((int64_t)q == fixed_div(a, b));
    return (int64_t)q;
}

/* A sum of stake, of which many are parts: at least 2^97 and below 2^127. */
typedef struct {
    wide sum;
    uint64_t reciprocal; /* floor(2^(63 + b) / (sum.hi + 1)), where b is the index of the highest one bit of sum.hi + 1 */
    unsigned fraction;   /* b - 33 */
} fixed_whole;

static inline int fixed_is_whole(wide sum) {
    return sum.hi >> 32 >> 1 != 0 && sum.hi >> 63 == 0;
}

static inline fixed_whole fixed_whole_of(wide sum) {
    VERIFY_CHECK(fixed_is_whole(sum));
    uint64_t d = sum.hi + 1, rest;
    unsigned b = 63 - wide_leading_zeros(d);
    return (fixed_whole){sum, wide_div((wide){(uint64_t)1 << (b - 1), 0}, d, &rest), b - 32 - 1};
}

/* floor((a << 32) / sum) for a <= sum: a proportion. With f fractional bits, v = a * 2^(32 + f) / sum is estimated from the upper
 * words alone, a.hi for a and d = sum.hi + 1 for sum, which makes it too small by less than 2^(32 + f) * 2 / (sum / 2^64) =
 * 2^b / (sum / 2^64) <= 1 + 2^-33; the reciprocal cut to a whole number takes less than 1/2, the product cut to its upper word less
 * than 1: e <= v < e + 3. Where the fraction of e leaves it open whether v passes a whole quotient, which is the next one or, with f =
 * 0, the second, what is left of a * 2^32 tells, modulo 2^128 but below 2 * sum, or with f = 0, where sum is below 2^98, 3 * sum. */
static inline int64_t fixed_part_of(wide a, const fixed_whole *w) {
    uint64_t e = wide_mul(a.hi, w->reciprocal).hi, q = e >> w->fraction, ones = ((uint64_t)1 << w->fraction) - 1;
    VERIFY_CHECK(!wide_less(w->sum, a));
    if ((e & ones) + 3 > ones) {
        wide product = wide_mul(q, w->sum.lo);
        product.hi += q * w->sum.hi;
        wide rest = wide_sub((wide){a.hi << 32 | a.lo >> 32, a.lo << 32}, product);
        for (; !wide_less(rest, w->sum); q++) {
            rest = wide_sub(rest, w->sum);
        }
    }
    return (int64_t)q;
}

/* floor(2^64 / x), x >= 2: 2^64 = q * x + (rest + 1) */
static inline uint64_t fixed_inverse(uint64_t x) {
    VERIFY_CHECK(x >= 2);
    uint64_t q = UINT64_MAX / x, rest = UINT64_MAX - q * x;
    return q + (rest == x - 1);
}

/* Clamped where the quotient does not fit. The law never divides by 0 here; this gives 0. */
static inline int64_t fixed_sdiv(int64_t a, int64_t b) {
    if (b == 0) {
        return 0;
    }
    int overflow;
    int64_t q = fixed_quotient(a, b, &overflow);
    return overflow == 0 ? q : overflow > 0 ? INT64_MAX : INT64_MIN;
}

static inline int64_t fixed_ratio16(uint16_t value) {
    return (int64_t)(((uint64_t)value << 32) / 65535);
}

static inline uint16_t fixed_to_u16(int64_t x) {
    if (x >= 0 && x <= (int64_t)1 << 32) { /* the same of a proportion: nothing to clamp, and a product below 2^48 */
        return (uint16_t)((uint64_t)x * 65535 >> 32);
    }
    return (uint16_t)fixed_clamp(fixed_mul(x, (int64_t)65535 << 32) >> 32, 0, 65535);
}

/* I64F64 bits to I32F32: floor, clamped. */
static inline int64_t fixed_from_i64f64(wide x) {
    int64_t high = (int64_t)x.hi;
    if (high > INT32_MAX) {
        return INT64_MAX;
    }
    if (high < INT32_MIN) {
        return INT64_MIN;
    }
    return (int64_t)(x.hi << 32 | x.lo >> 32);
}

/* floor((a << 64) / b) of unsigned a and b, b != 0. Where that is 2^128 or more: *overflow is 1, the result 0. */
wide fixed_quotient64(wide a, wide b, int *overflow);

int64_t fixed_exp_safe(int64_t x);

/* The sigmoid of section 7, as the law has it. */
static inline int64_t fixed_sigmoid(int64_t g) {
    return fixed_sdiv(YUMA_ONE, fixed_add(YUMA_ONE, fixed_exp_safe(g)));
}

enum { FIXED_FOUR = 4 };

/* Of each, in place. */
void fixed_exp_safe_four(int64_t x[FIXED_FOUR]);

#endif

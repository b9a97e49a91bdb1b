/* 64 x 64 -> 128 multiplication and 128 / 64 -> 64 division, in two representations behind one interface: the compiler's
 * __int128, and two 64-bit limbs for compilers without it. YUMA_NO_INT128 forces the second, so that both are tested on
 * one machine. */
#ifndef YUMA_WIDE_H
#define YUMA_WIDE_H

#include <stdint.h>

#include "assumptions.h"
#include "verify.h"

#if defined(__SIZEOF_INT128__) && !defined(YUMA_NO_INT128)
#define YUMA_HAVE_INT128 1
__extension__ typedef unsigned __int128 wide_native;
#else
#define YUMA_HAVE_INT128 0
#endif

/* hi * 2^64 + lo */
typedef struct {
    uint64_t hi, lo;
} wide;

/* The number of zero bits above the highest one bit. x != 0. */
static inline unsigned wide_leading_zeros(uint64_t x) {
    VERIFY_CHECK(x != 0);
#if defined(__GNUC__)
    return (unsigned)__builtin_clzll(x);
#else
    unsigned zeros = 0;
    for (unsigned step = 32; step != 0; step >>= 1) {
        if (x >> (64 - step) == 0) {
            x <<= step;
            zeros += step;
        }
    }
    return zeros;
#endif
}

/* The exact product. */
static inline wide wide_mul(uint64_t a, uint64_t b) {
#if YUMA_HAVE_INT128
    wide_native p = (wide_native)a * b;
    return (wide){(uint64_t)(p >> 64), (uint64_t)p};
#else
    uint64_t a1 = a >> 32, a0 = a & UINT32_MAX, b1 = b >> 32, b0 = b & UINT32_MAX;
    uint64_t low = a0 * b0;
    /* (2^32 - 1)^2 + 2 * (2^32 - 1) = 2^64 - 1: neither sum overflows */
    uint64_t middle = a1 * b0 + (low >> 32);
    uint64_t other = a0 * b1 + (middle & UINT32_MAX);
    return (wide){a1 * b1 + (middle >> 32) + (other >> 32), other << 32 | (low & UINT32_MAX)};
#endif
}

/* a + b; the caller knows that it is below 2^128. */
static inline wide wide_add(wide a, wide b) {
    wide sum = {a.hi + b.hi, a.lo + b.lo};
    sum.hi += sum.lo < b.lo;
    VERIFY_CHECK(sum.hi > a.hi || (sum.hi == a.hi && sum.lo >= a.lo));
    return sum;
}

/* a - b, modulo 2^128. */
static inline wide wide_sub(wide a, wide b) {
    return (wide){a.hi - b.hi - (a.lo < b.lo), a.lo - b.lo};
}

static inline int wide_less(wide a, wide b) {
    return a.hi < b.hi || (a.hi == b.hi && a.lo < b.lo);
}

/* floor(n / d) and the remainder. n.hi < d, so that the quotient fits 64 bits. */
static inline uint64_t wide_div(wide n, uint64_t d, uint64_t *remainder) {
    VERIFY_CHECK(n.hi < d);
#if YUMA_HAVE_INT128
    wide_native numerator = (wide_native)n.hi << 64 | n.lo;
    uint64_t q = (uint64_t)(numerator / d);
    *remainder = n.lo - q * d; /* modulo 2^64, which holds it */
    VERIFY_CHECK(*remainder < d);
    return q;
#else
    /* Knuth, volume 2, 4.3.1, algorithm D with two digits of 32 bits. After the shift the divisor is at least 2^63, so an
     * estimate from its upper digit is too large by at most 2. */
    unsigned shift = wide_leading_zeros(d);
    d <<= shift;
    uint64_t top = shift == 0 ? n.hi : n.hi << shift | n.lo >> (64 - shift);
    uint64_t low = n.lo << shift;
    uint64_t d1 = d >> 32, d0 = d & UINT32_MAX;
#if defined(__clang_analyzer__)
    if (d1 == 0) { /* it does not know that the shift leaves no zero at the top */
        __builtin_unreachable();
    }
#endif
    uint64_t quotient = 0;
    for (int digit = 1; digit >= 0; digit--) {
        uint64_t next = digit == 1 ? low >> 32 : low & UINT32_MAX;
        uint64_t q = top / d1, r = top % d1;
        while (q > UINT32_MAX || q * d0 > (r << 32 | next)) {
            q--;
            r += d1;
            if (r > UINT32_MAX) {
                break;
            }
        }
        top = (top << 32 | next) - q * d; /* modulo 2^64: the true difference is in [0, d) */
        quotient = quotient << 32 | q;
    }
    VERIFY_CHECK(top < d);
    *remainder = top >> shift;
    return quotient;
#endif
}

/* The exact product of signed numbers, as the bits of a two's complement 128-bit integer. */
static inline wide wide_mul_signed(int64_t a, int64_t b) {
#if YUMA_HAVE_INT128
    __extension__ typedef __int128 signed_native;
    signed_native p = (signed_native)a * b;
    return (wide){(uint64_t)(p >> 64), (uint64_t)p};
#else
    /* As unsigned, a negative a stands for a + 2^64, which adds b * 2^64 to the product; and the same for b. */
    wide p = wide_mul((uint64_t)a, (uint64_t)b);
    p.hi -= (a < 0 ? (uint64_t)b : 0) + (b < 0 ? (uint64_t)a : 0);
    return p;
#endif
}

#endif

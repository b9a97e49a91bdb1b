/* The formulas of the vector code that stand on floating point rounded downward, against 128-bit integers. M is 2^52,
 * where doubles are 1 apart, so that adding it to a number and rounding downward takes the floor:
 *
 *   floor_mul(x, k) = fma(x, k * 2^-32, M) - M is floor(x * k / 2^32), for 0 <= x, k <= 2^32;
 *   raised_by(M + x, k) = fma(M + x, k, M - M * k) is M + floor(x * k), where M - M * k is exact: for k from 1 on, and for whole
 *   numbers of 2^-32 up to 1;
 *   divide(x, s) is floor(x * 2^32 / s), for 0 <= x <= s, 1 <= s <= 2^47: an estimate from the reciprocal rounded downward, which
 *   is the quotient or one less, and of what it leaves, which is exact, the floor of a quotient that is 0 or 1;
 *   share(v, s) = raised_by(M + v, k) with k = r + r * 2^-50 is the same for v < 2^16 and s < 2^31: k is above 2^32 / s, and by so
 *   little that v * k passes no whole number;
 *   to_u16(x) and ratio16(v), for every one of the 65,536 results.
 *
 * Every operand of small formats that integers emulate, and edges and random operands of double itself. To be compiled with
 * -frounding-math -ffp-contract=off; with -mfma it tests the instruction, else the fma of libm. */
#include <fenv.h>
#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>

static uint64_t checks, failures;

static void check(int holds, const char *what, uint64_t a, uint64_t b) {
    checks++;
    if (!holds && failures++ < 20) {
        fprintf(stderr, "%s: %" PRIu64 ", %" PRIu64 "\n", what, a, b);
    }
}

/* ---- in doubles --------------------------------------------------------------------------------------------------------- */

#define M 0x1p52

static double floor_mul(double x, double k) {
    return fma(x, k * 0x1p-32, M) - M;
}

static double raised_by(double raised, double k) {
    return fma(raised, k, M - M * k);
}

static double divide(double x, double s) {
    double below = 0x1p32 / s, above = fma(below, 0x1p-50, below), t = s * 0x1p-32;
    double q = fma(x, below, M);
    double left = fma(-(q - M), t, x);
    return fma(left, above, q) - M;
}

static double share(double v, double s) {
    double r = 0x1p32 / s;
    return raised_by(M + v, fma(r, 0x1p-50, r)) - M;
}

__extension__ typedef unsigned __int128 u128;

static void check_floor_mul(uint64_t x, uint64_t k) {
    double product = (double)(uint64_t)((u128)x * k >> 32);
    check(floor_mul((double)x, (double)k) == product, "floor_mul", x, k);
    check(raised_by(M + (double)x, (double)k * 0x1p-32) - M == product, "raised_by", x, k);
}

/* About each proportion at which to_u16 gets one more, and of each stored bond. */
static void check_u16(void) {
    for (uint64_t v = 0; v < 65536; v++) {
        uint64_t first = ((v << 32) + 65534) / 65535;
        for (uint64_t x = first == 0 ? 0 : first - 1; x <= first + 1 && x <= (uint64_t)1 << 32; x++) {
            double stored = raised_by(M + (double)x, 65535 * 0x1p-32) - M;
            check(stored == (double)(x * 65535 >> 32), "to_u16", x, v);
        }
        check(raised_by(M + (double)v, 0x1.0001000100011p+16) - M == (double)((v << 32) / 65535), "ratio16", v, 0);
    }
}

static void check_divide(uint64_t x, uint64_t s) {
    if (s >= 1 && s <= (uint64_t)1 << 47 && x <= s) {
        check(divide((double)x, (double)s) == (double)(uint64_t)(((u128)x << 32) / s), "divide", x, s);
    }
}

static void check_share(uint64_t v, uint64_t s) {
    if (s >= 1 && v <= s && v < 65536) {
        check(share((double)v, (double)s) == (double)((v << 32) / s), "share", v, s);
    }
}

static uint64_t state;

static uint64_t random_bits(void) { /* splitmix64 */
    uint64_t z = state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* The x around those with a quotient of exactly q: x * 2^32 / s is q at x = q * s / 2^32. */
static void check_around_quotient(uint64_t q, uint64_t s) {
    uint64_t x = (uint64_t)((u128)q * s >> 32);
    for (uint64_t d = 0; d <= 3; d++) {
        check_divide(x + d - 1, s); /* where that is below 0 it is above s */
    }
}

static void check_divisor(uint64_t s) {
    const uint64_t one = (uint64_t)1 << 32;
    check_divide(0, s);
    check_divide(1, s);
    check_divide(s, s);
    check_divide(s - 1, s);
    check_divide(s / 2, s);
    check_divide(s / 2 + 1, s);
    check_divide(one, s);
    check_around_quotient(1, s);
    check_around_quotient(one - 1, s);
    for (int i = 0; i < 16; i++) {
        check_around_quotient(random_bits() >> 32 >> random_bits() % 32, s);
        check_divide(s != 0 ? random_bits() % s : 0, s);
    }
}

/* Of every value the sums next to where its quotient is whole and where it is nearest below a whole number. */
static void check_shares(void) {
    for (uint64_t v = 1; v < 65536; v++) {
        check_share(v, v);
        check_share(v, ((uint64_t)1 << 31) - 1);
        for (int i = 0; i < 24; i++) {
            uint64_t q = random_bits() >> 32 >> random_bits() % 31, s = q == 0 ? v : (v << 32) / q;
            if (s >= 2 && s < (uint64_t)1 << 31) {
                check_share(v, s - 1);
                check_share(v, s);
                check_share(v, s + 1);
            }
            check_share(v, random_bits() >> 33 >> random_bits() % 31);
        }
    }
    for (uint64_t s = 1; s < 2000; s++) { /* every value of small sums, and of the largest */
        for (uint64_t v = 0; v <= s; v++) {
            check_share(v, s);
        }
        for (uint64_t v = 65535; v > 65000; v--) {
            check_share(v, ((uint64_t)1 << 31) - s);
        }
    }
}

static void check_doubles(void) {
    static uint64_t edges[64 * 8];
    size_t count = 0;
    const uint64_t one = (uint64_t)1 << 32;
    for (int power = 0; power <= 32; power++) {
        for (int step = -3; step <= 3; step++) {
            uint64_t x = ((uint64_t)1 << power) + (uint64_t)(int64_t)step;
            if (x <= one) {
                edges[count++] = x;
            }
        }
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < count; j++) {
            check_floor_mul(edges[i], edges[j]);
        }
    }
    for (int i = 0; i < 2000000; i++) {
        uint64_t x = random_bits() >> 32 >> random_bits() % 32, k = random_bits() >> 32 >> random_bits() % 32;
        check_floor_mul(x, k);
        check_floor_mul(edges[(size_t)i % count], k);
        if (x != 0) { /* the product just below, at and above a multiple of 2^32 */
            uint64_t whole = (k % x << 32) / x;
            check_floor_mul(x, whole);
            check_floor_mul(x, whole + 1);
        }
    }
    for (int power = 0; power <= 47; power++) {
        for (int step = -64; step <= 64; step++) {
            check_divisor(((uint64_t)1 << power) + (uint64_t)(int64_t)step);
        }
    }
    for (int i = 0; i < 60000; i++) {
        uint64_t s = random_bits() >> 16 >> random_bits() % 47;
        check_divisor(s);
        check_divisor(s * 65535); /* sums of stored values */
        check_divisor((s | (uint64_t)1 << 46) & (((uint64_t)1 << 47) - 1));
    }
    for (int i = 0; i < 2000000; i++) { /* sums of about ONE, of which shares and rows are made */
        uint64_t s = one - random_bits() % 40000;
        check_divide(random_bits() % (s + 1), s);
    }
}

/* ---- in a small format: a significand of p bits, in integers -------------------------------------------------------------- */

/* n / 2^shift * 2^e for a dyadic n, cut to p bits downward (n >= 0): numbers are held as integers over 2^FRACTION. */
static u128 down(u128 n, unsigned p) {
    unsigned bits = 0;
    for (u128 rest = n; rest != 0; rest >>= 1) {
        bits++;
    }
    unsigned cut = bits > p ? bits - p : 0;
    return n >> cut << cut;
}

/* p bits of significand stand for 53, `unit` for the 32 of ONE, `most` for the 47 of the largest divisor and p - 3 for 50; M is
 * 2^(p - 1). The domain needs unit + 2 <= p and most <= p - 4, as 32 and 47 beside 53 have. Every number is an integer over
 * 2^fraction: 1/s has a reciprocal of p bits no further down than most + p, and what is above it by a part of 2^-(p - 3) none
 * further down than most + 2 * p. */
static void check_small(unsigned p, unsigned unit, unsigned most) {
    unsigned fraction = most + 2 * p;
    u128 m = (u128)1 << (p - 1 + fraction), scale = (u128)1 << fraction;
    for (uint64_t x = 0; x <= (uint64_t)1 << unit; x++) {
        for (uint64_t k = 0; k <= (uint64_t)1 << unit; k++) {
            u128 sum = m + ((u128)x * k << (fraction - unit));
            check((uint64_t)((u128)(down(sum, p) - m) / scale) == x * k >> unit, "small floor_mul", x, k);
        }
    }
    for (uint64_t s = 1; s <= (uint64_t)1 << most; s++) {
        u128 below = down(((u128)1 << (unit + fraction)) / s, p), above = down(below + (below >> (p - 3)), p);
        for (uint64_t x = 0; x <= s; x++) {
            uint64_t q = (uint64_t)((down(m + x * below, p) - m) / scale);
            /* x - q * s / 2^unit, times 2^unit: exact in p bits if its magnitude is below 2^p */
            int64_t left = (int64_t)(x << unit) - (int64_t)(q * s);
            check(left >= 0 && left < (int64_t)1 << p, "small remainder", x, s);
            u128 sum = ((m + q * scale) << unit) + (u128)(uint64_t)left * above;
            uint64_t quotient = (uint64_t)((down(sum, p) >> unit) / scale) - ((uint64_t)1 << (p - 1));
            check(quotient == (x << unit) / s, "small divide", x, s);
        }
    }
}

/* The same of share: `bits` stand for the 16 of a value, `most` for the 31 of a sum, and p - 3 for 50. As 16 + 32 + 5 is 53, so
 * has bits + unit + 5 to be p. */
static void check_small_share(unsigned p, unsigned unit, unsigned bits, unsigned most) {
    unsigned fraction = most + 2 * p;
    u128 m = (u128)1 << (p - 1 + fraction), scale = (u128)1 << fraction;
    for (uint64_t s = 1; s < (uint64_t)1 << most; s++) {
        u128 r = down(((u128)1 << (unit + fraction)) / s, p), k = down(r + (r >> (p - 3)), p);
        for (uint64_t v = 0; v <= s && v < (uint64_t)1 << bits; v++) {
            uint64_t q = (uint64_t)((down(m + v * k, p) - m) / scale);
            check(q == (v << unit) / s, "small share", v, s);
        }
    }
}

int main(void) {
#if defined(__FMA__) && defined(__GNUC__)
    if (!__builtin_cpu_supports("fma")) {
        printf("rounding: skipped, this machine has no FMA\n");
        return 0;
    }
#endif
    if (fesetround(FE_DOWNWARD) != 0) {
        printf("rounding: skipped, this machine does not round downward\n");
        return 0;
    }
    volatile double one = 1, tiny = 0x1p-60;
    check(one - tiny == 1 - 0x1p-53 && fma(one, -tiny, one) == 1 - 0x1p-53, "rounding downward", 0, 0);
    check_doubles();
    check_shares();
    check_u16();
    printf("rounding: %" PRIu64 " cases in doubles\n", checks);
    check_small(16, 8, 12);
    check_small(15, 8, 11);
    check_small(14, 7, 10);
    check_small(13, 4, 9);
    check_small_share(16, 6, 5, 12);
    check_small_share(15, 7, 3, 14);
    check_small_share(14, 5, 4, 10);
    check_small_share(13, 3, 5, 12);
    printf("rounding: %" PRIu64 " checks, %" PRIu64 " failed\n", checks, failures);
    return failures != 0;
}

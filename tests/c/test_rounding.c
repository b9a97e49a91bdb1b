/* The arithmetic in doubles rounded downward, against 128-bit integers: the primitives of csrc/vector_path.h themselves, compiled
 * as the kernel has them for the instruction set that is defined: ROUNDING_AVX2, ROUNDING_AVX512 or ROUNDING_NEON. They are
 * vector_path.h's words for
 *
 *   floor_mul, raised_by, floor_mul_add, floor_mul_signed   floor(x * k / 2^32), of proportions, of sums and of differences;
 *   divide                                                  floor(x * 2^32 / s), for 0 <= x <= s, 1 <= s <= 2^47;
 *   stored_share                                            the same for v < 2^16 and s < 2^31 by one product;
 *   old_bond, store_u16                                     ratio16 and to_u16, every one of their 65,536 results;
 *   invert                                                  bounds of 2^32 / d.
 *
 * Edges, operands at random, and those of solved.h. Then the formulas once more, for every operand of small formats that integers
 * emulate: that is of the proof, and of no machine. */
#if defined(ROUNDING_AVX2)
#include "../../csrc/vector_avx2.c"
#elif defined(ROUNDING_AVX512)
#include "../../csrc/vector_avx512.c"
#else
#include "../../csrc/vector_neon.c"
#endif

#include <fenv.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "solved.h"

static uint64_t checks, failures;

static void check(int holds, const char *what, uint64_t a, uint64_t b) {
    checks++;
    if (!holds && failures++ < 20) {
        fprintf(stderr, "%s: %" PRIu64 ", %" PRIu64 "\n", what, a, b);
    }
}

#if defined(ISA)

#if defined(__clang__) && defined(ROUNDING_AVX2)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#elif defined(__clang__) && defined(ROUNDING_AVX512)
#pragma clang attribute push(__attribute__((target("avx2,fma,avx512f,avx512bw,avx512dq,avx512vl"))), apply_to = function)
#elif defined(ROUNDING_AVX2)
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#elif defined(ROUNDING_AVX512)
#pragma GCC push_options
#pragma GCC target("avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,prefer-vector-width=512")
#endif

__extension__ typedef unsigned __int128 u128;

#define ONE ((uint64_t)1 << 32)

/* ---- operands wait until they fill a vector ------------------------------------------------------------------------------- */

typedef struct {
    uint64_t a[LANES], b[LANES];
    unsigned count;
} waiting;

/* Whether there are enough; what is missing at the end is the first once more. */
static int filled(waiting *w, uint64_t a, uint64_t b) {
    w->a[w->count] = a;
    w->b[w->count++] = b;
    if (w->count < LANES) {
        return 0;
    }
    w->count = 0;
    return 1;
}

static number numbers(const uint64_t x[LANES], double unit) {
    double all[LANES];
    for (unsigned lane = 0; lane < LANES; lane++) {
        all[lane] = (double)x[lane] * unit; /* exact: below 2^53 */
    }
    return load(all);
}

static void compare(number got, const uint64_t expected[LANES], const waiting *w, const char *what) {
    for (unsigned lane = 0; lane < LANES; lane++) {
        check(got[lane] == (double)expected[lane], what, w->a[lane], w->b[lane]);
    }
}

/* ---- products ------------------------------------------------------------------------------------------------------------ */

/* Of proportions: plain, raised, of a difference, and of two at once. */
static void check_product(uint64_t x, uint64_t k) {
    static waiting w;
    if (!filled(&w, x, k)) {
        return;
    }
    number a = numbers(w.a, 1), b = numbers(w.b, UNIT);
    uint64_t floors[LANES], sums[LANES];
    for (unsigned lane = 0; lane < LANES; lane++) {
        floors[lane] = (uint64_t)((u128)w.a[lane] * w.b[lane] >> 32);
        sums[lane] = floors[lane] + (uint64_t)((u128)w.a[LANES - 1 - lane] * (ONE - w.b[lane]) >> 32);
    }
    compare(floor_mul(a, b), floors, &w, "floor_mul");
    compare(raised_by(a + UP, factor_of(b)) - UP, floors, &w, "raised_by");
    compare(floor_mul_signed(a, b), floors, &w, "floor_mul_signed");
    number reversed = a;
    for (unsigned lane = 0; lane < LANES; lane++) {
        reversed[lane] = a[LANES - 1 - lane];
    }
    compare(floor_mul_add(a, b, reversed, 1 - b), sums, &w, "floor_mul_add");
    vector_epoch e = {.alpha = b[0], .rest = 1 - b[0]};
    number average = ema(&e, a + UP, reversed + UP) - UP, minus = floor_mul_signed(-a, b);
    for (unsigned lane = 0; lane < LANES; lane++) {
        uint64_t x0 = (uint64_t)((u128)w.a[lane] * w.b[0] >> 32), x1 = (uint64_t)((u128)w.a[LANES - 1 - lane] * (ONE - w.b[0]) >> 32);
        check(average[lane] == (double)(x0 + x1), "ema", w.a[lane], w.b[0]);
        u128 up = (u128)w.a[lane] * w.b[lane] + (ONE - 1); /* the floor of a negative product is the ceiling of its magnitude */
        check(-minus[lane] == (double)(uint64_t)(up >> 32), "floor_mul_signed of a negative", w.a[lane], w.b[lane]);
    }
}

static void check_products(void) {
    static uint64_t edges[64 * 8];
    size_t count = 0;
    for (int power = 0; power <= 32; power++) {
        for (int step = -3; step <= 3; step++) {
            uint64_t x = ((uint64_t)1 << power) + (uint64_t)(int64_t)step;
            if (x <= ONE) {
                edges[count++] = x;
            }
        }
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < count; j++) {
            check_product(edges[i], edges[j]);
        }
    }
    for (int i = 0; i < 400000; i++) {
        check_product(solved_random() >> 32 >> solved_random() % 32, solved_random() >> 32 >> solved_random() % 32);
        uint64_t x = solved_odd(32);
        for (int32_t left = -2; left <= 2; left++) {
            uint64_t k = solved_factor(x, left);
            check_product(x, k);
            check_product(k, x);
            check_product(ONE - x, k); /* what is left is -left: the other share of an average */
        }
    }
}

/* ---- quotients ----------------------------------------------------------------------------------------------------------- */

static void check_divide(uint64_t x, uint64_t s) {
    static waiting w;
    if (s < 1 || s > (uint64_t)1 << 47 || x > s || !filled(&w, x, s)) {
        return;
    }
    uint64_t quotients[LANES];
    for (unsigned lane = 0; lane < LANES; lane++) {
        quotients[lane] = (uint64_t)(((u128)w.a[lane] << 32) / w.b[lane]);
    }
    compare(divide(numbers(w.a, 1), divisor_of(numbers(w.b, 1))) - UP, quotients, &w, "divide");
}

static void check_share(uint64_t v, uint64_t s) {
    static waiting w;
    if (s < 1 || s >= (uint64_t)1 << 31 || v > s || v > 65535 || !filled(&w, v, s)) {
        return;
    }
    uint64_t quotients[LANES];
    uint16_t values[LANES];
    for (unsigned lane = 0; lane < LANES; lane++) {
        values[lane] = (uint16_t)w.a[lane];
        quotients[lane] = (w.a[lane] << 32) / w.b[lane];
    }
    compare(raised_by(raised_from_u16(values), stored_share(numbers(w.b, 1))) - UP, quotients, &w, "stored_share");
}

/* The x around those with a quotient of exactly q: x * 2^32 / s is q at x = q * s / 2^32. */
static void check_around_quotient(uint64_t q, uint64_t s) {
    uint64_t x = (uint64_t)((u128)q * s >> 32);
    for (uint64_t d = 0; d <= 3; d++) {
        check_divide(x + d - 1, s); /* where that is below 0 it is above s */
    }
}

static void check_divisor(uint64_t s) {
    for (uint64_t x = 0; x < 2; x++) {
        check_divide(x, s);
        check_divide(s - x, s);
        check_divide(s / 2 + x, s);
    }
    check_divide(ONE, s);
    check_around_quotient(1, s);
    check_around_quotient(ONE - 1, s);
    for (int i = 0; i < 8; i++) {
        check_around_quotient(solved_random() >> 32 >> solved_random() % 32, s);
        check_divide(s != 0 ? solved_random() % s : 0, s);
    }
    for (int64_t left = -8; left <= 8 && s % 2 == 1; left++) {
        check_divide(solved_dividend(s, left), s);
    }
}

static void check_quotients(void) {
    for (int power = 0; power <= 47; power++) {
        for (int step = -64; step <= 64; step++) {
            check_divisor(((uint64_t)1 << power) + (uint64_t)(int64_t)step);
        }
    }
    for (int i = 0; i < 30000; i++) {
        uint64_t s = solved_random() >> 16 >> solved_random() % 47;
        check_divisor(s);
        check_divisor(s * 65535); /* sums of stored values */
        check_divisor((s | (uint64_t)1 << 46 | 1) & (((uint64_t)1 << 47) - 1));
    }
    for (int i = 0; i < 500000; i++) { /* sums of about ONE, of which shares and rows are made */
        uint64_t s = ONE - solved_random() % 40000;
        check_divide(solved_random() % (s + 1), s);
    }
    for (uint64_t v = 1; v < 65536; v++) { /* of every value the sums next to where its quotient is whole */
        check_share(v, v);
        check_share(v, ((uint64_t)1 << 31) - 1);
        for (int i = 0; i < 12; i++) {
            uint64_t q = solved_random() >> 32 >> solved_random() % 31, s = q == 0 ? v : (v << 32) / q;
            for (uint64_t near = s < 2 ? 2 : s - 1; near <= s + 1; near++) {
                check_share(v, near);
            }
            check_share(v, solved_random() >> 33 >> solved_random() % 31);
        }
        uint64_t sums[SOLVED_DIVISORS]; /* and those where it is nearest below a whole number */
        size_t count = v % 16 == 15 || v > 65000 ? solved_divisors(v, sums) : 0;
        for (size_t k = 0; k < count; k++) {
            check_share(v, sums[k]);
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
    for (uint64_t s = 65537; s < 4000000; s += 2 + solved_random() % 64 * 2) { /* those of rows and columns of a few uids */
        for (int64_t left = -2; left <= 2; left++) {
            check_share(solved_dividend(s, left), s);
        }
    }
}

/* ---- as stored ------------------------------------------------------------------------------------------------------------ */

/* About each proportion at which to_u16 gets one more, and of each stored bond. */
static void check_u16(void) {
    for (uint64_t v = 0; v < 65536; v++) {
        uint64_t first = ((v << 32) + 65534) / 65535;
        for (uint64_t step = 0; step <= 2; step++) {
            uint64_t x = first + step == 0 ? 0 : first + step - 1;
            x = x > ONE ? ONE : x;
            number both[GROUP] = {splat((double)x) + UP, splat((double)(ONE - x)) + UP};
            uint16_t stored[WIDE];
            store_u16(stored, both);
            check(stored[0] == (uint16_t)(x * 65535 >> 32) && stored[LANES - 1] == stored[0], "to_u16", x, v);
            check(stored[LANES] == (uint16_t)((ONE - x) * 65535 >> 32), "to_u16", ONE - x, v);
        }
        uint16_t bonds[LANES];
        for (unsigned lane = 0; lane < LANES; lane++) {
            bonds[lane] = (uint16_t)(lane % 2 ? 65535 - v : v);
        }
        check(old_bond(bonds)[0] - UP == (double)((v << 32) / 65535), "ratio16", v, 0);
        check(old_bond(bonds)[1] - UP == (double)(((65535 - v) << 32) / 65535), "ratio16", 65535 - v, 0);
    }
}

/* ---- bounds of an inverse -------------------------------------------------------------------------------------------------- */

/* The sign of a * b - 2^32: a fused operation does not round it away. */
static int against_one(double a, double b) {
    double d = fma(a, b, -0x1p32);
    return (d > 0) - (d < 0);
}

static void check_inverted(double low, double high) {
    number lower = splat(low), upper = splat(high);
    invert(&lower, &upper);
    check(against_one(lower[0], high) <= 0, "invert, lower", (uint64_t)(low * 0x1p32), (uint64_t)(high * 0x1p32));
    check(against_one(upper[0], low) >= 0, "invert, upper", (uint64_t)(low * 0x1p32), (uint64_t)(high * 0x1p32));
}

/* Ends as close as they can be and as far apart as the bounds of the exponential are. */
static void check_inverses(void) {
    for (int i = 0; i < 400000; i++) {
        double d = 1 + (double)(solved_random() >> 11) * 0x1p-53 * (double)(1 << solved_random() % 11);
        double apart = i % 2 ? d * 0x1p-27 * (double)(solved_random() >> 32) * 0x1p-32 : 0;
        check_inverted(d, d + apart);
    }
    for (int power = 0; power <= 11; power++) {
        double d = (double)(1 << power);
        for (int step = -40; step <= 40; step++) {
            double near = d + step * 0x1p-52 * d;
            if (near >= 1) {
                check_inverted(near, near);
                check_inverted(near, near + 0x1p-51 * d);
            }
        }
    }
}

static void check_all(void) {
    check(PATH(path).rounds_downward() == 1, "rounds_downward", 1, 0);
    check_products();
    check_quotients();
    check_u16();
    check_inverses();
}

#if defined(__clang__) && !defined(ROUNDING_NEON)
#pragma clang attribute pop
#elif !defined(ROUNDING_NEON)
#pragma GCC pop_options
#endif

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
    if (yuma_vector_path(ISA & yuma_isa_available()) != &PATH(path)) {
        printf("rounding: skipped, this machine does not have instruction set %d\n", ISA);
        return 0;
    }
    volatile double one = 1, tiny = 0x1p-60; /* read between the calls */
    static const int modes[] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD};
    for (size_t m = 0; m < sizeof modes / sizeof *modes; m++) {
        if (fesetround(modes[m]) != 0) {
            printf("rounding: skipped, this machine does not round downward\n");
            return 0;
        }
        check(PATH(path).rounds_downward() == (modes[m] == FE_DOWNWARD), "rounds_downward", m, 0);
    }
    check(one - tiny == 1 - 0x1p-53 && fma(one, -tiny, one) == 1 - 0x1p-53, "rounding downward", 0, 0);
    check_all();
    printf("rounding: %" PRIu64 " cases of instruction set %d\n", checks, ISA);
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
#else
int main(void) {
    check(solved_factor(3, 1) * 3 % ((uint64_t)1 << 32) == 1 && solved_dividend(5, 1) == 1, "solved", 0, 0);
    printf("rounding: skipped, this is another machine's instruction set\n");
    return failures != 0;
}
#endif

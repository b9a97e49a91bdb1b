/* What section 1 of the law says of the primitives in csrc/wide.h and csrc/fixed.h, as CBMC reads it: one function a
 * statement, over any operands. The law stands here in double words, in C's own arithmetic.
 *
 * Compiled in two sizes. As it is: words of 64 bits, double words of 128. With PROOF_SCALED: words of 8 bits and double words
 * of 16, with the sources as scale.sed makes them. C computes with those in int; everything in the sources that could wrap
 * in its own width is stored in it before it is used, so that this makes no difference. At that size enumerate.c also runs
 * every statement over every operand. */
#include <stdint.h>

#ifdef PROOF_HALVES
uint64_t __CPROVER_uninterpreted_product(uint64_t a, uint64_t b);

/* A product of two numbers below 2^32 of which nothing is known but that it is one, so that it is at most (2^32 - 1)^2. */
static uint64_t half_product(uint64_t a, uint64_t b) {
    uint64_t product = __CPROVER_uninterpreted_product(a, b);
    __CPROVER_assert(a <= UINT32_MAX && b <= UINT32_MAX, "halves");
    __CPROVER_assume(product <= UINT64_C(0xfffffffe00000001));
    return product;
}
#endif

#ifdef PROOF_QUOTIENTS
__extension__ typedef unsigned __int128 dividend;
dividend __CPROVER_uninterpreted_quotient(dividend n, uint64_t d);
uint64_t __CPROVER_uninterpreted_largest_multiple(uint64_t d);

/* floor(n / d), of which is known when it is below 2^64, and that a factor 2^32 of both does not matter. */
static dividend native_quotient(dividend n, uint64_t d) {
    __CPROVER_assert(d != 0, "no division by 0");
    dividend q = __CPROVER_uninterpreted_quotient(n, d);
    __CPROVER_assume((q <= UINT64_MAX) == (n >> 64 < d));
    __CPROVER_assume(((n | d) & UINT32_MAX) != 0 || q == __CPROVER_uninterpreted_quotient(n >> 32, d >> 32));
    return q;
}

/* floor((2^64 - 1) / d) * d: less than d is left */
static uint64_t largest_multiple(uint64_t d) {
    uint64_t multiple = __CPROVER_uninterpreted_largest_multiple(d);
    __CPROVER_assume(UINT64_MAX - multiple < d);
    return multiple;
}
#endif

#ifdef PROOF_SCALED
typedef uint8_t word;
typedef int8_t signed_word;
typedef uint16_t double_word;
typedef int16_t signed_double;
#define YUMA_ONE ((signed_word)1 << 4)
#define VERIFY_CHECK(condition) ((void)0)
#include "wide.h"
#include "fixed.h"
#include "fixed.c"
#define WORD 8
#else
#include "fixed.h"
typedef uint64_t word;
typedef int64_t signed_word;
__extension__ typedef unsigned __int128 double_word;
__extension__ typedef __int128 signed_double;
#define WORD 64
#endif

#define HALF (WORD / 2)
#define LARGEST ((signed_word)((word)-1 >> 1))
#define SMALLEST (-LARGEST - 1)
#ifdef PROOF_ENUMERATED
static void prove(int holds, const char *statement);
#define PROVE(statement) prove(statement, #statement)
#define GIVEN(statement) \
    do {                 \
        if (!(statement)) \
            return;      \
    } while (0)
#else
#define PROVE(statement) __CPROVER_assert(statement, #statement)
#define GIVEN(statement) __CPROVER_assume(statement)
#endif

/* any value: to CBMC because they have no body, in enumerate.c because every value has its turn */
word nondet_word(void);
signed_word nondet_signed(void);

static wide any_wide(void) {
    return (wide){nondet_word(), nondet_word()};
}

static double_word number(wide x) {
    return (double_word)((double_word)x.hi << WORD | x.lo);
}

static int fits(signed_double x) {
    return x >= SMALLEST && x <= LARGEST;
}

static signed_double clamp(signed_double x) {
    return x > LARGEST ? LARGEST : x < SMALLEST ? SMALLEST : x;
}

/* ---- wide.h ----------------------------------------------------------------------------------------------------------- */

void wide_sums(void) {
    wide a = any_wide(), b = any_wide();
    PROVE(number(wide_sub(a, b)) == (double_word)(number(a) - number(b)));
    PROVE(wide_less(a, b) == (number(a) < number(b)));
    PROVE(number(wide_add(a, b)) == (double_word)(number(a) + number(b))); /* modulo 2^128, which is more than it promises */
}

void leading_zeros(void) {
    word x = nondet_word();
    GIVEN(x != 0);
    unsigned zeros = wide_leading_zeros(x);
    PROVE(zeros < WORD && x >> (WORD - 1 - zeros) == 1);
}

void product(void) {
    word a = nondet_word(), b = nondet_word();
    PROVE(number(wide_mul(a, b)) == (double_word)a * b);
}

#ifdef PROOF_HALVES
/* The sum that the distributive law makes of (a1 * 2^32 + a0) * (b1 * 2^32 + b0). */
void product_of_halves(void) {
    uint64_t a = nondet_word(), b = nondet_word();
    uint64_t a1 = a >> 32, a0 = a & UINT32_MAX, b1 = b >> 32, b0 = b & UINT32_MAX;
    PROVE(number(wide_mul(a, b)) ==
          ((double_word)half_product(a1, b1) << 64) + ((double_word)half_product(a1, b0) << 32) +
              ((double_word)half_product(a0, b1) << 32) + half_product(a0, b0));
}
#endif

void product_signed(void) {
    signed_word a = nondet_signed(), b = nondet_signed();
    PROVE(number(wide_mul_signed(a, b)) == (double_word)((signed_double)a * b));
}

void division(void) {
    wide n = any_wide();
    word d = nondet_word(), r;
    GIVEN(n.hi < d);
    word q = wide_div(n, d, &r);
    PROVE(r < d && number(n) == (double_word)q * d + r);
}

/* For the compiler's own 128-bit division: the quotient is not cut, and the remainder is. */
void division_native(void) {
    wide n = any_wide();
    word d = nondet_word(), r;
    GIVEN(n.hi < d);
    PROVE(wide_div(n, d, &r) == number(n) / d);
    PROVE(r == (word)(number(n) - number(n) / d * d));
}

/* ---- fixed.h ---------------------------------------------------------------------------------------------------------- */

void small(void) {
    signed_word a = nondet_signed(), b = nondet_signed(), c = nondet_signed();
    PROVE(fixed_magnitude(a) == (word)(a < 0 ? -(signed_double)a : a));
    PROVE(fixed_min(a, b) <= a && fixed_min(a, b) <= b && (fixed_min(a, b) == a || fixed_min(a, b) == b));
    PROVE(fixed_max(a, b) >= a && fixed_max(a, b) >= b && (fixed_max(a, b) == a || fixed_max(a, b) == b));
    GIVEN(b <= c);
    PROVE(fixed_clamp(a, b, c) == (a < b ? b : a > c ? c : a));
}

void add(void) {
    signed_word a = nondet_signed(), b = nondet_signed();
    PROVE(fixed_add(a, b) == clamp((signed_double)a + b));
    PROVE(fixed_sub(a, b) == clamp((signed_double)a - b));
}

void mul(void) {
    signed_word a = nondet_signed(), b = nondet_signed();
    signed_double exact = (signed_double)a * b >> HALF;
    PROVE(fixed_mul(a, b) == clamp(exact));
    PROVE(fixed_mul_checked(a, b) == (fits(exact) ? exact : 0));
}

void divide(void) {
    signed_word a = nondet_signed(), b = nondet_signed();
    signed_double exact = b == 0 ? 0 : (signed_double)a * ((signed_double)1 << HALF) / b;
    PROVE(fixed_div(a, b) == (fits(exact) ? exact : 0));
    PROVE(fixed_sdiv(a, b) == clamp(exact));
}

void divide_by(void) {
    signed_word a = nondet_signed(), b = nondet_signed();
    GIVEN(a >= 0 && a <= b);
    PROVE(fixed_div_by(a, fixed_divisor_of(b)) == (b == 0 ? 0 : (signed_double)a * ((signed_double)1 << HALF) / b));
}

void share_of(void) {
    signed_word a = nondet_signed(), b = nondet_signed();
    GIVEN(a >= 0 && a <= b && a <= 2 * YUMA_ONE && b >= 1 && b >> (WORD - 2) == 0);
    PROVE(fixed_share_of(a, b, (word)-1 / (word)b) == (signed_double)a * ((signed_double)1 << HALF) / b);
}

void inverse(void) {
    word x = nondet_word();
    GIVEN(x >= 2);
    PROVE(fixed_inverse(x) == ((double_word)1 << WORD) / x);
}

#ifdef PROOF_QUOTIENTS
void divide_of_quotients(void) {
    int64_t a = nondet_signed(), b = nondet_signed();
    int negative = (a < 0) != (b < 0);
    dividend n = (dividend)(a < 0 ? -(signed_double)a : a) << 32, q = 0;
    if (b != 0) {
        q = native_quotient(n, (uint64_t)(b < 0 ? -(signed_double)b : b));
    }
    int there = q <= (dividend)INT64_MAX + negative;
    signed_double exact = there ? (negative ? -(signed_double)q : (signed_double)q) : 0;
    PROVE(fixed_div(a, b) == exact);
    PROVE(fixed_sdiv(a, b) == (there ? exact : negative ? INT64_MIN : INT64_MAX));
}

/* floor(2^64 / x) is the last whose product with x is not above 2^64; that of q + 1 is the one of q, and x. */
void inverse_of_quotients(void) {
    uint64_t x = nondet_word();
    GIVEN(x >= 2);
    uint64_t q = (uint64_t)native_quotient(UINT64_MAX, x), inverse = fixed_inverse(x);
    dividend product = largest_multiple(x), limit = (dividend)1 << 64;
    PROVE(inverse == q || inverse == q + 1);
    product += inverse == q ? 0 : x;
    PROVE(product <= limit && limit < product + x);
}
#endif

void from_i64f64(void) {
    wide x = any_wide();
    PROVE(fixed_from_i64f64(x) == clamp((signed_double)number(x) >> HALF));
}

#ifndef PROOF_SCALED
void ratio16(void) {
    uint16_t value = (uint16_t)nondet_word();
    uint64_t q = (uint64_t)fixed_ratio16(value), v = (uint64_t)value << 32;
    PROVE(q <= (uint64_t)YUMA_ONE && q * 65535 <= v && v < (q + 1) * 65535);
}

void to_u16(void) {
    int64_t x = nondet_signed();
    signed_double exact = clamp((signed_double)x * ((signed_double)65535 << 32) >> 32) >> 32;
    PROVE(fixed_to_u16(x) == (exact < 0 ? 0 : exact > 65535 ? 65535 : exact));
}
#else
/* ---- fixed.c: numbers of three words, which only the small size has ------------------------------------------------------ */

void quotient64(void) {
    wide a = any_wide(), b = any_wide();
    GIVEN(number(b) != 0);
    int overflow;
    wide q = fixed_quotient64(a, b, &overflow);
    uint32_t exact = ((uint32_t)number(a) << WORD) / number(b);
    PROVE(overflow == (exact >> (2 * WORD) != 0));
    PROVE(number(q) == (overflow ? 0 : exact));
}

void part_of(void) {
    wide a = any_wide(), sum = any_wide();
    GIVEN(fixed_is_whole(sum) && number(a) <= number(sum));
    fixed_whole whole = fixed_whole_of(sum);
    PROVE(fixed_part_of(a, &whole) == (int32_t)(((uint32_t)number(a) << HALF) / number(sum)));
}

void div64(void) {
    wide a = any_wide(), b = any_wide();
    word x[2] = {a.lo, a.hi}, y[2] = {b.lo, b.hi}, q[2];
    yuma_div64(x, y, q);
    int32_t n = (int16_t)number(a), d = (int16_t)number(b);
    int32_t exact = d == 0 ? 0 : n * (1 << WORD) / d;
    PROVE((int16_t)number((wide){q[1], q[0]}) == (exact > INT16_MAX || exact < INT16_MIN ? 0 : exact));
}
#endif

/* ---- undefined behaviour: every primitive, any operands within what it states ------------------------------------------ */

void calls(void) {
    signed_word x = nondet_signed(), y = nondet_signed();
    word a = nondet_word();
    wide u = any_wide(), v = any_wide();
    (void)wide_add(u, v);
    (void)wide_sub(u, v);
    (void)wide_less(u, v);
    (void)wide_mul(a, nondet_word());
    (void)wide_mul_signed(x, y);
    (void)fixed_magnitude(x);
    (void)fixed_add(x, y);
    (void)fixed_sub(x, y);
    (void)fixed_mul(x, y);
    (void)fixed_mul_checked(x, y);
    (void)fixed_from_i64f64(u);
#ifndef PROOF_SCALED
    (void)fixed_ratio16((uint16_t)nondet_word());
    (void)fixed_to_u16(x);
#endif
    GIVEN(a != 0);
    (void)wide_leading_zeros(a);
}

void calls_of_division(void) {
    signed_word x = nondet_signed(), y = nondet_signed();
    (void)fixed_div(x, y);
    (void)fixed_sdiv(x, y);
    if (x >= 0 && x <= y) {
        (void)fixed_div_by(x, fixed_divisor_of(y));
        if (y >= 1 && x <= 2 * YUMA_ONE && y >> (WORD - 2) == 0) {
            (void)fixed_share_of(x, y, (word)-1 / (word)y);
        }
    }
    wide n = any_wide();
    word d = nondet_word(), r;
    if (d >= 2) {
        (void)fixed_inverse(d);
    }
    GIVEN(n.hi < d);
    (void)wide_div(n, d, &r);
}

void calls_of_quotient64(void) {
    wide n = any_wide(), d = any_wide();
    int overflow;
    GIVEN(d.hi != 0 || d.lo != 0);
    (void)fixed_quotient64(n, d, &overflow);
    if (fixed_is_whole(d) && !wide_less(d, n)) {
        fixed_whole whole = fixed_whole_of(d);
        (void)fixed_part_of(n, &whole);
    }
}

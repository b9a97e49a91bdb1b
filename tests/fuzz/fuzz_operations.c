/* Bytes become the operands of the exported operations on numbers, whose results must be what the law says, here written in
 * __int128 and, where that is too short, bit by bit. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "yuma.h"

__extension__ typedef __int128 i128;
__extension__ typedef unsigned __int128 u128;

#define HOLDS(condition)                                                             \
    do {                                                                             \
        if (!(condition)) {                                                          \
            fprintf(stderr, "fuzz_operations.c:%d: not %s\n", __LINE__, #condition); \
            abort();                                                                 \
        }                                                                            \
    } while (0)

static const i128 most = INT64_MAX, least = INT64_MIN;

static int fits(i128 x) {
    return x >= least && x <= most;
}

static int64_t clamp(i128 x) {
    return (int64_t)(x > most ? most : x < least ? least : x);
}

static int64_t mul(int64_t a, int64_t b) {
    return clamp((i128)a * b >> 32);
}

static int64_t sdiv(int64_t a, int64_t b) {
    return b == 0 ? 0 : clamp((i128)a * YUMA_ONE / b);
}

static int64_t within(int64_t x, int64_t low, int64_t high) {
    return x < low ? low : x > high ? high : x;
}

static int64_t exp_safe(int64_t x) {
    x = within(x, -20 * YUMA_ONE, 20 * YUMA_ONE);
    if (x == 0) {
        return YUMA_ONE;
    }
    if (x == YUMA_ONE) {
        return 11674931200;
    }
    i128 a = x < 0 ? -(i128)x : x, sum = YUMA_ONE + a, term = a;
    for (int i = 2; i <= 31; i++) {
        term = (term * a >> 32) / i;
        sum += term;
    }
    return (int64_t)(x < 0 ? ((i128)1 << 64) / sum : sum);
}

static int64_t liquid_alpha(int64_t c, int64_t w, int64_t b, int64_t low, int64_t high, int64_t steepness) {
    int64_t d = w >= b ? clamp((i128)w - c) : clamp((i128)b - w);
    d = within(d, 0, YUMA_ONE);
    int64_t g = mul(sdiv(steepness, -100 * YUMA_ONE), d - YUMA_ONE / 2);
    int64_t sigmoid = sdiv(YUMA_ONE, clamp((i128)YUMA_ONE + exp_safe(g)));
    int64_t alpha = clamp((i128)low + mul(sigmoid, clamp((i128)high - low)));
    alpha = alpha < high ? alpha : high;
    return alpha > low ? alpha : low;
}

/* Alone by the series; among others where a bound may decide it. */
static int alphas_are(int64_t alpha, int64_t c, int64_t w, int64_t b, int64_t low, int64_t high, int64_t steepness) {
    int64_t many[2], cs[] = {c, c}, ws[] = {w, w}, bs[] = {b, b};
    return yuma_liquid_alpha(c, w, b, low, high, steepness) == alpha &&
           yuma_liquid_alphas(2, cs, ws, bs, low, high, steepness, many) == YUMA_OK && many[0] == alpha && many[1] == alpha;
}

/* (a << 64) /t b, 0 where b = 0 or it does not fit: one bit of the quotient after the other. */
static i128 div64(i128 a, i128 b) {
    u128 x = a < 0 ? -(u128)a : (u128)a, y = b < 0 ? -(u128)b : (u128)b, r = 0, q = 0;
    int negative = (a < 0) != (b < 0);
    if (b == 0) {
        return 0;
    }
    for (int bit = 191; bit >= 0; bit--) {
        r = r << 1 | (bit >= 64 ? x >> (bit - 64) & 1 : 0); /* r < y <= 2^127: nothing is lost */
        if (q >> 127) {
            return 0;
        }
        q = q << 1 | (r >= y);
        r -= r >= y ? y : 0;
    }
    if (q > ((u128)1 << 127) - !negative) {
        return 0;
    }
    return (i128)(negative ? -q : q);
}

typedef struct {
    const uint8_t *at, *end;
} bytes;

static uint64_t take64(bytes *in) {
    uint64_t x = 0;
    uint8_t kind = in->at < in->end ? *in->at++ : 0;
    if (kind & 128) { /* a power of two, beside it or its negative */
        x = ((uint64_t)1 << (kind & 63)) - (in->at < in->end ? *in->at++ & 3 : 0) + 1;
        return kind & 64 ? -x : x;
    }
    for (int i = 0; i < (kind & 15) && i < 8; i++) {
        x = x << 8 | (in->at < in->end ? *in->at++ : 0);
    }
    return kind & 64 ? x << 32 : kind & 32 ? ~x : x;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    bytes in = {data, data + size};
    uint64_t u = take64(&in), v = take64(&in), w = take64(&in), z = take64(&in);
    int64_t a = (int64_t)u, b = (int64_t)v, c = (int64_t)w, d = (int64_t)z;

    HOLDS(yuma_add(a, b) == clamp((i128)a + b));
    HOLDS(yuma_sub(a, b) == clamp((i128)a - b));
    i128 product = (i128)a * b >> 32;
    HOLDS(yuma_mul(a, b) == clamp(product));
    HOLDS(yuma_mul_checked(a, b) == (fits(product) ? (int64_t)product : 0));
    i128 quotient = b == 0 ? 0 : (i128)a * YUMA_ONE / b;
    HOLDS(yuma_div(a, b) == (fits(quotient) ? (int64_t)quotient : 0));
    HOLDS(yuma_sdiv(a, b) == clamp(quotient));
    HOLDS(yuma_ratio16((uint16_t)u) == (int64_t)((uint64_t)(uint16_t)u * ((uint64_t)1 << 32) / 65535));
    HOLDS(yuma_to_u16(a) == (uint16_t)within(mul(a, (int64_t)65535 << 32) >> 32, 0, 65535));
    HOLDS(yuma_exp_safe(a) == exp_safe(a));
    uint64_t x[2] = {u, v}, y[2] = {w, z}, q[2];
    i128 n = (i128)((u128)v << 64 | u), m = (i128)((u128)z << 64 | w);
    HOLDS(yuma_to_i32f32(x) == clamp(n >> 32));
    yuma_div64(x, y, q);
    HOLDS((i128)((u128)q[1] << 64 | q[0]) == div64(n, m));
    i128 share = (i128)a * v >> 32; /* |a| * v is below 2^127 */
    HOLDS(yuma_emission_share(a, v) == (share < 0 ? 0 : share > (i128)UINT64_MAX ? UINT64_MAX : (uint64_t)share));
    HOLDS(yuma_bonds_alpha(u % 1000001) == YUMA_ONE - (int64_t)((((u128)(u % 1000001) << 64) / 1000000) >> 32));
    HOLDS(yuma_bonds_cutoff(u, v, w, NULL) == (w == 0 ? (u > v ? u - v : 0) : w == UINT64_MAX ? w : w + 1));
    HOLDS(yuma_bonds_cutoff(u, v, w, &u) == (u == UINT64_MAX ? u : u + 1));
    int64_t low = yuma_ratio16((uint16_t)c), high = yuma_ratio16((uint16_t)(w >> 16));
    int64_t steepness = (int64_t)(int16_t)z * YUMA_ONE;
    HOLDS(alphas_are(liquid_alpha(a, b, c, low, high, steepness), a, b, c, low, high, steepness));
    HOLDS(alphas_are(liquid_alpha(a, b, c, d, a, b), a, b, c, d, a, b));
    int64_t near = (int64_t)(u % ((uint64_t)YUMA_ONE + 1)); /* most operands are far outside the proportions */
    HOLDS(alphas_are(liquid_alpha(0, near, 0, low, high, steepness), 0, near, 0, low, high, steepness));
    return 0;
}

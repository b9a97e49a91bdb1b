/* Operands that sit where a rounding decides: solved for, not drawn. A product is told by what it leaves modulo 2^32, a quotient
 * by what it leaves modulo its divisor; 0, 1 and -1 are the places where a step that is off by one, or rounds the other way, gives
 * another number. Needs no __int128. */
#ifndef TEST_SOLVED_H
#define TEST_SOLVED_H

#include <stddef.h>
#include <stdint.h>

static uint64_t solved_state;

static inline uint64_t solved_random(void) { /* splitmix64, so that every machine tests the same numbers */
    uint64_t z = solved_state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* any width up to `bits`, the lowest bit set */
static inline uint64_t solved_odd(unsigned bits) {
    return (solved_random() >> (64 - bits) >> solved_random() % bits) | 1;
}

/* the inverse of an odd a modulo 2^32, by Newton's iteration: each doubles the bits that are right, of which a has 3 */
static inline uint32_t solved_inverse(uint32_t a) {
    uint32_t x = a;
    for (int i = 0; i < 4; i++) {
        x *= 2 - a * x;
    }
    return x;
}

/* b < 2^32 with a * b = left modulo 2^32; a is odd. */
static inline uint64_t solved_factor(uint64_t a, int32_t left) {
    return solved_inverse((uint32_t)a) * (uint32_t)left;
}

/* x < s with x * 2^32 = left modulo s; s is odd and below 2^62. Halving 32 times. */
static inline uint64_t solved_dividend(uint64_t s, int64_t left) {
    uint64_t x = left < 0 ? s - (uint64_t)-left % s : (uint64_t)left % s;
    x = x == s ? 0 : x;
    for (int i = 0; i < 32; i++) {
        x = x % 2 ? (x + s) / 2 : x / 2;
    }
    return x;
}

/* The divisors s of v * 2^32 + 1 within [v, 2^31), of which v * 2^32 leaves -1: those that are products of primes below 2^16 and
 * what they leave of it. */
enum { SOLVED_DIVISORS = 256 };

static inline size_t solved_divisors(uint64_t v, uint64_t sums[SOLVED_DIVISORS]) {
    uint64_t all[SOLVED_DIVISORS] = {1}, rest = (v << 32) + 1;
    size_t count = 1, found = 0;
    for (uint64_t prime = 3; prime < 65536 && rest != 1; prime = prime + 1 == 65536 ? 65536 : prime + 2) {
        while (rest % prime == 0) {
            rest /= prime;
            for (size_t k = 0, before = count; k < before && count < SOLVED_DIVISORS; k++) {
                all[count++] = all[k] * prime;
            }
        }
    }
    for (size_t k = 0, before = count; rest != 1 && k < before && count < SOLVED_DIVISORS; k++) {
        all[count++] = all[k] * rest;
    }
    for (size_t k = 0; k < count; k++) {
        if (all[k] >= v && all[k] < (uint64_t)1 << 31) {
            sums[found++] = all[k];
        }
    }
    return found;
}

#endif

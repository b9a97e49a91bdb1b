/* What profiles before 425 compute otherwise and no later one needs: bonds outdated by the validator's update, bonds kept without
 * a permit, and liquid alpha by column with its exponential and its logarithm. */
#include "memory.h"
#include "profile.h"
#include "stages.h"
#include "verify.h"

void yuma_updated_bonds(const yuma_state *state, stored_rows_out *updated) {
    const yuma_stored_rows *bonds = &state->bonds;
    uint32_t kept = 0;
    updated->indptr[0] = 0;
    for (uint32_t i = 0; i < state->n; i++) {
        for (uint32_t k = bonds->indptr[i]; k < bonds->indptr[i + 1]; k++) {
            updated->uid[kept] = bonds->uid[k];
            updated->value[kept] = bonds->value[k];
            kept += state->last_update[i] > state->block_at_registration[bonds->uid[k]];
        }
        updated->indptr[i + 1] = kept;
    }
}

void yuma_keep_unpermitted(const yuma_state *state, yuma_result *result) {
    uint32_t n = state->n, more = 0;
    for (uint32_t i = 0; i < n; i++) {
        int keeps = !result->validator_permit[i] && !state->validator_permit[i];
        more += keeps ? state->bonds.indptr[i + 1] - state->bonds.indptr[i] : 0;
    }
    /* From the last row on, so that no row is written over before it has moved. A row that is kept is empty in the result. */
    for (uint32_t i = n; i-- > 0;) {
        uint32_t begin = result->bonds_indptr[i], end = result->bonds_indptr[i + 1];
        result->bonds_indptr[i + 1] = end + more;
        if (!result->validator_permit[i] && !state->validator_permit[i]) {
            uint32_t from = state->bonds.indptr[i], count = state->bonds.indptr[i + 1] - from;
            more -= count;
            memcpy(result->bonds_uid + begin + more, state->bonds.uid + from, count * sizeof *result->bonds_uid);
            memcpy(result->bonds_value + begin + more, state->bonds.value + from, count * sizeof *result->bonds_value);
        } else {
            memmove(result->bonds_uid + begin + more, result->bonds_uid + begin, (end - begin) * sizeof *result->bonds_uid);
            memmove(result->bonds_value + begin + more, result->bonds_value + begin, (end - begin) * sizeof *result->bonds_value);
        }
    }
}

int64_t yuma_exp_or_zero(int64_t x) {
    /* The largest |x| of which no term * |x| is above 2^63 - 1. Terms and their sum do not decrease as |x| grows, so that beyond it
     * one always is, and up to it the sum stays below what it is there, 2^62.12. */
    const uint64_t largest = 89715445397, a = fixed_magnitude(x);
    if (x == YUMA_ONE) {
        return FIXED_EXP_OF_ONE;
    }
    if (a > largest) {
        return 0;
    }
    uint64_t term = a, sum = (uint64_t)YUMA_ONE + a;
    for (uint64_t i = 2; i <= 31; i++) {
        int overflow;
        term = (uint64_t)fixed_product((int64_t)term, (int64_t)a, &overflow) / i;
        VERIFY_CHECK(overflow == 0);
        sum += term;
    }
    return x < 0 ? (int64_t)fixed_inverse(sum) : (int64_t)sum;
}

/* x / 2, rounded up. */
static int64_t half_of(int64_t x) {
    return (x >> 1) + (x & 1);
}

/* The natural logarithm by the chain's squarings, 0 for x <= 0. x: 0, or 2 and more. */
static int64_t logarithm(int64_t x) {
    const int64_t log2_of_e = 6196327936; /* cut to 23 fractional bits, as the chain has it */
    if (x <= 0) {
        return 0;
    }
    const int below_one = x < YUMA_ONE;
    if (below_one) {
        x = (int64_t)fixed_inverse((uint64_t)x);
    }
    int64_t log2 = 0; /* at most 31 << 32 and 32 bits more */
    while (x >= 2 * YUMA_ONE) {
        log2++;
        x = half_of(x);
    }
    if (x == YUMA_ONE) {
        log2 *= YUMA_ONE;
    } else {
        for (int bit = 0; bit < 32; bit++) {
            x = fixed_mul(x, x); /* below 4 */
            log2 *= 2;
            if (x >= 2 * YUMA_ONE) {
                log2++;
                x = half_of(x);
            }
        }
    }
    return fixed_div(below_one ? -log2 : log2, log2_of_e);
}

/* ln(1 / x - 1) of a proportion that a u16 gives: 0, or 65537 and more. */
static int64_t odds(int64_t x) {
    return logarithm(fixed_sub(fixed_div(YUMA_ONE, x), YUMA_ONE));
}

/* Shell's sort, with the gaps of Ciura. */
static void sort(uint32_t n, int64_t *values) {
    static const uint32_t gaps[] = {19903, 8846, 3931, 1750, 701, 301, 132, 57, 23, 10, 4, 1};
    for (size_t g = 0; g < sizeof gaps / sizeof *gaps; g++) {
        for (uint32_t i = gaps[g]; i < n; i++) {
            int64_t value = values[i];
            uint32_t at = i;
            for (; at >= gaps[g] && values[at - gaps[g]] > value; at -= gaps[g]) {
                values[at] = values[at - gaps[g]];
            }
            values[at] = value;
        }
    }
}

/* The k-th quartile of ascending proportions. */
static int64_t quartile(uint32_t n, const int64_t *sorted, uint32_t k) {
    uint32_t p = k * (n - 1), q = p / 4, f = p % 4;
    return f == 0 ? sorted[q] : sorted[q] + (((sorted[q + 1] - sorted[q]) * f) >> 2);
}

void yuma_column_alphas(uint32_t n, const int64_t *consensus, int64_t low, int64_t high, int64_t *sorted, int64_t *alphas,
                        int *runs) {
    memcpy(sorted, consensus, n * sizeof *sorted);
    sort(n, sorted);
    int64_t first = quartile(n, sorted, 1), third = quartile(n, sorted, 3), a = 0, b = 0;
    *runs = third != 0; /* and then some consensus is not 0 */
    if (third > first && low != 0 && high != 0) {
        a = fixed_div(fixed_sub(odds(high), odds(low)), first - third);
        b = fixed_add(odds(low), fixed_mul(a, first));
    }
    for (uint32_t j = 0; j < n; j++) {
        int64_t power = yuma_exp_or_zero(fixed_sub(b, fixed_mul(a, consensus[j])));
        alphas[j] = fixed_max(fixed_min(fixed_div(YUMA_ONE, fixed_add(YUMA_ONE, power)), high), low);
    }
}

/* Section 6 of the law: clip, validator trust, incentive. */
#include <string.h>

#include "stages.h"

yuma_status yuma_clip(uint32_t n, const yuma_rows *weights, const int64_t *consensus, yuma_rows *clipped) {
    REQUIRE_N(n);
    REQUIRE_ROWS(weights);
    REQUIRE_ROWS(clipped);
    REQUIRE(consensus != NULL, YUMA_ERROR_NULL);
    uint32_t kept = 0, k = 0;
    clipped->indptr[0] = 0;
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t end = weights->indptr[i + 1]; k < end; k++) {
            int64_t w = weights->value[k], c = consensus[weights->uid[k]];
            if (c != 0 || w <= c) { /* an entry above a consensus of 0 is dropped */
                clipped->uid[kept] = weights->uid[k];
                clipped->value[kept++] = fixed_min(w, c);
            }
        }
        clipped->indptr[i + 1] = kept;
    }
    return YUMA_OK;
}

yuma_status yuma_validator_trust(uint32_t n, const yuma_rows *clipped, int64_t *validator_trust) {
    REQUIRE_N(n);
    REQUIRE_ROWS(clipped);
    REQUIRE(validator_trust != NULL, YUMA_ERROR_NULL);
    for (uint32_t i = 0; i < n; i++) {
        int64_t sum = 0;
        for (uint32_t k = clipped->indptr[i]; k < clipped->indptr[i + 1]; k++) {
            VERIFY_CHECK(clipped->value[k] < 0 ? sum >= INT64_MIN - clipped->value[k] : sum <= INT64_MAX - clipped->value[k]);
            sum += clipped->value[k];
        }
        validator_trust[i] = sum;
    }
    return YUMA_OK;
}

yuma_status yuma_rank(uint32_t n, const yuma_rows *clipped, const int64_t *active_stake, int64_t *rank) {
    REQUIRE_N(n);
    REQUIRE_ROWS(clipped);
    REQUIRE(active_stake != NULL && rank != NULL, YUMA_ERROR_NULL);
    memset(rank, 0, n * sizeof *rank);
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t k = clipped->indptr[i]; active_stake[i] != 0 && k < clipped->indptr[i + 1]; k++) {
            VERIFY_CHECK(is_proportion(clipped->value[k]));
            rank[clipped->uid[k]] += fixed_mul_share(active_stake[i], clipped->value[k]);
        }
    }
    return YUMA_OK;
}

yuma_status yuma_incentive(uint32_t n, const int64_t *rank, int64_t *incentive) {
    REQUIRE_N(n);
    REQUIRE(rank != NULL && incentive != NULL, YUMA_ERROR_NULL);
    memmove(incentive, rank, n * sizeof *rank);
    divide_by_sum(n, incentive);
    return YUMA_OK;
}

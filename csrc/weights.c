/* Section 4 of the law: weights. */
#include "stages.h"

yuma_status yuma_mask_weights(uint32_t n, const yuma_stored_rows *weights, const uint8_t *validator_permit,
                              int32_t owner_uid, const uint64_t *last_update, const uint64_t *block_at_registration,
                              const uint64_t *commit_block, yuma_rows *masked) {
    REQUIRE_N(n);
    REQUIRE_OWNER(n, owner_uid);
    REQUIRE_ROWS(weights);
    REQUIRE_ROWS(masked);
    REQUIRE(validator_permit != NULL && last_update != NULL && block_at_registration != NULL, YUMA_ERROR_NULL);
    uint32_t kept = 0;
    masked->indptr[0] = 0;
    for (uint32_t i = 0; i < n; i++) {
        int is_owner = (int32_t)i == owner_uid;
        uint64_t committed = commit_block == NULL ? UINT64_MAX : commit_block[i];
        uint32_t end = validator_permit[i] || is_owner ? weights->indptr[i + 1] : weights->indptr[i];
        for (uint32_t k = weights->indptr[i]; k < end; k++) {
            uint16_t j = weights->uid[k];
            uint64_t registered = block_at_registration[j];
            if ((j != i || is_owner) && last_update[i] > registered && committed >= registered) {
                masked->uid[kept] = j;
                masked->value[kept++] = (int64_t)weights->value[k] << 32;
            }
        }
        masked->indptr[i + 1] = kept;
    }
    return YUMA_OK;
}

yuma_status yuma_normalize_rows(uint32_t n, yuma_rows *weights) {
    REQUIRE_N(n);
    REQUIRE_ROWS(weights);
    for (uint32_t i = 0; i < n; i++) {
        divide_by_sum(weights->indptr[i + 1] - weights->indptr[i], weights->value + weights->indptr[i]);
    }
    return YUMA_OK;
}

yuma_status yuma_upscale_to_u16(size_t count, const uint16_t *values, uint16_t *scaled) {
    REQUIRE(count == 0 || (values != NULL && scaled != NULL), YUMA_ERROR_NULL);
    const int64_t highest = (int64_t)65535 << 32;
    int64_t largest = 0;
    for (size_t k = 0; k < count; k++) {
        largest = fixed_max(largest, (int64_t)values[k] << 32);
    }
    /* The product of two integers is below 2^32, but above 32768 * 65535 it leaves the range of I32F32: then the chain
     * divides first. */
    int divide_first = largest > (int64_t)32768 << 32;
    int64_t factor = divide_first ? fixed_div(highest, largest) : 0;
    for (size_t k = 0; k < count; k++) {
        int64_t v = (int64_t)values[k] << 32; /* 0 / 0 is 0 */
        int64_t x = divide_first ? fixed_mul(v, factor) : fixed_div(fixed_mul(v, highest), largest);
        scaled[k] = (uint16_t)fixed_clamp(fixed_add(x, YUMA_ONE / 2) >> 32, 0, 65535);
    }
    return YUMA_OK;
}

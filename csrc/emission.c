/* Section 8 of the law: emission and storage. */
#include "stages.h"

static inline uint64_t emission_share(int64_t x, uint64_t emission) {
    if (x <= 0) { /* floor is negative or 0, and clamped to 0 */
        return 0;
    }
    wide p = wide_mul((uint64_t)x, emission);
    return p.hi > UINT32_MAX ? UINT64_MAX : p.hi << 32 | p.lo >> 32;
}

uint64_t yuma_emission_share(int64_t x, uint64_t emission) {
    return emission_share(x, emission);
}

yuma_status yuma_emission(uint32_t n, const int64_t *incentive, const int64_t *dividends, const int64_t *stake,
                          const int64_t *active_stake, uint64_t emission, uint64_t *server_emission,
                          uint64_t *validator_emission, uint64_t *total_emission) {
    REQUIRE_N(n);
    REQUIRE(incentive != NULL && dividends != NULL && stake != NULL && active_stake != NULL, YUMA_ERROR_NULL);
    REQUIRE(server_emission != NULL && validator_emission != NULL && total_emission != NULL, YUMA_ERROR_NULL);
    int64_t total = 0, total_active = 0;
    for (uint32_t i = 0; i < n; i++) {
        VERIFY_CHECK(incentive[i] >= 0 && dividends[i] >= 0 && incentive[i] <= INT64_MAX - dividends[i] &&
                     total <= INT64_MAX - incentive[i] - dividends[i]);
        total += incentive[i] + dividends[i];
        total_active += active_stake[i];
    }
    const int64_t *fallback = total_active == 0 ? stake : active_stake;
    const fixed_divisor by_total = fixed_divisor_of(total);
    for (uint32_t i = 0; i < n; i++) {
        if (total == 0) {
            server_emission[i] = emission_share(incentive[i], emission);
            validator_emission[i] = total_emission[i] = emission_share(fallback[i], emission);
            continue;
        }
        uint64_t server = emission_share(part_of(incentive[i], by_total), emission);
        uint64_t validator = emission_share(part_of(dividends[i], by_total), emission);
        server_emission[i] = server;
        validator_emission[i] = validator;
        total_emission[i] = incentive[i] == 0   ? validator
                            : dividends[i] == 0 ? server
                                                : emission_share(part_of(incentive[i] + dividends[i], by_total), emission);
    }
    return YUMA_OK;
}

yuma_status yuma_store(size_t count, const int64_t *proportions, uint16_t *stored) {
    REQUIRE(count == 0 || (proportions != NULL && stored != NULL), YUMA_ERROR_NULL);
    int64_t outside = 0; /* negative where one is not within [0, ONE] */
    for (size_t k = 0; k < count; k++) {
        outside |= proportions[k] | (int64_t)((uint64_t)YUMA_ONE - (uint64_t)proportions[k]);
    }
    for (size_t k = 0; k < count && outside >= 0; k++) { /* the same without a branch, which compilers vectorize */
        stored[k] = (uint16_t)((uint64_t)proportions[k] * 65535 >> 32);
    }
    for (size_t k = 0; k < count && outside < 0; k++) {
        stored[k] = fixed_to_u16(proportions[k]);
    }
    return YUMA_OK;
}

yuma_status yuma_store_bonds(uint32_t n, const yuma_rows *bonds, const uint8_t *new_permit, uint32_t *indptr,
                             uint16_t *uid, uint16_t *value) {
    REQUIRE_N(n);
    REQUIRE_ROWS(bonds);
    REQUIRE(new_permit != NULL && indptr != NULL && uid != NULL && value != NULL, YUMA_ERROR_NULL);
    uint32_t kept = 0;
    indptr[0] = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t end = new_permit[i] ? bonds->indptr[i + 1] : bonds->indptr[i];
        for (uint32_t k = bonds->indptr[i]; k < end; k++) {
            uid[kept] = bonds->uid[k];
            value[kept++] = fixed_to_u16(bonds->value[k]);
        }
        indptr[i + 1] = kept;
    }
    return YUMA_OK;
}

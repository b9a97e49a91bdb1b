/* Section 8 of the law: emission and storage. */
#include "stages.h"

uint64_t yuma_emission_share(int64_t x, uint64_t emission) {
    if (x <= 0) { /* floor is negative or 0, and clamped to 0 */
        return 0;
    }
    wide p = wide_mul((uint64_t)x, emission);
    return p.hi > UINT32_MAX ? UINT64_MAX : p.hi << 32 | p.lo >> 32;
}

yuma_status yuma_emission(uint32_t n, const int64_t *incentive, const int64_t *dividends, const int64_t *stake,
                          const int64_t *active_stake, uint64_t emission, uint64_t *server_emission,
                          uint64_t *validator_emission, uint64_t *total_emission) {
    REQUIRE_N(n);
    REQUIRE(incentive != NULL && dividends != NULL && stake != NULL && active_stake != NULL, YUMA_ERROR_NULL);
    REQUIRE(server_emission != NULL && validator_emission != NULL && total_emission != NULL, YUMA_ERROR_NULL);
    int64_t total = 0, total_active = 0;
    for (uint32_t i = 0; i < n; i++) {
        total += incentive[i] + dividends[i];
        total_active += active_stake[i];
    }
    const int64_t *fallback = total_active == 0 ? stake : active_stake;
    const fixed_divisor by_total = fixed_divisor_of(total);
    for (uint32_t i = 0; i < n; i++) {
        int64_t server = incentive[i], validator = fallback[i], all = fallback[i];
        if (total != 0) {
            server = fixed_div_by(incentive[i], by_total);
            validator = fixed_div_by(dividends[i], by_total);
            all = fixed_div_by(incentive[i] + dividends[i], by_total);
        }
        server_emission[i] = yuma_emission_share(server, emission);
        validator_emission[i] = yuma_emission_share(validator, emission);
        total_emission[i] = yuma_emission_share(all, emission);
    }
    return YUMA_OK;
}

yuma_status yuma_store(size_t count, const int64_t *proportions, uint16_t *stored) {
    REQUIRE(count == 0 || (proportions != NULL && stored != NULL), YUMA_ERROR_NULL);
    for (size_t k = 0; k < count; k++) {
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

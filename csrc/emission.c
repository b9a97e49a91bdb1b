/* Section 8 of the law: emission and storage. */
#include "stages.h"

static inline uint64_t emission_share(int64_t x, uint64_t emission) {
    if (x <= 0) { /* floor is negative or 0, and clamped to 0 */
        return 0;
    }
    wide p = wide_mul((uint64_t)x, emission);
    return p.hi > UINT32_MAX ? UINT64_MAX : p.hi << 32 | p.lo >> 32;
}

/* The same for a proportion, x <= 2^32: neither product passes 2^64, nor does the sum, which is at most `emission`. */
static inline uint64_t part_of_emission(int64_t x, uint64_t emission) {
    VERIFY_CHECK(is_proportion(x));
    uint64_t p = (uint64_t)x * (emission >> 32) + ((uint64_t)x * (emission & UINT32_MAX) >> 32);
    VERIFY_CHECK(p == emission_share(x, emission));
    return p;
}

uint64_t yuma_emission_share(int64_t x, uint64_t emission) {
    return emission_share(x, emission);
}

int yuma_emission_by_shares(uint32_t n, const int64_t *incentive, const int64_t *dividends, uint64_t emission,
                            uint64_t *server_emission, uint64_t *validator_emission, uint64_t *total_emission) {
    int64_t total = 0, all = 0;
    for (uint32_t i = 0; i < n; i++) {
        VERIFY_CHECK(incentive[i] >= 0 && dividends[i] >= 0 && incentive[i] <= INT64_MAX - dividends[i] &&
                     total <= INT64_MAX - incentive[i] - dividends[i]);
        total += incentive[i] + dividends[i];
        all |= incentive[i] | dividends[i];
    }
    if (total == 0) {
        return 0;
    }
    memset(server_emission, 0, n * sizeof *server_emission);
    memset(validator_emission, 0, n * sizeof *validator_emission);
    memset(total_emission, 0, n * sizeof *total_emission);
    const fixed_divisor by_total = fixed_divisor_of(total);
    const uint64_t reciprocal = UINT64_MAX / (uint64_t)total;
    for (uint32_t i = 0; i < n; i++) { /* most have neither, and nearly all others one of the two */
        const int64_t x = incentive[i], y = dividends[i];
        if ((x | y) == 0) {
            continue;
        }
        uint64_t server = 0, validator = 0;
        if (x != 0) {
            server_emission[i] = server = all < 2 * YUMA_ONE ? part_of_emission(fixed_share_of(x, total, reciprocal), emission)
                                                             : emission_share(fixed_div_by(x, by_total), emission);
        }
        if (y != 0) {
            validator_emission[i] = validator = all < 2 * YUMA_ONE ? part_of_emission(fixed_share_of(y, total, reciprocal), emission)
                                                                   : emission_share(fixed_div_by(y, by_total), emission);
        }
        total_emission[i] = x == 0 || y == 0 ? server + validator : emission_share(fixed_div_by(x + y, by_total), emission);
    }
    return 1;
}

yuma_status yuma_emission(uint32_t n, const int64_t *incentive, const int64_t *dividends, const int64_t *stake,
                          const int64_t *active_stake, uint64_t emission, uint64_t *server_emission,
                          uint64_t *validator_emission, uint64_t *total_emission) {
    REQUIRE_N(n);
    REQUIRE(incentive != NULL && dividends != NULL && stake != NULL && active_stake != NULL, YUMA_ERROR_NULL);
    REQUIRE(server_emission != NULL && validator_emission != NULL && total_emission != NULL, YUMA_ERROR_NULL);
    if (!yuma_emission_by_shares(n, incentive, dividends, emission, server_emission, validator_emission, total_emission)) {
        const int64_t *fallback = any_nonzero(n, active_stake) ? active_stake : stake;
        memset(server_emission, 0, n * sizeof *server_emission);
        for (uint32_t i = 0; i < n; i++) {
            validator_emission[i] = total_emission[i] = emission_share(fallback[i], emission);
        }
    }
    return YUMA_OK;
}

yuma_status yuma_store(size_t count, const int64_t *proportions, uint16_t *stored) {
    REQUIRE(count == 0 || (proportions != NULL && stored != NULL), YUMA_ERROR_NULL);
    const int are_proportions = yuma_uids_portable.store(count, proportions, stored);
    for (size_t k = 0; k < count && !are_proportions; k++) {
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

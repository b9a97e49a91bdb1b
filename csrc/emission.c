/* Section 8 of the law: emission. */
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
    for (uint32_t i = 0; i < n; i++) {
        int64_t server = incentive[i], validator = fallback[i], all = fallback[i];
        if (total != 0) {
            server = fixed_div(incentive[i], total);
            validator = fixed_div(dividends[i], total);
            all = fixed_div(incentive[i] + dividends[i], total);
        }
        server_emission[i] = yuma_emission_share(server, emission);
        validator_emission[i] = yuma_emission_share(validator, emission);
        total_emission[i] = yuma_emission_share(all, emission);
    }
    return YUMA_OK;
}

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

/* What a part of the total, as which a share is given, has of the emission. */
typedef struct {
    int64_t total;
    uint64_t emission, reciprocal; /* of the total */
    fixed_divisor by_total;
    int proportions; /* shares are below 2 * ONE */
} paid;

static inline uint64_t paid_to(int64_t share, const paid *p) {
    return p->proportions ? part_of_emission(fixed_share_of(share, p->total, p->reciprocal), p->emission)
                          : emission_share(fixed_div_by(share, p->by_total), p->emission);
}

static void no_emission(uint32_t n, uint64_t *server_emission, uint64_t *validator_emission, uint64_t *total_emission) {
    memset(server_emission, 0, n * sizeof *server_emission);
    memset(validator_emission, 0, n * sizeof *validator_emission);
    memset(total_emission, 0, n * sizeof *total_emission);
}

int yuma_emission_of(uint32_t n, const int64_t *incentive, const uid_shares *dividends, uint64_t emission, uint64_t *server_emission,
                     uint64_t *validator_emission, uint64_t *total_emission) {
    int64_t total = 0, all = 0;
    for (uint32_t i = 0; i < n; i++) {
        VERIFY_CHECK(incentive[i] >= 0 && total <= INT64_MAX - incentive[i]);
        total += incentive[i];
        all |= incentive[i];
    }
    for (uint32_t k = 0; k < dividends->count; k++) {
        VERIFY_CHECK(dividends->share[k] >= 0 && total <= INT64_MAX - dividends->share[k]);
        total += dividends->share[k];
        all |= dividends->share[k];
    }
    if (total == 0) {
        return 0;
    }
    const paid p = {total, emission, reciprocal_of(total), fixed_divisor_of(total), all < 2 * YUMA_ONE};
    no_emission(n, server_emission, validator_emission, total_emission);
    for (uint32_t i = 0; i < n; i++) {
        if (i % SOME == 0 && n - i >= SOME && some_are_zero(incentive + i)) {
            i += SOME - 1;
        } else if (incentive[i] != 0) {
            server_emission[i] = total_emission[i] = paid_to(incentive[i], &p);
        }
    }
    for (uint32_t k = 0; k < dividends->count; k++) { /* who has both, is paid once for their sum */
        const uint32_t i = uid_of(dividends, k);
        const int64_t x = incentive[i], y = dividends->share[k];
        if (y != 0) {
            validator_emission[i] = paid_to(y, &p);
            total_emission[i] = x == 0 ? validator_emission[i] : emission_share(fixed_div_by(x + y, p.by_total), emission);
        }
    }
    return 1;
}

void yuma_emission_by_stake(uint32_t n, const uid_shares *stake, uint64_t emission, uint64_t *server_emission,
                            uint64_t *validator_emission, uint64_t *total_emission) {
    no_emission(n, server_emission, validator_emission, total_emission);
    for (uint32_t k = 0; k < stake->count; k++) {
        const uint32_t i = uid_of(stake, k);
        validator_emission[i] = total_emission[i] = emission_share(stake->share[k], emission);
    }
}

yuma_status yuma_emission(uint32_t n, const int64_t *incentive, const int64_t *dividends, const int64_t *stake,
                          const int64_t *active_stake, uint64_t emission, uint64_t *server_emission,
                          uint64_t *validator_emission, uint64_t *total_emission) {
    REQUIRE_N(n);
    REQUIRE(incentive != NULL && dividends != NULL && stake != NULL && active_stake != NULL, YUMA_ERROR_NULL);
    REQUIRE(server_emission != NULL && validator_emission != NULL && total_emission != NULL, YUMA_ERROR_NULL);
    /* read alone */
    const uid_shares by_uid = {n, NULL, (int64_t *)dividends};
    const uid_shares fallback = {n, NULL, (int64_t *)(any_nonzero(n, active_stake) ? active_stake : stake)};
    if (!yuma_emission_of(n, incentive, &by_uid, emission, server_emission, validator_emission, total_emission)) {
        yuma_emission_by_stake(n, &fallback, emission, server_emission, validator_emission, total_emission);
    }
    return YUMA_OK;
}

void yuma_store_by(const uid_loops *loops, size_t count, const int64_t *proportions, uint16_t *stored) {
    const int are_proportions = loops->store(count, proportions, stored);
    for (size_t k = 0; k < count && !are_proportions; k++) {
        stored[k] = fixed_to_u16(proportions[k]);
    }
}

void yuma_store_shares(const uid_loops *loops, uint32_t n, const uid_shares *of, uint16_t *stored) {
    if (of->uid == NULL) {
        VERIFY_CHECK(of->count == n);
        yuma_store_by(loops, n, of->share, stored);
        return;
    }
    memset(stored, 0, n * sizeof *stored);
    for (uint32_t k = 0; k < of->count; k++) {
        stored[of->uid[k]] = fixed_to_u16(of->share[k]);
    }
}

yuma_status yuma_store(size_t count, const int64_t *proportions, uint16_t *stored) {
    REQUIRE(count == 0 || (proportions != NULL && stored != NULL), YUMA_ERROR_NULL);
    yuma_store_by(&yuma_uids_portable, count, proportions, stored);
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

/* The loops of uids.h: integers, and nothing that compilers do not vectorize. Included by vector_path.h, and by uids.c without any
 * primitives, after PATH(name) is defined. */

static void PATH(activity)(uint32_t n, const uint64_t *last_update, uint64_t first, uint8_t *active) {
    for (uint32_t i = 0; i < n; i++) {
        active[i] = last_update[i] >= first;
    }
}

/* The bits of the number, which is of 32 bits from the lowest key that there may be, one after the other, the highest first. */
static int32_t PATH(reached_by)(uint32_t count, const int32_t *keys, uint32_t k, uint32_t *reach) {
    const uint32_t lowest = (uint32_t)INT32_MIN, padded = padded_keys(count); /* so that nothing is left after whole vectors */
    uint32_t reached = 0, all = 0;
    for (uint32_t m = 0; m < padded; m++) {
        all |= (uint32_t)keys[m] - lowest;
    }
    *reach = count;
    for (uint32_t bit = (uint32_t)1 << 31; bit != 0 && *reach != k; bit >>= 1) {
        if (bit <= all) {
            const int32_t below = (int32_t)((reached | bit) - 1 + lowest);
            uint32_t found = 0;
            for (uint32_t m = 0; m < padded; m++) {
                found += keys[m] > below;
            }
            reached |= found >= k ? bit : 0;
            *reach = found >= k ? found : *reach;
        }
    }
    return (int32_t)(reached + lowest);
}

static uint64_t PATH(latest)(uint32_t n, const uint64_t *registered) {
    uint64_t latest = 0;
    for (uint32_t j = 0; j < n; j++) {
        latest = registered[j] > latest ? registered[j] : latest;
    }
    return latest;
}

/* The eight bits of so many bytes that are 0 or 1: byte k, which is at bit 8 * k, is moved by 56 - 7 * k to bit 56 + k, and no other
 * product is at a place of another. */
static inline uint64_t PATH(eight)(const uint8_t *byte) {
    uint64_t eight = 0;
    for (unsigned k = 0; k < 8; k++) {
        eight |= (uint64_t)byte[k] << 8 * k;
    }
    return eight * 0x0102040810204080 >> 56;
}

static inline uint64_t PATH(bits)(const uint8_t *byte) {
    uint64_t bits = 0;
    for (unsigned k = 0; k < BITS; k += 8) {
        bits |= PATH(eight)(byte + k) << k;
    }
    return bits;
}

static void PATH(some)(uint32_t n, const uint32_t *weights, const uint8_t *permitted, const uint32_t *bonds, uint64_t *bits) {
    for (uint32_t i = 0; i < n; i += BITS, weights += BITS, permitted += BITS, bonds += BITS) {
        const uint32_t count = n - i < BITS ? n - i : BITS;
        uint8_t has[BITS] = {0};
        for (uint32_t k = 0; k < count; k++) { /* without a branch, so that compilers vectorize it */
            const uint32_t counted = (weights[k] ^ weights[k + 1]) & (0 - (uint32_t)(permitted[k] != 0));
            has[k] = (counted | (bonds[k] ^ bonds[k + 1])) != 0;
        }
        *bits++ = PATH(bits)(has);
    }
}

static void PATH(voted)(uint32_t n, const uint32_t *votes, uint32_t enough, uint64_t *bits) {
    for (uint32_t i = 0; i < n; i += BITS, votes += BITS) {
        const uint32_t count = n - i < BITS ? n - i : BITS;
        uint8_t has[BITS] = {0};
        for (uint32_t k = 0; k < count; k++) {
            has[k] = votes[k] >= enough;
        }
        *bits++ = PATH(bits)(has);
    }
}

static int PATH(store)(size_t count, const int64_t *proportions, uint16_t *stored) {
    int64_t outside = 0; /* negative where one is not within [0, ONE] */
    for (size_t k = 0; k < count; k++) { /* fixed_to_u16 of a proportion, without a branch or a product */
        const uint64_t x = (uint64_t)proportions[k];
        outside |= proportions[k] | (int64_t)((uint64_t)YUMA_ONE - x);
        stored[k] = (uint16_t)(((x << 16) - x) >> 32);
    }
    return outside >= 0;
}

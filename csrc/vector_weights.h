/* Section 4 of the law; of vector_path.h. */

/* lone: a weight may be alone in its row, and ONE. */
INLINE void divide_row(uint32_t slices, const uint16_t *values, uint32_t *weights, size_t stride, factor share, int lone) {
    for (uint32_t s = 0; s < slices; s++) {
        for (unsigned lane = 0; lane < SLICE; lane += WIDE) {
            number w[GROUP];
            EACH(v) {
                w[v] = raised_by(raised_from_u16(values + s * (size_t)SLICE + lane + v * LANES), share);
                w[v] = lone ? least(w[v], splat(UP + SCORE_ONE)) : w[v];
            }
            low_halves(weights + s * stride + lane, w[0], w[1]);
        }
    }
}

INLINE void divide_by(uint32_t slices, const uint16_t *values, uint32_t sum, uint32_t *weights, size_t stride) {
    factor share = stored_share(splat(sum));
    VERIFY_CHECK(sum <= (uint32_t)65535 * YUMA_MAX_UIDS);
    if (sum > UINT16_MAX) { /* no weight is ONE, which one alone in its row is */
        divide_row(slices, values, weights, stride, share, 0);
    } else {
        divide_row(slices, values, weights, stride, share, 1);
    }
    for (size_t k = 0; k < slices * (size_t)SLICE; k++) {
        VERIFY_CHECK(weights[k / SLICE * stride + k % SLICE] == fixed_min(fixed_div(values[k], sum), SCORE_ONE));
    }
}

typedef uint16_t sixteen __attribute__((vector_size(2 * SLICE)));
typedef uint32_t pairs __attribute__((vector_size(2 * SLICE)));

/* At most 65535 * 32767. The last sixteen overlap those before them, of which none counts twice, as a loop over the rest is not
 * predicted. */
INLINE uint32_t sum_of_stored(const vector_stored *row) {
    const sixteen lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    pairs all = {0};
    uint32_t sum = 0;
    for (uint32_t k = 0; row->count >= SLICE && k < row->count; k += SLICE) {
        const uint32_t at = row->count - k < SLICE ? row->count - SLICE : k;
        sixteen uid, value;
        memcpy(&uid, row->uid + at, sizeof uid);
        memcpy(&value, row->value + at, sizeof value);
        value &= (sixteen)(uid != row->own) & (sixteen)(lane >= (uint16_t)(k - at));
        all += ((pairs)value >> 16) + ((pairs)value & UINT16_MAX);
    }
    for (unsigned k = 0; k < SLICE / 2; k++) {
        sum += all[k];
    }
    for (uint32_t k = 0; row->count < SLICE && k < row->count; k++) {
        sum += row->uid[k] == row->own ? 0 : row->value[k];
    }
    return sum;
}

static void PATH(divide)(uint32_t slices, const uint16_t *values, const vector_stored *row, uint32_t *weights, size_t stride) {
    divide_by(slices, values, sum_of_stored(row), weights, stride);
}

static void PATH(normalize)(uint32_t slices, const uint16_t *values, uint32_t *weights, size_t stride) {
    uint32_t sum = 0; /* at most 65535 * 32767 */
    for (size_t k = 0; k < slices * (size_t)SLICE; k++) {
        sum += values[k];
    }
    divide_by(slices, values, sum, weights, stride);
}

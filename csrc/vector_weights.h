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

static void PATH(divide)(uint32_t slices, const uint16_t *values, uint32_t sum, uint32_t *weights, size_t stride) {
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

static void PATH(normalize)(uint32_t slices, const uint16_t *values, uint32_t *weights, size_t stride) {
    uint32_t sum = 0; /* at most 65535 * 32767 */
    for (size_t k = 0; k < slices * (size_t)SLICE; k++) {
        sum += values[k];
    }
    PATH(divide)(slices, values, sum, weights, stride);
}

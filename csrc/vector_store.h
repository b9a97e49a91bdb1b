/* Section 8 of the law; of vector_path.h. */

INLINE uint32_t pack_by_lane(unsigned set, const uint16_t *a, const uint16_t *b, uint16_t *to_a, uint16_t *to_b) {
    uint32_t packed = 0;
    for (unsigned lane = 0; lane < SLICE; lane++) { /* without a branch, which could not be predicted */
        to_a[packed] = a[lane];
        to_b[packed] = b[lane];
        packed += set >> lane & 1;
    }
    return packed;
}

static uint32_t PATH(pack)(const vector_row *row, uint16_t *uid, uint16_t *value, uint32_t room) {
    const uint16_t *from_uid = row->uid, *from = row->bonds, *kept = row->kept;
    uint32_t packed = 0;
    for (uint32_t s = 0; s < row->slices; s++, from_uid += SLICE, from += SLICE, kept++) {
        unsigned set = *kept;
        if (set == UINT16_MAX) {
            memcpy(uid + packed, from_uid, SLICE * sizeof *uid);
            memcpy(value + packed, from, SLICE * sizeof *value);
            packed += SLICE;
        } else if (set != 0 && room - packed >= SLICE) {
            packed += pack_slice(set, from_uid, from, uid + packed, value + packed);
        } else {
            for (unsigned lane = 0; lane < SLICE; lane++) {
                if (set >> lane & 1) {
                    uid[packed] = from_uid[lane];
                    value[packed++] = from[lane];
                }
            }
        }
    }
    return packed;
}

/* Section 8 of the law; of vector_path.h. */

#if !defined(pack_slice)
/* By set of eight, the eighths of the set in front, a byte each. */
#define BELOW(set, k) (((set) & 1) + ((set) >> 1 & 1) * ((k) > 1) + ((set) >> 2 & 1) * ((k) > 2) + ((set) >> 3 & 1) * ((k) > 3) + \
                       ((set) >> 4 & 1) * ((k) > 4) + ((set) >> 5 & 1) * ((k) > 5) + ((set) >> 6 & 1) * ((k) > 6))
#define EIGHTH(set, k) ((uint64_t)((set) >> (k) & 1) * (k) << 8 * BELOW(set, k))
#define IN_FRONT(set)                                                                                                        \
    (EIGHTH(set, 1) | EIGHTH(set, 2) | EIGHTH(set, 3) | EIGHTH(set, 4) | EIGHTH(set, 5) | EIGHTH(set, 6) | EIGHTH(set, 7))
#define IN_FRONT_4(set) IN_FRONT(set), IN_FRONT((set) + 1), IN_FRONT((set) + 2), IN_FRONT((set) + 3)
#define IN_FRONT_16(set) IN_FRONT_4(set), IN_FRONT_4((set) + 4), IN_FRONT_4((set) + 8), IN_FRONT_4((set) + 12)
#define IN_FRONT_64(set) IN_FRONT_16(set), IN_FRONT_16((set) + 16), IN_FRONT_16((set) + 32), IN_FRONT_16((set) + 48)
static const uint64_t in_front[256] = {IN_FRONT_64(0), IN_FRONT_64(64), IN_FRONT_64(128), IN_FRONT_64(192)};

INLINE uint32_t pack_slice(unsigned set, const uint16_t *a, const uint16_t *b, uint16_t *to_a, uint16_t *to_b) {
    const unsigned low = set & 255, high = set >> 8;
    const uint32_t first = (uint32_t)__builtin_popcount(low);
    pick(in_front[low], a, to_a);
    pick(in_front[low], b, to_b);
    pick(in_front[high], a + SLICE / 2, to_a + first);
    pick(in_front[high], b + SLICE / 2, to_b + first);
    return first + (uint32_t)__builtin_popcount(high);
}
#endif

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

/* vector_path.h with the vector instructions of aarch64. */
#include "vector.h"

#if defined(YUMA_HAVE_NEON)
#include <arm_neon.h>

enum { LANES = 2, SCORES = 4 };
typedef double number __attribute__((vector_size(16)));
typedef int64_t mask __attribute__((vector_size(16)));
typedef uint64_t words __attribute__((vector_size(16)));
typedef uint32_t scores __attribute__((vector_size(16)));

#define ISA YUMA_ISA_NEON
#define PATH(name) yuma_vector_neon_##name
#define yuma_vector_neon_path yuma_vector_neon
#define INLINE static inline __attribute__((always_inline))

INLINE number fused(number a, number b, number c) {
    return (number)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
}

INLINE number fused_from(number c, number a, number b) {
    return (number)vfmsq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
}

INLINE number splat(double x) {
    return (number)vdupq_n_f64(x);
}

INLINE number least(number a, number b) {
    return (number)vminq_f64((float64x2_t)a, (float64x2_t)b);
}

INLINE number most(number a, number b) {
    return (number)vmaxq_f64((float64x2_t)a, (float64x2_t)b);
}

INLINE number from_u32(const uint32_t *p) {
    return (number)vcvtq_f64_u64(vmovl_u32(vld1_u32(p)));
}

INLINE words words_from_u32(const uint32_t *p) {
    return (words)vmovl_u32(vld1_u32(p));
}

INLINE words words_from_u16(const uint16_t *p) {
    return (words){p[0], p[1]};
}

INLINE void low_halves(uint32_t *p, number x, number y) {
    vst1q_u32(p, vuzp1q_u32((uint32x4_t)x, (uint32x4_t)y));
}

INLINE void low_quarters(uint16_t *p, number x, number y) {
    vst1_u16(p, vmovn_u32(vuzp1q_u32((uint32x4_t)x, (uint32x4_t)y)));
}

INLINE number one_more(number x, number a, number b) {
    return x + (number)((mask)(a >= b) & (mask)splat(1));
}

INLINE void gather_pairs(const vector_pair *table, const uint16_t *index, number *x, number *y) {
    float64x2_t a = vld1q_f64(&table[index[0]].first), b = vld1q_f64(&table[index[1]].first);
    *x = (number)vzip1q_f64(a, b);
    *y = (number)vzip2q_f64(a, b);
}

INLINE void add_pairs(vector_pair *table, const uint16_t *index, number x, number y) {
    double *a = &table[index[0]].first, *b = &table[index[1]].first;
    vst1q_f64(a, vaddq_f64(vld1q_f64(a), vzip1q_f64((float64x2_t)x, (float64x2_t)y)));
    vst1q_f64(b, vaddq_f64(vld1q_f64(b), vzip2q_f64((float64x2_t)x, (float64x2_t)y)));
}

INLINE void add_most(vector_pair *table, const uint16_t *index, number x) {
    for (unsigned lane = 0; lane < LANES; lane++) {
        vector_pair *pair = &table[index[lane]];
        pair->first += x[lane];
        pair->second = x[lane] > pair->second ? x[lane] : pair->second;
    }
}

INLINE unsigned bits(mask m) {
    return (unsigned)(m[0] & 1) | (unsigned)(m[1] & 2);
}

INLINE scores widen(const uint16_t *p) {
    return (scores)vmovl_u16(vld1_u16(p));
}

INLINE scores splat_scores(uint32_t x) {
    return (scores)vdupq_n_u32(x);
}

INLINE scores scores_least(scores a, scores b) {
    return (scores)vminq_u32((uint32x4_t)a, (uint32x4_t)b);
}

INLINE scores scores_most(scores a, scores b) {
    return (scores)vmaxq_u32((uint32x4_t)a, (uint32x4_t)b);
}

INLINE scores scores_above(scores a, scores b) {
    return (scores)(a > b);
}

INLINE int scores_differ(scores a, scores b) {
    return vminvq_u32((uint32x4_t)(a == b)) == 0;
}

INLINE scores scores_add_upto(scores sum, scores score, scores middle, scores stake) {
    return sum + (stake & (scores)(score <= middle));
}

INLINE void pick(uint64_t lanes, const uint16_t *from, uint16_t *to) {
    uint16x8_t lane = vmovl_u8(vcreate_u8(lanes)); /* its two bytes are 2 * lane and one more */
    uint8x16_t bytes = vreinterpretq_u8_u16(vaddq_u16(vmulq_n_u16(lane, 0x0202), vdupq_n_u16(0x0100)));
    vst1q_u16(to, vreinterpretq_u16_u8(vqtbl1q_u8(vreinterpretq_u8_u16(vld1q_u16(from)), bytes)));
}

#include "vector_path.h"
#else
typedef int yuma_no_neon; /* a translation unit is not empty */
#endif

/* vector_path.h with AVX2 and FMA. */
#include "vector.h"

#if defined(YUMA_HAVE_AVX)
#include <immintrin.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif

enum { LANES = 4, SCORES = 8 };
typedef double number __attribute__((vector_size(32)));
typedef int64_t mask __attribute__((vector_size(32)));
typedef uint64_t words __attribute__((vector_size(32)));
typedef uint32_t scores __attribute__((vector_size(32)));

#define ISA YUMA_ISA_AVX2
#define PATH(name) yuma_vector_avx2_##name
#define yuma_vector_avx2_path yuma_vector_avx2
#define INLINE static inline __attribute__((always_inline))

INLINE number fused(number a, number b, number c) {
    return _mm256_fmadd_pd(a, b, c);
}

INLINE number fused_from(number c, number a, number b) {
    return _mm256_fnmadd_pd(a, b, c);
}

INLINE number splat(double x) {
    return _mm256_set1_pd(x);
}

INLINE number least(number a, number b) {
    return _mm256_min_pd(a, b);
}

INLINE number most(number a, number b) {
    return _mm256_max_pd(a, b);
}

INLINE number from_u32(const uint32_t *p) {
    /* with the exponent of 2^52 an integer stands in the low bits of the significand */
    __m256d up = _mm256_set1_pd(4503599627370496.0);
    __m256i x = _mm256_cvtepu32_epi64(_mm_loadu_si128((const __m128i *)(const void *)p));
    return _mm256_sub_pd(_mm256_or_pd((__m256d)x, up), up);
}

INLINE words words_from_u32(const uint32_t *p) {
    return (words)_mm256_cvtepu32_epi64(_mm_loadu_si128((const __m128i *)(const void *)p));
}

INLINE words words_from_u16(const uint16_t *p) {
    return (words)_mm256_cvtepu16_epi64(_mm_loadl_epi64((const __m128i *)(const void *)p));
}

INLINE void low_halves(uint32_t *p, number x, number y) {
    __m256d even = (__m256d)_mm256_shuffle_ps((__m256)x, (__m256)y, 0x88); /* of x, y, x, y */
    _mm256_storeu_pd((double *)(void *)p, _mm256_permute4x64_pd(even, 0xd8));
}

INLINE void low_quarters(uint16_t *p, number x, number y) {
    __m256i packed = (__m256i)_mm256_shuffle_ps((__m256)x, (__m256)y, 0x88); /* in 32 bits: x0 x1 y0 y1, x2 x3 y2 y3 */
    packed = _mm256_packus_epi32(packed, packed); /* in 16 bits, each half twice */
    packed = _mm256_permutevar8x32_epi32(packed, _mm256_setr_epi32(0, 4, 1, 5, 0, 4, 1, 5));
    _mm_storeu_si128((__m128i *)(void *)p, _mm256_castsi256_si128(packed));
}

INLINE number one_more(number x, number a, number b) {
    return _mm256_add_pd(x, _mm256_and_pd(_mm256_cmp_pd(a, b, _CMP_GE_OQ), _mm256_set1_pd(1)));
}

INLINE __m256d two_pairs(const vector_pair *table, uint16_t low, uint16_t high) {
    return _mm256_insertf128_pd(_mm256_castpd128_pd256(_mm_loadu_pd(&table[low].first)), _mm_loadu_pd(&table[high].first), 1);
}

INLINE void gather_pairs(const vector_pair *table, const uint16_t *index, number *x, number *y) {
    __m256d even = two_pairs(table, index[0], index[2]), odd = two_pairs(table, index[1], index[3]);
    *x = _mm256_unpacklo_pd(even, odd);
    *y = _mm256_unpackhi_pd(even, odd);
}

INLINE void add_pair(vector_pair *pair, __m128d x) {
    _mm_storeu_pd(&pair->first, _mm_add_pd(_mm_loadu_pd(&pair->first), x));
}

INLINE void add_pairs(vector_pair *table, const uint16_t *index, number x, number y) {
    __m256d even = _mm256_unpacklo_pd(x, y), odd = _mm256_unpackhi_pd(x, y);
    add_pair(&table[index[0]], _mm256_castpd256_pd128(even));
    add_pair(&table[index[1]], _mm256_castpd256_pd128(odd));
    add_pair(&table[index[2]], _mm256_extractf128_pd(even, 1));
    add_pair(&table[index[3]], _mm256_extractf128_pd(odd, 1));
}

INLINE void add_most_pair(vector_pair *pair, __m128d x) {
    _mm_storeu_pd(&pair->first, _mm_max_pd(_mm_add_sd(_mm_loadu_pd(&pair->first), x), x)); /* a sum is not below what it has */
}

INLINE void add_most(vector_pair *table, const uint16_t *index, number x) {
    __m256d even = _mm256_unpacklo_pd(x, x), odd = _mm256_unpackhi_pd(x, x);
    add_most_pair(&table[index[0]], _mm256_castpd256_pd128(even));
    add_most_pair(&table[index[1]], _mm256_castpd256_pd128(odd));
    add_most_pair(&table[index[2]], _mm256_extractf128_pd(even, 1));
    add_most_pair(&table[index[3]], _mm256_extractf128_pd(odd, 1));
}

INLINE unsigned bits(mask m) {
    return (unsigned)_mm256_movemask_pd((__m256d)m);
}

INLINE scores widen(const uint16_t *p) {
    return (scores)_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(const void *)p));
}

INLINE scores splat_scores(uint32_t x) {
    return (scores)_mm256_set1_epi32((int)x);
}

INLINE scores scores_least(scores a, scores b) {
    return (scores)_mm256_min_epu32((__m256i)a, (__m256i)b);
}

INLINE scores scores_most(scores a, scores b) {
    return (scores)_mm256_max_epu32((__m256i)a, (__m256i)b);
}

INLINE scores scores_above(scores a, scores b) {
    return (scores)(scores_least(a, b) != a);
}

INLINE int scores_differ(scores a, scores b) {
    return _mm256_movemask_epi8((__m256i)(a == b)) != -1;
}

INLINE scores scores_add_upto(scores sum, scores score, scores middle, scores stake) {
    return sum + (stake & (scores)(scores_least(score, middle) == score));
}

INLINE void pick(uint64_t lanes, const uint16_t *from, uint16_t *to) {
    __m128i lane = _mm_cvtepu8_epi16(_mm_cvtsi64_si128((int64_t)lanes)); /* its two bytes are 2 * lane and one more */
    __m128i bytes = _mm_add_epi16(_mm_mullo_epi16(lane, _mm_set1_epi16(0x0202)), _mm_set1_epi16(0x0100));
    _mm_storeu_si128((__m128i *)(void *)to, _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(const void *)from), bytes));
}

#include "vector_path.h"

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#else
typedef int yuma_no_avx2; /* a translation unit is not empty */
#endif

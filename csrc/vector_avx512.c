/* vector_path.h with AVX-512 F, BW, DQ and VL. */
#include "vector.h"

#if defined(YUMA_HAVE_AVX)
#include <immintrin.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma,avx512f,avx512bw,avx512dq,avx512vl"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,prefer-vector-width=512")
#endif

enum { LANES = 8, SCORES = 16 };
typedef double number __attribute__((vector_size(64)));
typedef int64_t mask __attribute__((vector_size(64)));
typedef uint64_t words __attribute__((vector_size(64)));
typedef uint32_t scores __attribute__((vector_size(64)));

#define ISA YUMA_ISA_AVX512
#define PATH(name) yuma_vector_avx512_##name
#define yuma_vector_avx512_path yuma_vector_avx512
#define INLINE static inline __attribute__((always_inline))

INLINE number fused(number a, number b, number c) {
    return _mm512_fmadd_pd(a, b, c);
}

INLINE number fused_from(number c, number a, number b) {
    return _mm512_fnmadd_pd(a, b, c);
}

INLINE number splat(double x) {
    return _mm512_set1_pd(x);
}

INLINE number least(number a, number b) {
    return _mm512_min_pd(a, b);
}

INLINE number most(number a, number b) {
    return _mm512_max_pd(a, b);
}

INLINE number from_u32(const uint32_t *p) {
    return _mm512_cvtepu32_pd(_mm256_loadu_si256((const __m256i *)(const void *)p));
}

INLINE words words_from_u32(const uint32_t *p) {
    return (words)_mm512_cvtepu32_epi64(_mm256_loadu_si256((const __m256i *)(const void *)p));
}

INLINE words words_from_u16(const uint16_t *p) {
    return (words)_mm512_cvtepu16_epi64(_mm_loadu_si128((const __m128i *)(const void *)p));
}

INLINE void low_halves(uint32_t *p, number x, number y) {
    const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    _mm512_storeu_si512(p, _mm512_permutex2var_epi32((__m512i)x, even, (__m512i)y));
}

INLINE void low_quarters(uint16_t *p, number x, number y) {
    const __m256i fourth = _mm256_setr_epi16(0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 60);
    __m512i low = _mm512_permutex2var_epi16((__m512i)x, _mm512_zextsi256_si512(fourth), (__m512i)y);
    _mm256_storeu_si256((__m256i *)(void *)p, _mm512_castsi512_si256(low));
}

INLINE number one_more(number x, number a, number b) {
    return _mm512_mask_add_pd(x, _mm512_cmp_pd_mask(a, b, _CMP_GE_OQ), x, _mm512_set1_pd(1));
}

INLINE __m256d two_pairs(const vector_pair *table, uint16_t low, uint16_t high) {
    return _mm256_insertf128_pd(_mm256_castpd128_pd256(_mm_loadu_pd(&table[low].first)), _mm_loadu_pd(&table[high].first), 1);
}

INLINE __m512d four_pairs(const vector_pair *table, const uint16_t *index) { /* every other one */
    __m256d low = two_pairs(table, index[0], index[2]), high = two_pairs(table, index[4], index[6]);
    return _mm512_insertf64x4(_mm512_castpd256_pd512(low), high, 1);
}

INLINE void gather_pairs(const vector_pair *table, const uint16_t *index, number *x, number *y) {
    __m512d even = four_pairs(table, index), odd = four_pairs(table, index + 1);
    *x = _mm512_unpacklo_pd(even, odd);
    *y = _mm512_unpackhi_pd(even, odd);
}

INLINE void add_pair(vector_pair *pair, __m128d x) {
    _mm_storeu_pd(&pair->first, _mm_add_pd(_mm_loadu_pd(&pair->first), x));
}

INLINE void add_four_pairs(vector_pair *table, const uint16_t *index, __m512d pairs) {
    add_pair(&table[index[0]], _mm512_castpd512_pd128(pairs));
    add_pair(&table[index[2]], _mm512_extractf64x2_pd(pairs, 1));
    add_pair(&table[index[4]], _mm512_extractf64x2_pd(pairs, 2));
    add_pair(&table[index[6]], _mm512_extractf64x2_pd(pairs, 3));
}

INLINE void add_pairs(vector_pair *table, const uint16_t *index, number x, number y) {
    add_four_pairs(table, index, _mm512_unpacklo_pd(x, y));
    add_four_pairs(table, index + 1, _mm512_unpackhi_pd(x, y));
}

INLINE void add_most_pair(vector_pair *pair, __m128d x) {
    _mm_storeu_pd(&pair->first, _mm_max_pd(_mm_add_sd(_mm_loadu_pd(&pair->first), x), x)); /* a sum is not below what it has */
}

INLINE void add_most_four(vector_pair *table, const uint16_t *index, __m512d x) {
    add_most_pair(&table[index[0]], _mm512_castpd512_pd128(x));
    add_most_pair(&table[index[2]], _mm512_extractf64x2_pd(x, 1));
    add_most_pair(&table[index[4]], _mm512_extractf64x2_pd(x, 2));
    add_most_pair(&table[index[6]], _mm512_extractf64x2_pd(x, 3));
}

INLINE void add_most(vector_pair *table, const uint16_t *index, number x) {
    add_most_four(table, index, _mm512_unpacklo_pd(x, x));
    add_most_four(table, index + 1, _mm512_unpackhi_pd(x, x));
}

INLINE unsigned bits(mask m) {
    return _mm512_movepi64_mask((__m512i)m);
}

INLINE scores widen(const uint16_t *p) {
    return (scores)_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(const void *)p));
}

INLINE scores splat_scores(uint32_t x) {
    return (scores)_mm512_set1_epi32((int)x);
}

INLINE scores scores_least(scores a, scores b) {
    return (scores)_mm512_min_epu32((__m512i)a, (__m512i)b);
}

INLINE scores scores_most(scores a, scores b) {
    return (scores)_mm512_max_epu32((__m512i)a, (__m512i)b);
}

INLINE scores scores_above(scores a, scores b) {
    return (scores)_mm512_movm_epi32(_mm512_cmpgt_epu32_mask((__m512i)a, (__m512i)b));
}

INLINE int scores_differ(scores a, scores b) {
    return _mm512_cmpneq_epu32_mask((__m512i)a, (__m512i)b) != 0;
}

INLINE scores scores_add_upto(scores sum, scores score, scores middle, scores stake) {
    __mmask16 lower = _mm512_cmple_epu32_mask((__m512i)score, (__m512i)middle);
    return (scores)_mm512_mask_add_epi32((__m512i)sum, lower, (__m512i)sum, (__m512i)stake);
}

INLINE void pack_into(__mmask16 set, const uint16_t *from, uint16_t *to) {
    __m512i x = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(const void *)from));
    _mm256_storeu_si256((__m256i *)(void *)to, _mm512_cvtepi32_epi16(_mm512_maskz_compress_epi32(set, x)));
}

#define pack_slice pack_by_mask
INLINE uint32_t pack_by_mask(unsigned set, const uint16_t *a, const uint16_t *b, uint16_t *to_a, uint16_t *to_b) {
    pack_into((__mmask16)set, a, to_a);
    pack_into((__mmask16)set, b, to_b);
    return (uint32_t)__builtin_popcount(set);
}

#include "vector_path.h"

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#else
typedef int yuma_no_avx512; /* a translation unit is not empty */
#endif

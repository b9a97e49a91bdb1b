/* The arithmetic of vector.h, over the primitives of an instruction set. Included by one file for each, after it has defined
 *
 *     ISA                     its bit of the mask
 *     LANES, SCORES           numbers in a vector; scores in one
 *     number, mask, words     vectors of LANES doubles, of LANES int64_t that a comparison of numbers makes, of uint64_t
 *     scores                  a vector of SCORES uint32_t
 *     fused(a, b, c)          a * b + c, rounded once; fused_from(c, a, b): c - a * b
 *     splat(x)                a number of equal doubles; least, most: of two vectors
 *     from_u32(p)             LANES integers as doubles
 *     words_from_u16(p), words_from_u32(p)  LANES integers
 *     low_halves(p, x, y)     the low 32 bits of each double
 *     low_quarters(p, x, y)   the same where they are below 2^16, in 16 bits
 *     one_more(x, a, b)       x, and x + 1 where a >= b
 *     gather_pairs(table, index, x, y)  the first and the second number of table[index[lane]]
 *     add_pairs(table, index, x, y)     adds to them; the LANES indices are different
 *     add_most(table, index, x)         adds to the first, the second is the largest; none is negative
 *     bits(mask)              a bit a lane
 *     widen(p)                SCORES integers of 16 bits
 *     splat_scores, scores_least, scores_most, scores_above, scores_differ
 *     scores_add_upto(sum, score, middle, stake)  sum, and the stake where the score is at most middle
 *     pick(lanes, from, to)   the eight numbers of 16 bits that the bytes of lanes name, the lowest first
 *     pack_slice(set, a, b, to_a, to_b)  those numbers of SLICE in a and in b that are in the set, in front; how many. All of
 *                             SLICE may be written. It is made of pick where it is no macro
 *
 * and PATH(name), which gives the functions their names. */
#include <string.h>

#include "fixed.h"
#include "sigmoid.h"

#include "vector_numbers.h"
#include "vector_weights.h"
#include "vector_consensus.h"
#include "vector_clip.h"
#include "vector_alphas.h"
#include "vector_bonds.h"
#include "vector_rows.h"
#include "vector_store.h"
#include "vector_uids.h"

static int PATH(rounds_downward)(void) {
    volatile double one = 1, tiny = 0x1p-60;
    const double tenth = 1.0 / 10.0; /* to nearest it is above */
    return all_lanes((mask)(splat(one) - tiny < 1)) && tenth < 0x1.999999999999ap-4;
}

const vector_path PATH(path) = {
    .isa = ISA,
    .uids = {PATH(activity), PATH(reached_by), PATH(latest), PATH(some), PATH(voted), PATH(store)},
    .rounds_downward = PATH(rounds_downward),
    .normalize = PATH(normalize),
    .divide = PATH(divide),
    .consensus = PATH(consensus),
    .clip = PATH(clip),
    .bonds = PATH(bonds),
    .alphas = PATH(alphas),
    .packed_consensus = PATH(packed_consensus),
    .decay = PATH(decay),
    .clip_rows = PATH(clip_rows),
    .average_rows = PATH(average_rows),
    .normalize_rows = PATH(normalize_rows),
    .pack = PATH(pack),
};

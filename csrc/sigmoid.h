/* Section 7 of the law, the sigmoid of liquid alpha, between two bounds that do not take the series of its exponential.
 *
 * Let x = |g| / 2^32 <= 7, e its exponential, S = exp_safe(|g|), for g != 2^32. What the terms of S lose by rounding and what is
 * beyond the last of them are together less than 6 + 7.5 * x + 0.16 * e:
 *
 *     e * 2^32 - (6 + 7.5 * x + 0.16 * e) < S <= e * 2^32
 *
 * and every further step of the law is monotone: computed from both ends, an alpha that is the same is the alpha. Where it is
 * not, and outside the range, the series is taken.
 *
 * e is the 512th power of 1 + y + ... + y^5 / 120 at y = x / 512, by nine squarings: too small by at most 2^-37.6 of it, and off by
 * at most 2^-41 by rounding. Every operation in doubles counts as off by 2^-52 of its result, so that the rounding mode does not
 * matter, nor whether operations are fused. docs/numerics.md has the proofs. */
#ifndef YUMA_SIGMOID_H
#define YUMA_SIGMOID_H

#define SIGMOID_UPTO (7 * YUMA_ONE)

/* 1/6, 1/24 and 1/120, which as quotients would wait for the rounding mode. */
#define SIGMOID_6TH 0x1.5555555555555p-3
#define SIGMOID_24TH 0x1.5555555555555p-5
#define SIGMOID_120TH 0x1.1111111111111p-7
#define SIGMOID_SQUARINGS 9

/* The lower end of S / 2^32 is e less (6 + 7.5 * x + 0.17 * e) / 2^32, the upper one e more by 2^-37 of it. */
#define SIGMOID_LESS (6 * 0x1p-32)
#define SIGMOID_LESS_OF_X (7.5 * 0x1p-32)
#define SIGMOID_LESS_OF_E (0.17 * 0x1p-32)
#define SIGMOID_MORE_OF_E (1 + 0x1p-37)

/* 2^32 / d for d from `lower` to `upper` is at least q = SIGMOID_NUMERATOR / upper, and at most q more by t + 2^-48 of it, where
 * t = (upper - lower) * q / 2^32. */
#define SIGMOID_NUMERATOR (4294967296.0 * (1 - 0x1p-50))
#define SIGMOID_MORE_OF_Q 0x1p-48

#endif

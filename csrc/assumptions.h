/* What the C standard leaves to the compiler and this library relies on, asserted where it can be: a build that could not be exact
 * does not compile. Included by every source. */
#ifndef YUMA_ASSUMPTIONS_H
#define YUMA_ASSUMPTIONS_H

#include <float.h>
#include <limits.h>
#include <stddef.h>
#include <stdint.h>

_Static_assert(CHAR_BIT == 8, "bytes are octets");
_Static_assert((-1 & 3) == 3, "negative integers are two's complement");
_Static_assert((int64_t)-3 >> 1 == -2, ">> of a negative integer is the arithmetic shift");
_Static_assert((int64_t)UINT64_MAX == -1, "conversion to a signed type keeps the bits");
_Static_assert(sizeof(size_t) >= 4, "32-bit indices fit a size_t");

/* ---- doubles: the bounds of the sigmoid, and the vector paths ------------------------------------------------------------ */

_Static_assert(FLT_RADIX == 2 && DBL_MANT_DIG == 53 && DBL_MAX_EXP == 1024 && DBL_MIN_EXP == -1021, "double is binary64");
_Static_assert(sizeof(1.0) == sizeof(double), "constants are doubles: not with -fsingle-precision-constant");

/* -ffast-math, and each part of it that compilers tell of. __NO_TRAPPING_MATH__ and __NO_MATH_ERRNO__ change no number. */
#if defined(__FAST_MATH__) || (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__ > 0) || defined(__ASSOCIATIVE_MATH__) || \
    defined(__RECIPROCAL_MATH__) || defined(__NO_SIGNED_ZEROS__) || defined(_M_FP_FAST)
#error "yuma-kernel would not be exact: not with -ffast-math, -Ofast or parts of them; yuma.h states the flags"
#endif

/* clang tells of the whole and not of the parts, and is told here: no reassociation, no reciprocals, nothing fused. gcc knows no
 * such pragma, and tells of every part but -ffp-contract, which changes no number as the sources are: docs/numerics.md. */
#if defined(__clang__)
#pragma float_control(precise, on)
#pragma STDC FP_CONTRACT OFF
#endif

#endif

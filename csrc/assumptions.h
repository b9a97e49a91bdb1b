/* What the C standard leaves to the compiler and this library relies on, asserted where it can be. */
#ifndef YUMA_ASSUMPTIONS_H
#define YUMA_ASSUMPTIONS_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

_Static_assert(CHAR_BIT == 8, "bytes are octets");
_Static_assert((-1 & 3) == 3, "negative integers are two's complement");
_Static_assert((int64_t)-3 >> 1 == -2, ">> of a negative integer is the arithmetic shift");
_Static_assert((int64_t)UINT64_MAX == -1, "conversion to a signed type keeps the bits");
_Static_assert(sizeof(size_t) >= 4, "32-bit indices fit a size_t");

#endif

/* The ranges that the sources state, looked at while they run: in a build with YUMA_VERIFY, which the tests and the fuzz targets
 * use, a VERIFY_CHECK that does not hold says where and aborts. In every other build its condition is compiled and not evaluated. */
#ifndef YUMA_VERIFY_H
#define YUMA_VERIFY_H

#if defined(YUMA_VERIFY)
#include <stdio.h>
#include <stdlib.h>

#define VERIFY_CHECK(condition)                                                        \
    do {                                                                               \
        if (!(condition)) {                                                            \
            fprintf(stderr, "%s:%d: not %s\n", __FILE__, __LINE__, #condition);        \
            abort();                                                                   \
        }                                                                              \
    } while (0)
#else
#define VERIFY_CHECK(condition) ((void)sizeof((condition) ? 1 : 0))
#endif

#endif

/* The yardstick: what one exact I32F32 division costs, done plainly. */
#include <stddef.h>
#include <stdint.h>

void yardstick(size_t count, const int64_t *a, const int64_t *b, int64_t *q);

/* Stored through a pointer that nobody else can know, one by one: nothing is left out, and nothing is vectorized, as
 * there is no vector division. */
void yardstick(size_t count, const int64_t *a, const int64_t *b, int64_t *q) {
    for (size_t i = 0; i < count; i++) {
        q[i] = (int64_t)(((__int128)a[i] << 32) / b[i]);
    }
}

/* A binary heap of (key, tag) pairs, smallest first, equal keys by tag: the order of the stable sort of section 3.5. In
 * place, and at most 2 log2(count) comparisons a pop whatever the input. */
#ifndef YUMA_HEAP_H
#define YUMA_HEAP_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    int64_t key, tag;
} heap_pair;

static inline int heap_less(heap_pair a, heap_pair b) {
    return a.key < b.key || (a.key == b.key && a.tag < b.tag);
}

/* Puts `pair` where it belongs at or below `hole`; both subtrees of the hole are heaps. */
static inline void heap_place(heap_pair *heap, size_t count, size_t hole, heap_pair pair) {
    for (size_t child = 2 * hole + 1; child < count; child = 2 * hole + 1) {
        if (child + 1 < count && heap_less(heap[child + 1], heap[child])) {
            child++;
        }
        if (!heap_less(heap[child], pair)) {
            break;
        }
        heap[hole] = heap[child];
        hole = child;
    }
    heap[hole] = pair;
}

static inline void heap_build(heap_pair *heap, size_t count) {
    for (size_t i = count / 2; i-- > 0;) {
        heap_place(heap, count, i, heap[i]);
    }
}

/* The smallest of `count` > 0 pairs; count - 1 remain. */
static inline heap_pair heap_pop(heap_pair *heap, size_t count) {
    heap_pair smallest = heap[0];
    if (count > 1) {
        heap_place(heap, count - 1, 0, heap[count - 1]);
    }
    return smallest;
}

#endif

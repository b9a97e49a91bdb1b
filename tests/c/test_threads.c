/* Epochs in several threads at once, on inputs that they share, with outputs and a workspace of their own: under
 * ThreadSanitizer, which reports what one writes and another touches. Each thread computes what a single one computed before
 * them, and what the chain did. `test_threads FILE`, FILE from pack_vectors.py. */
#include <pthread.h>

#include "vectors.h"

enum { THREADS = 4 };

typedef struct {
    pthread_mutex_t *gate; /* closed until every thread is there */
    const vector *epochs;
    uint32_t count;
    int backwards;
    unsigned long computed, differ;
} task;

static void compute(task *t, const vector *e, uint32_t isa, tracing traced) {
    room got;
    make_room(&e->state, &got);
    yuma_status status = run_epoch(e, &got, isa, traced, 0);
    t->differ += status != YUMA_OK || first_difference(e, &got, traced).field != NULL;
    t->computed++;
    disown(&got.memory);
}

static void *run(void *argument) {
    task *t = argument;
    pthread_mutex_lock(t->gate);
    pthread_mutex_unlock(t->gate);
    for (uint32_t i = 0; i < t->count; i++) {
        const vector *e = &t->epochs[t->backwards ? t->count - 1 - i : i];
        if (yuma_check(&e->state, &e->hyperparameters) != YUMA_OK) {
            t->differ++;
        }
        compute(t, e, YUMA_ISA_ANY, NO_TRACE);
        compute(t, e, YUMA_ISA_ANY, ARRAYS);
        compute(t, e, YUMA_ISA_PORTABLE, ROWS);
    }
    return NULL;
}

int main(int count, char **arguments) {
    if (count < 2) {
        die("usage: test_threads FILE");
    }
    vectors v = open_vectors(arguments[1]);
    vector *epochs = calloc(v.epochs, sizeof *epochs);
    if (epochs == NULL || v.epochs == 0) {
        die("no memory, or no epochs");
    }
    for (uint32_t i = 0; i < v.epochs; i++) {
        take_epoch(&v, &epochs[i]);
    }

    pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
    task alone = {&gate, epochs, v.epochs, 0, 0, 0};
    run(&alone);

    pthread_t threads[THREADS];
    task tasks[THREADS];
    unsigned long computed = 0, differ = alone.differ;
    pthread_mutex_lock(&gate);
    for (int k = 0; k < THREADS; k++) {
        tasks[k] = (task){&gate, epochs, v.epochs, k == THREADS - 1, 0, 0};
        if (pthread_create(&threads[k], NULL, run, &tasks[k]) != 0) {
            die("no thread");
        }
    }
    pthread_mutex_unlock(&gate);
    for (int k = 0; k < THREADS; k++) {
        pthread_join(threads[k], NULL);
        computed += tasks[k].computed;
        differ += tasks[k].differ;
    }
    printf("%s: %lu epochs alone, %lu in %d threads; %lu differ\n", yuma_build(), alone.computed, computed, THREADS, differ);
    for (uint32_t i = 0; i < v.epochs; i++) {
        disown(&epochs[i].memory);
    }
    free(epochs);
    free(v.bytes);
    return differ != 0;
}

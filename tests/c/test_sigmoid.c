/* The bounds of sigmoid.h against the series, as csrc/liquid.c and the vector paths take them:
 *
 *     test_sigmoid [STEP]
 *
 * every STEP-th exponent within SIGMOID_UPTO, of both signs, and every STEP-th distance; 1 takes an hour. Then those exponents
 * where the sigmoid passes from one whole number to the next, which are the ones that a bound too narrow gets wrong first. The
 * rounding modes take turns. */
#include "../../csrc/liquid.c"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "vector.h"

static uint64_t checks, failures, undecided_sigmoids;

static void check(int holds, const char *what, int64_t a, int64_t b) {
    checks++;
    if (!holds && failures++ < 20) {
        fprintf(stderr, "%s: %" PRId64 ", %" PRId64 "\n", what, a, b);
    }
}

static void next_rounding_mode(void) {
    static const int modes[] = {FE_TONEAREST, FE_DOWNWARD, FE_UPWARD, FE_TOWARDZERO};
    static unsigned turn;
    (void)fesetround(modes[turn++ % 4]);
}

static int64_t exact_sigmoid(int64_t g) {
    return (int64_t)fixed_inverse((uint64_t)(YUMA_ONE + fixed_exp_safe(g)));
}

/* g from `first` on, in steps, to `last`, at most BLOCK / 2 of them, and their negatives */
static void check_exponents(int64_t first, int64_t last, int64_t step) {
    int64_t g[BLOCK] = {0}, power[BLOCK] = {0}, lower[BLOCK], upper[BLOCK];
    size_t count = 0;
    for (int64_t a = first; a <= last && count < BLOCK; a += step, count += 2) {
        g[count] = a;
        g[count + 1] = -a;
        power[count] = a;
    }
    /* one series for both signs, as the law has it; of g = ONE another number stands for it */
    for (size_t k = 0; k < count; k += 2 * FIXED_FOUR) {
        int64_t four[FIXED_FOUR] = {0};
        for (size_t m = 0; m < FIXED_FOUR && k + 2 * m < count; m++) {
            four[m] = power[k + 2 * m];
        }
        fixed_exp_safe_four(four);
        for (size_t m = 0; m < FIXED_FOUR && k + 2 * m < count; m++) {
            power[k + 2 * m] = four[m];
            power[k + 2 * m + 1] = g[k + 2 * m] == YUMA_ONE ? fixed_exp_safe(-YUMA_ONE) : (int64_t)fixed_inverse((uint64_t)four[m]);
        }
    }
    next_rounding_mode();
    sigmoid_bounds(count, g, lower, upper);
    (void)fesetround(FE_TONEAREST);
    for (size_t k = 0; k < count; k++) {
        int64_t sigmoid = (int64_t)fixed_inverse((uint64_t)(YUMA_ONE + power[k]));
        check(lower[k] >= 0 && lower[k] <= sigmoid && sigmoid <= upper[k] && upper[k] < YUMA_ONE, "sigmoid", g[k], sigmoid);
        undecided_sigmoids += lower[k] != upper[k];
    }
}

static uint64_t state = 0x9e3779b97f4a7c15u;

static uint64_t random_bits(void) {
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

/* The exponents on both sides of the first one whose sigmoid is below that of a random one; the sigmoid does not grow with g. */
static void check_steps(void) {
    int64_t low = (int64_t)(random_bits() % (2 * (uint64_t)SIGMOID_UPTO)) - SIGMOID_UPTO, high = SIGMOID_UPTO;
    int64_t sigmoid = exact_sigmoid(low);
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        *(exact_sigmoid(middle) < sigmoid ? &high : &low) = middle;
    }
    int64_t from = high < 0 ? -high : high;
    check_exponents(from < 8 ? 0 : from - 8, from + 7 < SIGMOID_UPTO ? from + 7 : SIGMOID_UPTO, 1);
}

/* The sign of a * b - 2^32: a fused operation does not round it away. */
static int against_one(double a, double b) {
    double d = fma(a, b, -0x1p32);
    return (d > 0) - (d < 0);
}

/* What `inverted` gives of 2^32 / d: of ends that are equal, and as far apart as bounds of the exponential are. */
static void check_inverses(void) {
    for (int i = 0; i < 200000; i++) {
        double d = 1 + (double)(random_bits() >> 11) * 0x1p-53 * (double)(1 << random_bits() % 11);
        double lower = d, upper = i % 2 ? d + d * 0x1p-27 * (double)(random_bits() >> 32) * 0x1p-32 : d, low = lower, high = upper;
        next_rounding_mode();
        inverted(&lower, &upper);
        (void)fesetround(FE_TONEAREST);
        check(against_one(lower, high) <= 0 && against_one(upper, low) >= 0, "inverted", (int64_t)(low * 0x1p32), (int64_t)(high * 0x1p32));
    }
}

/* Every step-th distance through a vector path. */
static void check_distances(const vector_path *path, int16_t steepness, uint16_t alpha_low, uint16_t alpha_high, int64_t step) {
    enum { MANY = 4 * ALPHAS };
    yuma_hyperparameters h = {.alpha_low = alpha_low, .alpha_high = alpha_high, .alpha_sigmoid_steepness = steepness};
    vector_epoch e = {.liquid = 1};
    check(yuma_vector_liquid(&e, yuma_rules_of(YUMA_PROFILE_475), &h), "slope", steepness, 0);
    int64_t low = fixed_ratio16(alpha_low), high = fixed_ratio16(alpha_high), slope = sigmoid_slope(steepness * YUMA_ONE);
    for (int64_t first = 0; first <= YUMA_ONE; first += MANY * step) {
        double alpha[MANY];
        int64_t g[MANY], exact[MANY];
        size_t listed[MANY];
        for (size_t k = 0; k < MANY; k++) {
            int64_t distance = fixed_min(first + (int64_t)k * step, YUMA_ONE);
            alpha[k] = (double)distance;
            g[k] = fixed_mul(slope, distance - YUMA_ONE / 2);
            listed[k] = k;
        }
        (void)fesetround(FE_DOWNWARD);
        path->alphas(&e, alpha, MANY);
        (void)fesetround(FE_TONEAREST);
        liquid_alphas_exact(MANY, listed, g, low, high, 1, exact);
        for (size_t k = 0; k < MANY; k++) {
            check((int64_t)alpha[k] == exact[k], "alpha of a vector path", (int64_t)path->isa, g[k]);
        }
    }
}

int main(int count, char **arguments) {
    int64_t step = count > 1 ? strtoll(arguments[1], NULL, 10) : 30011;
    if (step < 1) {
        fprintf(stderr, "usage: test_sigmoid [STEP]\n");
        return 2;
    }
    for (int64_t a = 0; a <= SIGMOID_UPTO; a += step * (BLOCK / 2)) {
        check_exponents(a, SIGMOID_UPTO, step);
    }
    double part = 100.0 * (double)undecided_sigmoids / (double)checks;
    printf("sigmoid: %" PRIu64 " exponents, %.1f %% of them undecided\n", checks, part);
    (void)fflush(stdout);
    check_inverses();
    check_exponents(YUMA_ONE - 8, YUMA_ONE + 7, 1);
    check_exponents(SIGMOID_UPTO - 15, SIGMOID_UPTO, 1);
    for (int64_t k = 0; k < 600000000 && k < 1000000 * step; k += step) {
        check_steps();
    }
    volatile double one = 1, below = 0x1p-60; /* volatile, so that the difference is taken between the calls */
    (void)fesetround(FE_DOWNWARD);
    below = one - below;
    (void)fesetround(FE_TONEAREST);
    const int downward = below < one;
    for (uint32_t isa = YUMA_ISA_AVX2; downward && isa <= YUMA_ISA_NEON; isa <<= 1) {
        const vector_path *path = yuma_vector_path(isa & yuma_isa_available());
        if (path != NULL) {
            check_distances(path, 1000, 45875, 58982, step);
            check_distances(path, 1400, 0, 65535, step);
            check_distances(path, -337, 1, 65535, step);
            check_distances(path, 2800, 0, 65535, step);
        }
    }
    printf("sigmoid: %" PRIu64 " checks, %" PRIu64 " failed\n", checks, failures);
    return failures != 0;
}

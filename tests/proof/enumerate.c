/* The statements of proof.c at 8 bits, run over every operand there is: `make` builds it in both representations. Arguments:
 * the statements to run. */
#define PROOF_SCALED
#define PROOF_ENUMERATED
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "proof.c"

/* the operands of this turn: the calls of nondet_word and nondet_signed take them in order */
static word operand[4];
static unsigned taken, operands;
static uint64_t statements, failures;

word nondet_word(void) {
    word x = operand[taken++];
    operands = taken > operands ? taken : operands;
    return x;
}

signed_word nondet_signed(void) {
    return (signed_word)nondet_word();
}

static void prove(int holds, const char *statement) {
    statements++;
    if (!holds && failures++ < 5) {
        printf("%s: not with %u %u %u %u\n", statement, operand[0], operand[1], operand[2], operand[3]);
    }
}

static void turn(void (*statement)(void)) {
    taken = 0;
    statement();
}

static void enumerate(void (*statement)(void)) {
    operands = 0;
    turn(statement); /* tells how many operands there are */
    memset(operand, 0, sizeof operand);
    for (unsigned place = 0; place < operands;) {
        turn(statement);
        for (place = 0; place < operands && ++operand[place] == 0; place++) {
        }
    }
}

static const struct {
    const char *name;
    void (*statement)(void);
} known[] = {
    {"product", product}, {"product_signed", product_signed}, {"division", division}, {"mul", mul}, {"divide", divide},
    {"divide_by", divide_by}, {"share_of", share_of}, {"inverse", inverse},
    {"part_of", part_of}, {"quotient64", quotient64}, {"div64", div64},
};

int main(int count, char **names) {
    for (int i = 1; i < count; i++) {
        int found = 0;
        for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
            if (strcmp(names[i], known[k].name) == 0) {
                found = 1;
                enumerate(known[k].statement);
            }
        }
        if (!found) {
            fprintf(stderr, "no statement %s\n", names[i]);
            return 2;
        }
    }
    printf("%" PRIu64 " statements, %" PRIu64 " failed\n", statements, failures);
    return failures != 0 || statements == 0;
}

/* Sections 3 to 8 of the law, composed. */
#include "before.h"
#include "memory.h"
#include "profile.h"
#include "stages.h"
#include "vector.h"

size_t yuma_workspace(uint32_t n, uint32_t weights, uint32_t bonds) {
    uint64_t size = (uint64_t)40 * weights + (uint64_t)40 * bonds + (uint64_t)480 * n + 4096;
    return size > SIZE_MAX ? SIZE_MAX : (size_t)size;
}

uint32_t yuma_abi(void) {
    return YUMA_ABI;
}

const char *yuma_status_text(yuma_status status) {
    switch (status) {
    case YUMA_OK:
        return "ok";
    case YUMA_ERROR_NULL:
        return "a pointer that may not be null is";
    case YUMA_ERROR_N:
        return "n is 0 or above 32767";
    case YUMA_ERROR_WORKSPACE:
        return "the workspace is too small";
    case YUMA_ERROR_PROFILE:
        return "the profile is not computed here";
    case YUMA_ERROR_OWNER:
        return "the owner is neither -1 nor below n";
    case YUMA_ERROR_RANGE:
        return "a scalar is outside its range";
    case YUMA_ERROR_INDPTR:
        return "indptr does not start at 0, or decreases";
    case YUMA_ERROR_UID:
        return "a uid is not below n, or stands twice in a row";
    case YUMA_ERROR_STAKE:
        return "a stake is negative, or the sum leaves I64F64";
    case YUMA_ERROR_ROOM:
        return "there is no room for the bonds";
    case YUMA_ERROR_PREVIOUS:
        return "the previous consensus is not known";
    }
    return "unknown status";
}

const char *yuma_build(void) {
#if YUMA_HAVE_INT128
#define INTEGERS "int128"
#else
#define INTEGERS "two-limb"
#endif
#if defined(YUMA_VERIFY)
#define VERIFIES ", verifying"
#else
#define VERIFIES ""
#endif
#if defined(__clang__)
    return "c11 " INTEGERS " clang " __clang_version__ VERIFIES;
#elif defined(__GNUC__)
    return "c11 " INTEGERS " gcc " __VERSION__ VERIFIES;
#else
    return "c11 " INTEGERS VERIFIES;
#endif
}

static yuma_status check_scalars(const yuma_state *state, const yuma_hyperparameters *h) {
    REQUIRE(state != NULL && h != NULL, YUMA_ERROR_NULL);
    REQUIRE_N(state->n);
    REQUIRE_OWNER(state->n, state->owner_uid);
    REQUIRE_ROWS(&state->weights);
    REQUIRE_ROWS(&state->bonds);
    REQUIRE(state->total_stake != NULL && state->last_update != NULL && state->block_at_registration != NULL &&
                state->validator_permit != NULL,
            YUMA_ERROR_NULL);
    const profile_rules *rules = yuma_rules_of(h->profile);
    REQUIRE(rules != NULL, YUMA_ERROR_PROFILE);
    REQUIRE(h->bonds_moving_average <= 1000000, YUMA_ERROR_RANGE);
    int32_t steepness = h->alpha_sigmoid_steepness;
    REQUIRE(rules->steepness != STEEPNESS_HUNDREDTHS || (steepness >= INT16_MIN && steepness <= INT16_MAX), YUMA_ERROR_RANGE);
    REQUIRE(rules->steepness != STEEPNESS_ONES || (steepness >= 0 && steepness <= UINT16_MAX), YUMA_ERROR_RANGE);
    REQUIRE(rules->liquid_alpha != LIQUID_SELECTED || h->liquid_alpha_consensus_mode <= YUMA_CONSENSUS_AUTO, YUMA_ERROR_RANGE);
    REQUIRE(!yuma_selects_previous(rules, h) || state->previous_consensus != NULL, YUMA_ERROR_PREVIOUS);
    return YUMA_OK;
}

yuma_status yuma_check(const yuma_state *state, const yuma_hyperparameters *hyperparameters) {
    TRY(check_scalars(state, hyperparameters));
    TRY(yuma_check_rows(state->n, state->weights.indptr[state->n], state->weights.indptr, state->weights.uid));
    TRY(yuma_check_rows(state->n, state->bonds.indptr[state->n], state->bonds.indptr, state->bonds.uid));
    wide sum = {0, 0};
    for (uint32_t i = 0; i < state->n; i++) {
        wide total = {state->total_stake[2 * i + 1], state->total_stake[2 * i]};
        sum = wide_add(sum, total); /* both below 2^127: the sum is below 2^128 */
        REQUIRE(total.hi >> 63 == 0 && sum.hi >> 63 == 0, YUMA_ERROR_STAKE);
    }
    return YUMA_OK;
}

/* Whether a trace has room for its matrices, or is of arrays alone. */
static int wants_rows(const yuma_trace *t) {
    return t != NULL && (t->weights.value != NULL || t->clipped.value != NULL || t->weights_for_bonds.value != NULL ||
                         t->ema_bonds.value != NULL || t->normalized_bonds.value != NULL);
}

static yuma_status check_result(const yuma_result *r, const yuma_trace *t) {
    REQUIRE(r != NULL && r->active != NULL && r->validator_permit != NULL && r->stake_weight != NULL &&
                r->consensus != NULL && r->incentive != NULL && r->dividends != NULL && r->validator_trust != NULL &&
                r->server_emission != NULL && r->validator_emission != NULL && r->emission != NULL &&
                r->bonds_indptr != NULL && r->bonds_uid != NULL && r->bonds_value != NULL,
            YUMA_ERROR_NULL);
    if (t != NULL) {
        REQUIRE(t->stake != NULL && t->active_stake != NULL && t->consensus != NULL && t->validator_trust != NULL &&
                    t->rank != NULL && t->incentive != NULL && t->dividends != NULL,
                YUMA_ERROR_NULL);
        const yuma_rows *rows[] = {&t->weights, &t->clipped, &t->weights_for_bonds, &t->ema_bonds, &t->normalized_bonds};
        for (size_t m = 0; wants_rows(t) && m < sizeof rows / sizeof *rows; m++) {
            REQUIRE_ROWS(rows[m]);
        }
    }
    return YUMA_OK;
}

/* What stands between the stages, in the workspace, where n alone tells at which place: up to 80 n bytes; the matrices are taken when
 * they are needed. */
typedef struct {
    uint32_t n;
    const profile_rules *rules;
    arena memory; /* what is left: the workspace of the stages */
    uid_shares stake, active_stake, validator_trust, dividends; /* the last two of the same uids */
    uint8_t *counts, *permits;                                  /* [n]: whose stake is active; the new permits, for an epoch after this */
    int64_t *consensus, *rank, *incentive;
    int64_t *previous; /* P of section 9 where that is what liquid alpha measures against, else null */
} working;

static yuma_status take_array(working *w, int64_t **array) {
    *array = arena_take(&w->memory, w->n, sizeof **array);
    REQUIRE(*array != NULL, YUMA_ERROR_WORKSPACE);
    return YUMA_OK;
}

static yuma_status take_shares(working *w, uid_shares *shares) {
    shares->count = 0;
    shares->uid = arena_take(&w->memory, w->n, sizeof *shares->uid);
    REQUIRE(shares->uid != NULL, YUMA_ERROR_WORKSPACE);
    return take_array(w, &shares->share);
}

static yuma_status working_begin(working *w, uint32_t n, int traced, void *workspace, size_t size) {
    w->n = n;
    w->memory = arena_of(workspace, size);
    w->previous = NULL;
    TRY(take_shares(w, &w->stake));
    TRY(take_shares(w, &w->active_stake));
    w->counts = arena_take(&w->memory, n, sizeof *w->counts);
    w->permits = arena_take(&w->memory, n, sizeof *w->permits);
    REQUIRE(w->counts != NULL && w->permits != NULL, YUMA_ERROR_WORKSPACE);
    TRY(take_shares(w, &w->validator_trust));
    w->dividends = w->validator_trust;
    TRY(take_array(w, &w->dividends.share));
    TRY(take_array(w, &w->consensus));
    TRY(take_array(w, &w->incentive));
    w->rank = w->incentive;
    return traced ? take_array(w, &w->rank) : YUMA_OK;
}

static yuma_status take_rows(working *w, uint64_t entries, yuma_rows *rows) {
    rows->indptr = arena_take(&w->memory, (uint64_t)w->n + 1, sizeof *rows->indptr);
    rows->uid = arena_take(&w->memory, entries, sizeof *rows->uid);
    rows->value = arena_take(&w->memory, entries, sizeof *rows->value);
    REQUIRE(rows->indptr != NULL && rows->uid != NULL && rows->value != NULL, YUMA_ERROR_WORKSPACE);
    return YUMA_OK;
}

#define REST(w) (w)->memory.at, arena_left(&(w)->memory)

/* 3.5 of the profiles in which uids without stake may get a permit. */
static yuma_status stakeless_permits(const working *w, uint16_t max_allowed_validators, uint8_t *new_permit) {
    working rest = *w; /* given back */
    int64_t *stake;
    TRY(take_array(&rest, &stake));
    spread_shares(w->n, &w->stake, stake);
    return yuma_top_k(w->n, stake, max_allowed_validators, new_permit, REST(&rest));
}

/* Section 8 but for the bonds. */
static void emission_and_storage(const working *w, const uid_loops *loops, uint64_t emission, yuma_result *r) {
    if (!yuma_emission_of(w->n, w->incentive, &w->dividends, emission, r->server_emission, r->validator_emission, r->emission)) {
        yuma_emission_by_stake(w->n, w->active_stake.count != 0 ? &w->active_stake : &w->stake, emission, r->server_emission,
                               r->validator_emission, r->emission);
    }
    yuma_store_shares(loops, w->n, &w->stake, r->stake_weight);
    yuma_store_by(loops, w->n, w->consensus, r->consensus);
    yuma_store_by(loops, w->n, w->incentive, r->incentive);
    yuma_store_shares(loops, w->n, &w->dividends, r->dividends);
    yuma_store_shares(loops, w->n, &w->validator_trust, r->validator_trust);
}

static void trace_array(uint32_t n, const int64_t *values, int64_t *to) {
    memcpy(to, values, n * sizeof *to);
}

static yuma_status store_bonds(uint32_t n, const yuma_rows *bonds, yuma_result *result) {
    return yuma_store_bonds(n, bonds, result->validator_permit, result->bonds_indptr, result->bonds_uid,
                            result->bonds_value);
}

/* Liquid alpha of profiles up to 257, where it runs. */
static yuma_status column_ema(const working *w, const yuma_hyperparameters *h, const yuma_rows *new_bonds,
                              const yuma_rows *old_bonds, yuma_rows *ema, int *runs) {
    arena memory = w->memory; /* given back */
    int64_t *alphas = arena_take(&memory, w->n, sizeof *alphas), *sorted = arena_take(&memory, w->n, sizeof *sorted);
    REQUIRE(alphas != NULL && sorted != NULL, YUMA_ERROR_WORKSPACE);
    yuma_column_alphas(w->n, w->consensus, fixed_ratio16(h->alpha_low), fixed_ratio16(h->alpha_high), sorted, alphas, runs);
    return *runs ? yuma_column_ema(w->n, alphas, new_bonds, old_bonds, ema, memory.at, arena_left(&memory)) : YUMA_OK;
}

/* Section 7. weights_for_bonds is used up. */
static yuma_status bonds_stage(working *w, const yuma_state *state, const yuma_hyperparameters *h,
                               const int64_t *active_stake, yuma_rows *weights_for_bonds, yuma_result *result,
                               yuma_trace *trace) {
    uint32_t n = w->n;
    uint64_t old_entries = state->bonds.indptr[n];
    yuma_rows old, ema;
    TRY(take_rows(w, old_entries, &old));
    TRY(take_rows(w, old_entries + weights_for_bonds->indptr[n], &ema));

    uint64_t cutoff = yuma_bonds_cutoff(state->current_block, h->tempo, state->last_mechanism_step_block,
                                        state->last_yuma_step_block);
    TRY(yuma_old_bonds(n, &state->bonds, state->block_at_registration, cutoff, h->yuma3, &old, REST(w)));
    if (!h->yuma3) {
        TRY(yuma_new_bonds(n, weights_for_bonds, active_stake, REST(w)));
    }
    const int64_t *selected = w->previous != NULL ? w->previous : w->consensus;
    if (h->yuma3 && h->liquid_alpha && any_nonzero(n, selected)) {
        TRY(yuma_liquid_ema_by(w->rules->clamped, n, weights_for_bonds, &old, selected, fixed_ratio16(h->alpha_low),
                               fixed_ratio16(h->alpha_high), yuma_steepness(w->rules, h), &ema, REST(w)));
    } else {
        int by_column = 0;
        if (w->rules->liquid_alpha == LIQUID_COLUMN && h->liquid_alpha) {
            TRY(column_ema(w, h, weights_for_bonds, &old, &ema, &by_column));
        }
        if (!by_column) {
            TRY(yuma_ema(n, yuma_bonds_alpha(h->bonds_moving_average), weights_for_bonds, &old, &ema, REST(w)));
        }
    }
    if (trace != NULL) {
        copy_rows(n, &ema, &trace->ema_bonds);
    }
    if (h->yuma3) {
        TRY(store_bonds(n, &ema, result));
    }

    yuma_rows *normalized = &ema;
    TRY(yuma_column_normalize(n, normalized, REST(w)));
    if (trace != NULL) {
        copy_rows(n, normalized, &trace->normalized_bonds);
    }
    TRY(yuma_dividends(n, normalized, w->incentive, h->yuma3 ? active_stake : NULL, w->dividends.share));
    if (!h->yuma3) {
        TRY(yuma_column_max_normalize(n, normalized, REST(w)));
        TRY(store_bonds(n, normalized, result));
    }
    return YUMA_OK;
}

/* Sections 4 to 7, stage by stage. */
static yuma_status portable_stages(working *w, const yuma_state *state, const yuma_hyperparameters *h, yuma_result *result,
                                   yuma_trace *trace) {
    uint32_t n = w->n, entries = state->weights.indptr[n];
    int64_t *active_stake;
    TRY(take_array(w, &active_stake));
    spread_shares(n, &w->active_stake, active_stake);

    /* 4 */
    yuma_rows weights, clipped, weights_for_bonds;
    TRY(take_rows(w, entries, &weights));
    TRY(yuma_mask_weights(n, &state->weights, state->validator_permit, state->owner_uid, state->last_update,
                          state->block_at_registration, h->commit_reveal ? state->commit_block : NULL, &weights));
    TRY(yuma_normalize_rows(n, &weights));

    /* 5; its workspace is given back */
    TRY(yuma_consensus(n, &weights, active_stake, fixed_ratio16(h->kappa), w->consensus, REST(w)));

    /* 6 */
    int64_t penalty = fixed_ratio16(h->bonds_penalty);
    if (trace != NULL) {
        copy_rows(n, &weights, &trace->weights);
    }
    clipped = weights; /* with a full penalty they are not needed any more */
    if (penalty < YUMA_ONE) {
        TRY(take_rows(w, entries, &clipped));
    }
    TRY(yuma_clip(n, &weights, w->consensus, &clipped));
    w->validator_trust.count = w->dividends.count = n;
    w->validator_trust.uid = w->dividends.uid = NULL;
    TRY(yuma_validator_trust(n, &clipped, w->validator_trust.share));
    TRY(yuma_rank(n, &clipped, active_stake, w->rank));
    TRY(yuma_incentive(n, w->rank, w->incentive));

    /* 7 */
    weights_for_bonds = penalty == 0 ? weights : clipped; /* neither is needed after this */
    if (penalty > 0 && penalty < YUMA_ONE) {
        TRY(take_rows(w, entries, &weights_for_bonds));
        TRY(yuma_weights_for_bonds(n, &weights, &clipped, penalty, &weights_for_bonds, REST(w)));
    }
    if (trace != NULL) {
        copy_rows(n, &clipped, &trace->clipped);
        copy_rows(n, &weights_for_bonds, &trace->weights_for_bonds);
    }
    return bonds_stage(w, state, h, active_stake, &weights_for_bonds, result, trace);
}

/* The bonds of the state without those that its validators' updates outdate; the cutoff has nothing more to take out, as what
 * registered in the last block of u64 is out already. */
static yuma_status updated_bonds(working *w, yuma_state *state) {
    const uint32_t entries = state->bonds.indptr[state->n];
    stored_rows_out updated = {arena_take(&w->memory, (uint64_t)state->n + 1, sizeof *updated.indptr),
                               arena_take(&w->memory, entries, sizeof *updated.uid),
                               arena_take(&w->memory, entries, sizeof *updated.value)};
    REQUIRE(updated.indptr != NULL && updated.uid != NULL && updated.value != NULL, YUMA_ERROR_WORKSPACE);
    yuma_updated_bonds(state, &updated);
    state->bonds = (yuma_stored_rows){updated.indptr, updated.uid, updated.value};
    state->last_mechanism_step_block = UINT64_MAX;
    return YUMA_OK;
}

/* Section 3, but for what the epoch before had of the same stake. owner: who has its privileges. */
static yuma_status stake_and_permits(working *w, const uid_loops *loops, const yuma_state *state, const yuma_hyperparameters *h,
                                     int32_t owner, yuma_result *result, epoch_before *before) {
    const uint32_t n = w->n;
    const int same = before->total_stake == state->total_stake && before->stake_threshold == h->stake_threshold &&
                     before->rules == w->rules && before->n == n && before->owner_uid == owner &&
                     before->max_allowed_validators == h->max_allowed_validators;
    yuma_active(loops, n, state->last_update, h->activity_cutoff, state->current_block, result->active);
    if (same) {
        w->stake.count = before->staked;
        memcpy(result->validator_permit, w->permits, n);
        before->stakes_taken++;
    } else {
        yuma_staked(n, state->total_stake, h->stake_threshold, owner, &w->stake);
        if (w->rules->stakeless_permits) {
            TRY(stakeless_permits(w, h->max_allowed_validators, result->validator_permit));
        } else {
            TRY(yuma_permits_of(loops, n, &w->stake, h->max_allowed_validators, owner, result->validator_permit, REST(w)));
        }
        memcpy(w->permits, result->validator_permit, n);
        memset(w->counts, UINT8_MAX, n); /* as nobody's are */
    }
    if (yuma_count_active(n, result->active, state->validator_permit, state->owner_uid, w->counts) && same) {
        w->active_stake.count = before->active;
        before->active_taken++;
    } else {
        yuma_active_shares(&w->stake, w->counts, &w->active_stake);
    }
    if (before->n != n) {
        before->block_at_registration = NULL;
    }
    before->total_stake = state->total_stake;
    before->stake_threshold = h->stake_threshold;
    before->rules = w->rules;
    before->n = n;
    before->owner_uid = owner;
    before->max_allowed_validators = h->max_allowed_validators;
    before->staked = w->stake.count;
    before->active = w->active_stake.count;
    return YUMA_OK;
}

static uint64_t latest_registration(const uid_loops *loops, const yuma_state *state, epoch_before *before) {
    if (before->block_at_registration == state->block_at_registration) {
        before->latest_taken++;
    } else {
        before->block_at_registration = state->block_at_registration;
        before->latest = loops->latest(state->n, state->block_at_registration);
    }
    return before->latest;
}

static yuma_status epoch_after(epoch_before *before, const yuma_state *given, const yuma_hyperparameters *hyperparameters,
                               uint64_t emission, yuma_result *result, yuma_trace *trace, uint32_t isa, void *workspace,
                               size_t workspace_size) {
    TRY(check_scalars(given, hyperparameters));
    yuma_state ruled = *given, *state = &ruled;
    yuma_hyperparameters as_ruled = *hyperparameters, *h = &as_ruled;
    const profile_rules *rules = yuma_rules_of(h->profile);
    yuma_apply_rules(rules, state, h);
    /* who has the privileges of section 3 */
    const int32_t owner = rules->owner_permit ? given->owner_uid : YUMA_NO_OWNER;
    TRY(check_result(result, trace));
    uint32_t n = state->n;
    REQUIRE(workspace != NULL && workspace_size >= yuma_workspace(n, state->weights.indptr[n], state->bonds.indptr[n]),
            YUMA_ERROR_WORKSPACE);
    working w;
    TRY(working_begin(&w, n, trace != NULL, workspace, workspace_size));
    w.rules = rules;

    int done = 0;
    int by_column = rules->liquid_alpha == LIQUID_COLUMN && h->liquid_alpha; /* which the portable path alone has */
    const vector_path *path = wants_rows(trace) || by_column ? NULL : yuma_vector_path(isa);
    const uid_loops *loops = path != NULL ? &path->uids : &yuma_uids_portable;

    /* 3 */
    TRY(stake_and_permits(&w, loops, state, h, owner, result, before));

    if (rules->bonds_cutoff == CUTOFF_LAST_UPDATE) {
        TRY(updated_bonds(&w, state));
    }

    /* 9 */
    if (yuma_selects_previous(w.rules, h) && state->previous_consensus_length != 0) {
        w.previous = arena_take(&w.memory, n, sizeof *w.previous);
        REQUIRE(w.previous != NULL, YUMA_ERROR_WORKSPACE);
        yuma_previous_shares(n, state->previous_consensus, state->previous_consensus_length, w.previous);
    }

    /* 4 to 7 */
    if (path != NULL) {
        vector_shares shares = {
            &w.active_stake, latest_registration(loops, state, before), w.previous, w.consensus, w.rank, w.incentive,
            &w.validator_trust, &w.dividends,
        };
        TRY(yuma_vector_epoch(path, rules, state, h, &shares, result, REST(&w), &done));
    }
    if (!done) {
        TRY(portable_stages(&w, state, h, result, wants_rows(trace) ? trace : NULL));
    }
    if (!rules->empties) {
        yuma_keep_unpermitted(given, result);
    }

    /* 8 */
    emission_and_storage(&w, loops, emission, result);
    if (trace != NULL) {
        trace->isa = done ? path->isa : YUMA_ISA_PORTABLE;
        spread_shares(n, &w.stake, trace->stake);
        spread_shares(n, &w.active_stake, trace->active_stake);
        trace_array(n, w.consensus, trace->consensus);
        spread_shares(n, &w.validator_trust, trace->validator_trust);
        trace_array(n, w.rank, trace->rank);
        trace_array(n, w.incentive, trace->incentive);
        spread_shares(n, &w.dividends, trace->dividends);
    }
    return YUMA_OK;
}

yuma_status yuma_epoch(const yuma_state *state, const yuma_hyperparameters *hyperparameters, uint64_t emission, yuma_result *result,
                       yuma_trace *trace, uint32_t isa, void *workspace, size_t workspace_size) {
    epoch_before none = {0};
    return epoch_after(&none, state, hyperparameters, emission, result, trace, isa, workspace, workspace_size);
}

yuma_status yuma_simulate(uint32_t epochs, const yuma_state *states, const yuma_hyperparameters *const *hyperparameters,
                          const uint64_t *emission, yuma_result *results, uint32_t room, uint32_t isa, void *workspace,
                          size_t workspace_size, uint32_t *done) {
    epoch_before before = {0};
    return yuma_simulate_after(&before, epochs, states, hyperparameters, emission, results, room, isa, workspace, workspace_size, done);
}

yuma_status yuma_simulate_after(epoch_before *before, uint32_t epochs, const yuma_state *states,
                                const yuma_hyperparameters *const *hyperparameters, const uint64_t *emission, yuma_result *results,
                                uint32_t room, uint32_t isa, void *workspace, size_t workspace_size, uint32_t *done) {
    REQUIRE(done != NULL, YUMA_ERROR_NULL);
    *done = 0;
    REQUIRE(epochs == 0 || (states != NULL && hyperparameters != NULL && emission != NULL && results != NULL), YUMA_ERROR_NULL);
    isa = isa == YUMA_ISA_ANY ? yuma_isa_available() : isa; /* once for all epochs */
    for (uint32_t k = 0; k < epochs; k++) {
        yuma_state state = states[k];
        int carried = state.bonds.indptr == NULL || state.validator_permit == NULL;
        REQUIRE(!carried || k > 0, YUMA_ERROR_NULL);
        REQUIRE(!carried || state.n == states[k - 1].n, YUMA_ERROR_N);
        if (state.bonds.indptr == NULL) {
            const yuma_result *stored = &results[k - 1];
            state.bonds = (yuma_stored_rows){stored->bonds_indptr, stored->bonds_uid, stored->bonds_value};
            if (state.previous_consensus == NULL) {
                state.previous_consensus = stored->consensus;
                state.previous_consensus_length = state.n;
            }
        }
        if (state.validator_permit == NULL) {
            state.validator_permit = results[k - 1].validator_permit;
        }
        TRY(check_scalars(&state, hyperparameters[k]));
        REQUIRE((uint64_t)state.weights.indptr[state.n] + state.bonds.indptr[state.n] <= room, YUMA_ERROR_ROOM);
        TRY(epoch_after(before, &state, hyperparameters[k], emission[k], &results[k], NULL, isa, workspace, workspace_size));
        *done = k + 1;
    }
    return YUMA_OK;
}

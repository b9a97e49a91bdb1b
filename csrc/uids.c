/* The loops of uids.h as any machine of this kind runs them. */
#include "uids.h"
#include "yuma.h"

#define PATH(name) yuma_uids_##name
#include "vector_uids.h"

const uid_loops yuma_uids_portable = {PATH(activity), PATH(reached_by), PATH(latest), PATH(some), PATH(voted), PATH(store)};

/* What all models share: replicas, sets of them as masks, quorums, properties, goals. README.md
 * beside this says what each model covers. Who includes this may define REPLICAS: 3, or 5. */

#ifndef REPLICAS
#define REPLICAS 3
#endif

#define BIT(replica) (1 << (replica))
#define HAS(set, replica) (((set) >> (replica)) & 1)
#define COUNT(set) (HAS(set, 0) + HAS(set, 1) + HAS(set, 2) + HAS(set, 3) + HAS(set, 4))
#define ALL (BIT(REPLICAS) - 1)
/* The replicas that have a property. */
#define SET_OF_3(property) ((property(0)) | (property(1)) << 1 | (property(2)) << 2)
#if REPLICAS == 3
#define SET_OF(property) SET_OF_3(property)
#else
#define SET_OF(property) (SET_OF_3(property) | (property(3)) << 3 | (property(4)) << 4)
#endif

#define LESSER(one, other) ((one) < (other) -> (one) : (other))
#define GREATER(one, other) ((one) > (other) -> (one) : (other))

/* placement_elects(), placement_commits(): a majority of the voters; one that spans providers.
 * AT_1, AT_2, AT_3 say which replicas each of three providers has. */
#define ELECTS(set, voters) (COUNT((set) & (voters)) * 2 > COUNT(voters))
#define SPANNED(set, voters) \
    ((((set) & (voters) & (AT_1)) != 0) + (((set) & (voters) & (AT_2)) != 0) + \
     (((set) & (voters) & (AT_3)) != 0))
#define COMMITS(set, voters, providers) \
    (ELECTS(set, voters) && SPANNED(set, voters) >= (providers))

/* What must hold, with a name that the runner shows. */
#define MUST(name, holds)                          \
    if                                             \
    :: holds                                       \
    :: else ->                                     \
        c_code { printf("violated: " #name "\n"); }; \
        assert(false)                              \
    fi

/* Says once that the search has been here. The runner demands every goal that a model names: one
 * that gets nowhere proves nothing. No part of the state. */
#define GOAL(name)                       \
    c_code {                             \
        static int reached;              \
        if (!reached) {                  \
            reached = 1;                 \
            printf("goal: " #name "\n"); \
        }                                \
    }

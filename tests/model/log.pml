/* Logs, each packed into a number: entry 1 in its lowest WIDTH bits; 0 is none. An entry is its term
 * (and placement): a term has one leader, which uses an index once, so equal entries are equal bytes.
 * Who includes this defines WIDTH and PACKED, a type of up to four times as many bits. */

#include "common.pml"

#define ENTRY(log, index) (((log) >> (WIDTH * ((index)-1))) & (BIT(WIDTH) - 1))
#define UP_TO(log, index) ((log) & (BIT(WIDTH * (index)) - 1))
/* Equal chains: the same there and everywhere before (rule 1). */
#define SAME(one, other, index) (UP_TO(one, index) == UP_TO(other, index))
#define WITH(log, index, entry) (UP_TO(log, (index)-1) | ((entry) << (WIDTH * ((index)-1))))
#define LENGTH(log) \
    (((log) != 0) + ((log) >> WIDTH != 0) + ((log) >> (WIDTH * 2) != 0) + \
     ((log) >> (WIDTH * 3) != 0))
#define LAST(log) ((log) -> ENTRY(log, LENGTH(log)) : 0)
/* How far two logs are the same. */
#define COMMON(one, other)                          \
    ((one) == (other)                               \
         -> LENGTH(one)                             \
         : (SAME(one, other, 3)                     \
                -> LENGTH(UP_TO(one, 3))            \
                : (SAME(one, other, 2)              \
                       -> LENGTH(UP_TO(one, 2))     \
                       : (SAME(one, other, 1) -> LENGTH(UP_TO(one, 1)) : 0))))

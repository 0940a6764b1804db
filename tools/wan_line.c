#include "tools/wan_line.h"

#include <stddef.h>

#include "matching/base/assertion.h"

bool wan_line_valid(const struct wan_line *line)
{
    ASSERT(line != NULL);
    return line->delay_ns <= WAN_LINE_DELAY_NS_MAX && line->jitter_ns <= WAN_LINE_DELAY_NS_MAX &&
           line->loss_ppm <= WAN_LINE_PPM && line->reorder_ppm <= WAN_LINE_PPM &&
           line->rate_bytes <= WAN_LINE_RATE_MAX && line->queue_bytes <= WAN_LINE_RATE_MAX;
}

/* Rounded towards `from`. */
static uint64_t wan_line_part(uint64_t from, uint64_t to, uint32_t part_ppm)
{
    ASSERT(from <= WAN_LINE_RATE_MAX);
    ASSERT(to <= WAN_LINE_RATE_MAX);
    uint64_t far = from < to ? to - from : from - to;
    uint64_t step = far / WAN_LINE_PPM * part_ppm + far % WAN_LINE_PPM * part_ppm / WAN_LINE_PPM;
    return from < to ? from + step : from - step;
}

struct wan_line wan_line_between(const struct wan_line *from, const struct wan_line *to,
                                 uint32_t part_ppm)
{
    ASSERT(wan_line_valid(from) && wan_line_valid(to));
    ASSERT(part_ppm <= WAN_LINE_PPM);
    struct wan_line line = *to;
    if (part_ppm == WAN_LINE_PPM) {
        return line;
    }
    line.delay_ns = wan_line_part(from->delay_ns, to->delay_ns, part_ppm);
    line.jitter_ns = wan_line_part(from->jitter_ns, to->jitter_ns, part_ppm);
    line.loss_ppm = (uint32_t)wan_line_part(from->loss_ppm, to->loss_ppm, part_ppm);
    line.reorder_ppm = (uint32_t)wan_line_part(from->reorder_ppm, to->reorder_ppm, part_ppm);
    if (from->rate_bytes != 0 && to->rate_bytes != 0) {
        line.rate_bytes = wan_line_part(from->rate_bytes, to->rate_bytes, part_ppm);
        line.queue_bytes = wan_line_part(from->queue_bytes, to->queue_bytes, part_ppm);
    } else if (from->rate_bytes != 0) {
        line.rate_bytes = from->rate_bytes;
        line.queue_bytes = from->queue_bytes;
    }
    return line;
}

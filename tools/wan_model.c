#include "tools/wan_model.h"

#include <stdlib.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "matching/base/random.h"

#define WAN_MODEL_NS_A_S     UINT64_C(1000000000)
#define WAN_MODEL_QUEUE_PART 10u /* Of a second's bytes: the queue without a bound of its own. */
#define WAN_MODEL_QUEUE_MIN  (2u * WAN_MODEL_PACKET_BYTES_MAX)

struct wan_model_slot {
    struct wan_model_packet packet;
    uint64_t order; /* Of entering: of two due at once the earlier one comes first. */
    uint8_t data[WAN_MODEL_PACKET_BYTES_MAX];
};

struct wan_model_way {
    struct wan_line line;
    struct random random;
    uint64_t busy_ns; /* When what waits for the rate has gone out. */
    uint64_t last_due_ns;
    struct wan_model_counts counts;
};

struct wan_model {
    uint32_t node_count;
    uint64_t order_next;
    struct wan_model_way ways[WAN_MODEL_NODES_MAX][WAN_MODEL_NODES_MAX];
    uint32_t heap[WAN_MODEL_PACKETS_MAX]; /* Slots, the next due first. */
    uint32_t heap_count;
    uint32_t free[WAN_MODEL_PACKETS_MAX]; /* Slots, behind free_count used before. */
    uint32_t free_count;
    struct wan_model_slot *slots;
};

static const struct wan_model_way *wan_model_look(const struct wan_model *model, uint32_t from,
                                                  uint32_t to)
{
    ASSERT(from < model->node_count);
    ASSERT(to < model->node_count);
    ASSERT(from != to);
    return &model->ways[from][to];
}

static struct wan_model_way *wan_model_way(struct wan_model *model, uint32_t from, uint32_t to)
{
    ASSERT(wan_model_look(model, from, to) != NULL);
    return &model->ways[from][to];
}

enum status wan_model_create(struct wan_model **model, uint32_t node_count, uint64_t seed)
{
    ASSERT(node_count >= 1);
    ASSERT(node_count <= WAN_MODEL_NODES_MAX);
    struct wan_model *made = calloc(1, sizeof *made);
    *model = made;
    if (made == NULL) {
        return STATUS_FULL;
    }
    made->slots = calloc(WAN_MODEL_PACKETS_MAX, sizeof *made->slots);
    if (made->slots == NULL) {
        wan_model_destroy(made);
        *model = NULL;
        return STATUS_FULL;
    }
    made->node_count = node_count;
    made->free_count = WAN_MODEL_PACKETS_MAX;
    for (uint32_t i = 0; i < WAN_MODEL_PACKETS_MAX; i++) {
        made->free[i] = WAN_MODEL_PACKETS_MAX - 1 - i;
    }
    for (uint32_t from = 0; from < node_count; from++) {
        for (uint32_t to = 0; to < node_count; to++) {
            random_seed(&made->ways[from][to].random, seed + from * UINT64_C(0x9E3779B97F4A7C15) +
                                                          to * UINT64_C(0xD1B54A32D192ED03));
        }
    }
    return STATUS_OK;
}

void wan_model_destroy(struct wan_model *model)
{
    if (model != NULL) {
        free(model->slots);
        free(model);
    }
}

const struct wan_line *wan_model_line(const struct wan_model *model, uint32_t from, uint32_t to)
{
    return &wan_model_look(model, from, to)->line;
}

void wan_model_line_set(struct wan_model *model, uint32_t from, uint32_t to,
                        const struct wan_line *line)
{
    ASSERT(wan_line_valid(line));
    struct wan_model_way *way = wan_model_way(model, from, to);
    if (line->rate_bytes == 0) {
        way->busy_ns = 0;
    }
    way->line = *line;
}

struct wan_model_counts wan_model_counts(const struct wan_model *model, uint32_t from, uint32_t to)
{
    return wan_model_look(model, from, to)->counts;
}

static bool wan_model_before(const struct wan_model *model, uint32_t left, uint32_t right)
{
    const struct wan_model_slot *one = &model->slots[left];
    const struct wan_model_slot *other = &model->slots[right];
    return one->packet.due_ns != other->packet.due_ns ? one->packet.due_ns < other->packet.due_ns
                                                      : one->order < other->order;
}

static void wan_model_push(struct wan_model *model, uint32_t slot)
{
    ASSERT(model->heap_count < WAN_MODEL_PACKETS_MAX);
    uint32_t at = model->heap_count++;
    while (at > 0 && wan_model_before(model, slot, model->heap[(at - 1) / 2])) {
        model->heap[at] = model->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    model->heap[at] = slot;
}

static uint32_t wan_model_pop(struct wan_model *model)
{
    ASSERT(model->heap_count > 0);
    uint32_t first = model->heap[0];
    uint32_t last = model->heap[--model->heap_count];
    uint32_t at = 0;
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= model->heap_count) {
            break;
        }
        if (child + 1 < model->heap_count &&
            wan_model_before(model, model->heap[child + 1], model->heap[child])) {
            child++;
        }
        if (!wan_model_before(model, model->heap[child], last)) {
            break;
        }
        model->heap[at] = model->heap[child];
        at = child;
    }
    model->heap[at] = last;
    return first;
}

/* When the packet has left the sender under the line's rate; false: the queue is full. */
static bool wan_model_depart(struct wan_model_way *way, size_t bytes, uint64_t now_ns,
                             uint64_t *departed_ns)
{
    uint64_t rate = way->line.rate_bytes;
    *departed_ns = now_ns;
    if (rate == 0) {
        return true;
    }
    uint64_t begin_ns = way->busy_ns > now_ns ? way->busy_ns : now_ns;
    uint64_t bound =
        way->line.queue_bytes > 0 ? way->line.queue_bytes : rate / WAN_MODEL_QUEUE_PART;
    bound = bound < WAN_MODEL_QUEUE_MIN ? WAN_MODEL_QUEUE_MIN : bound;
    double waiting = (double)(begin_ns - now_ns) * (double)rate / (double)WAN_MODEL_NS_A_S;
    if (waiting + (double)bytes > (double)bound) {
        return false;
    }
    way->busy_ns = begin_ns + (bytes * WAN_MODEL_NS_A_S + rate - 1) / rate;
    *departed_ns = way->busy_ns;
    return true;
}

/* The same draws for every packet, whatever the line does: a change of the line does not change the
 * luck of later packets. */
struct wan_model_luck {
    bool lost;
    bool reordered;
    uint64_t jitter_ns;
};

static struct wan_model_luck wan_model_draw(struct wan_model_way *way)
{
    const struct wan_line *line = &way->line;
    struct wan_model_luck luck = {.lost = random_below(&way->random, WAN_LINE_PPM) < line->loss_ppm,
                                  .reordered =
                                      random_below(&way->random, WAN_LINE_PPM) < line->reorder_ppm};
    uint64_t part = random_below(&way->random, WAN_LINE_PPM + 1);
    luck.jitter_ns = line->jitter_ns / WAN_LINE_PPM * part +
                     line->jitter_ns % WAN_LINE_PPM * part / WAN_LINE_PPM;
    ASSERT(luck.jitter_ns <= line->jitter_ns);
    return luck;
}

void wan_model_put(struct wan_model *model, uint32_t from, uint32_t to, const uint8_t *data,
                   size_t bytes, bool connects, uint64_t now_ns)
{
    ASSERT(bytes > 0);
    ASSERT(bytes <= WAN_MODEL_PACKET_BYTES_MAX);
    struct wan_model_way *way = wan_model_way(model, from, to);
    struct wan_model_luck luck = wan_model_draw(way);
    uint64_t due_ns = 0;
    if (way->line.cut) {
        way->counts.cut++;
        return;
    }
    if (connects && way->line.connects_lost) {
        way->counts.refused++;
        return;
    }
    if (luck.lost) {
        way->counts.lost++;
        return;
    }
    if (model->free_count == 0 || !wan_model_depart(way, bytes, now_ns, &due_ns)) {
        way->counts.overflow++;
        return;
    }
    due_ns += way->line.delay_ns + luck.jitter_ns;
    due_ns = due_ns < way->last_due_ns ? way->last_due_ns : due_ns;
    if (luck.reordered) {
        way->counts.reordered++;
        due_ns += WAN_LINE_REORDER_NS; /* Those behind it do not wait. */
    } else {
        way->last_due_ns = due_ns;
    }
    uint32_t index = model->free[--model->free_count];
    struct wan_model_slot *slot = &model->slots[index];
    memcpy(slot->data, data, bytes);
    slot->order = model->order_next++;
    slot->packet = (struct wan_model_packet){.from = from,
                                             .to = to,
                                             .bytes = (uint32_t)bytes,
                                             .put_ns = now_ns,
                                             .due_ns = due_ns,
                                             .data = slot->data};
    wan_model_push(model, index);
}

uint64_t wan_model_due_ns(const struct wan_model *model)
{
    return model->heap_count == 0 ? UINT64_MAX : model->slots[model->heap[0]].packet.due_ns;
}

bool wan_model_take(struct wan_model *model, uint64_t now_ns, struct wan_model_packet *packet)
{
    while (model->heap_count > 0 && wan_model_due_ns(model) <= now_ns) {
        uint32_t index = wan_model_pop(model);
        /* Its data stay: put() takes it from here at the earliest with its next call. */
        model->free[model->free_count++] = index;
        *packet = model->slots[index].packet;
        struct wan_model_way *way = wan_model_way(model, packet->from, packet->to);
        if (!way->line.cut) {
            way->counts.delivered++;
            way->counts.delivered_bytes += packet->bytes;
            return true;
        }
        way->counts.cut++;
    }
    return false;
}

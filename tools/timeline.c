#include "tools/timeline.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "matching/base/assertion.h"
#include "matching/base/histogram.h"
#include "tools/gnuplot.h"

#define TIMELINE_KEY_BYTES 512u

struct timeline_point {
    enum timeline_mark_kind kind;
    uint64_t at_ns;  /* Since the start. */
    uint32_t number; /* 0: none. */
};

struct timeline {
    uint64_t start_ns;
    uint64_t slice_ns;
    uint32_t slice; /* The present one. */
    uint32_t mark_count;
    struct timeline_point marks[TIMELINE_MARKS_MAX];
    struct timeline_slice slices[TIMELINE_SLICES_MAX];
    struct histogram latency; /* Of the present slice. */
};

enum status timeline_create(struct timeline **timeline, uint64_t start_ns, uint64_t slice_ns)
{
    ASSERT(slice_ns > 0);
    *timeline = calloc(1, sizeof **timeline);
    if (*timeline == NULL) {
        return STATUS_FULL;
    }
    (*timeline)->start_ns = start_ns;
    (*timeline)->slice_ns = slice_ns;
    return STATUS_OK;
}

void timeline_destroy(struct timeline *timeline)
{
    free(timeline);
}

/* Work out the percentiles of the present slice. */
static void timeline_settle(struct timeline *timeline)
{
    struct timeline_slice *slice = &timeline->slices[timeline->slice];
    slice->latency_p50_ns = histogram_percentile(&timeline->latency, HISTOGRAM_MILLION / 2);
    slice->latency_p99_ns = histogram_percentile(&timeline->latency, HISTOGRAM_MILLION / 100 * 99);
    slice->latency_max_ns = timeline->latency.max_ns;
}

/* The slice of `now_ns`, or NULL when it is beyond the last. */
static struct timeline_slice *timeline_at(struct timeline *timeline, uint64_t now_ns)
{
    ASSERT(now_ns >= timeline->start_ns);
    uint64_t wanted = (now_ns - timeline->start_ns) / timeline->slice_ns;
    ASSERT(wanted >= timeline->slice);
    if (wanted >= TIMELINE_SLICES_MAX) {
        return NULL;
    }
    if (wanted > timeline->slice) {
        timeline_settle(timeline);
        histogram_reset(&timeline->latency);
        timeline->slice = (uint32_t)wanted;
    }
    return &timeline->slices[wanted];
}

void timeline_acknowledged(struct timeline *timeline, uint64_t now_ns, uint64_t latency_ns)
{
    struct timeline_slice *slice = timeline_at(timeline, now_ns);
    if (slice != NULL) {
        slice->acknowledged++;
        histogram_record(&timeline->latency, latency_ns);
    }
}

void timeline_executed(struct timeline *timeline, uint64_t now_ns)
{
    struct timeline_slice *slice = timeline_at(timeline, now_ns);
    if (slice != NULL) {
        slice->executed++;
    }
}

void timeline_mark(struct timeline *timeline, enum timeline_mark_kind kind, uint64_t now_ns)
{
    timeline_mark_numbered(timeline, kind, now_ns, 0);
}

void timeline_mark_numbered(struct timeline *timeline, enum timeline_mark_kind kind,
                            uint64_t now_ns, uint32_t number)
{
    ASSERT(now_ns >= timeline->start_ns);
    ASSERT(kind < TIMELINE_MARK_KINDS);
    if (timeline->mark_count < TIMELINE_MARKS_MAX) {
        timeline->marks[timeline->mark_count++] = (struct timeline_point){
            .kind = kind, .at_ns = now_ns - timeline->start_ns, .number = number};
    }
}

uint32_t timeline_slices(struct timeline *timeline, const struct timeline_slice **slices)
{
    timeline_settle(timeline);
    *slices = timeline->slices;
    return timeline->slice + 1;
}

static double timeline_seconds(uint64_t duration_ns)
{
    return (double)duration_ns / 1e9;
}

static void timeline_write_data(FILE *script, struct timeline *timeline)
{
    const struct timeline_slice *slices;
    uint32_t count = timeline_slices(timeline, &slices);
    double slice_s = timeline_seconds(timeline->slice_ns);
    (void)fprintf(script, "$data << END_OF_DATA\n");
    for (uint32_t i = 0; i < count; i++) {
        const struct timeline_slice *slice = &slices[i];
        (void)fprintf(script, "%.3f %.1f %.1f", slice_s * (double)i,
                      (double)slice->acknowledged / slice_s, (double)slice->executed / slice_s);
        if (slice->acknowledged > 0) {
            (void)fprintf(script, " %.1f %.1f %.1f\n", (double)slice->latency_p50_ns / 1e3,
                          (double)slice->latency_p99_ns / 1e3, (double)slice->latency_max_ns / 1e3);
        } else {
            (void)fprintf(script, " ? ? ?\n"); /* A gap in the curve. */
        }
    }
    (void)fprintf(script, "END_OF_DATA\nset datafile missing '?'\n");
}

/* Vertical lines, and a curve without points for each kind that is there: for the key, whose
 * part of the plot command goes into `key`. */
static void timeline_write_marks(FILE *script, const struct timeline *timeline,
                                 char key[static TIMELINE_KEY_BYTES])
{
    static const struct {
        const char *color;
        const char *word;
    } kinds[TIMELINE_MARK_KINDS] = {[TIMELINE_KILLED] = {"#cc0000", "killed"},
                                    [TIMELINE_SERVES] = {"#00882b", "serves again"},
                                    [TIMELINE_HARM] = {"#cc0000", "harm"},
                                    [TIMELINE_CHANGE] = {"#888888", "other change"},
                                    [TIMELINE_DETECTED] = {"#e08000", "detected"},
                                    [TIMELINE_ELECTED] = {"#0050c0", "elected"}};
    bool there[TIMELINE_MARK_KINDS] = {false};
    for (uint32_t i = 0; i < timeline->mark_count; i++) {
        const struct timeline_point *mark = &timeline->marks[i];
        double at_s = timeline_seconds(mark->at_ns);
        there[mark->kind] = true;
        (void)fprintf(script, "set arrow from %.3f, graph 0 to %.3f, graph 1 nohead lc rgb '%s'\n",
                      at_s, at_s, kinds[mark->kind].color);
        if (mark->number > 0) {
            (void)fprintf(script, "set label '%u' at %.3f, graph 1.02 center tc rgb '%s'\n",
                          mark->number, at_s, kinds[mark->kind].color);
        }
    }
    size_t bytes = 0;
    key[0] = '\0';
    for (size_t i = 0; i < TIMELINE_MARK_KINDS; i++) {
        if (there[i]) {
            int added =
                snprintf(key + bytes, TIMELINE_KEY_BYTES - bytes,
                         ", NaN with lines lc rgb '%s' title '%s'", kinds[i].color, kinds[i].word);
            ASSERT(added > 0 && (size_t)added < TIMELINE_KEY_BYTES - bytes);
            bytes += (size_t)added;
        }
    }
}

enum status timeline_picture(struct timeline *timeline, const char *path, const char *title)
{
    enum gnuplot_form form;
    enum status status = gnuplot_form(path, &form);
    if (status != STATUS_OK) {
        return status;
    }
    FILE *script = tmpfile();
    if (script == NULL) {
        return STATUS_IO;
    }
    timeline_write_data(script, timeline);
    gnuplot_output(script, path, form, 1100, 720);
    char key[TIMELINE_KEY_BYTES];
    timeline_write_marks(script, timeline, key);
    (void)fprintf(script, "set grid\nset lmargin 12\nset rmargin 4\nset key top left\n"
                          "set multiplot layout 2,1\nset title ");
    gnuplot_text(script, title);
    (void)fprintf(script,
                  " noenhanced\nset ylabel 'orders and executions a second'\nset yrange [0:*]\n"
                  "plot $data using 1:2 with lines lw 2 title 'acknowledged', "
                  "$data using 1:3 with lines title 'executed'%s\n"
                  "unset title\nset ylabel 'latency [microseconds]'\nset xlabel 'seconds'\n"
                  "set yrange [*:*]\nset logscale y\n"
                  "plot $data using 1:4 with lines lw 2 title 'p50', "
                  "$data using 1:5 with lines title 'p99', $data using 1:6 with dots title 'max'\n"
                  "unset multiplot\n",
                  key);
    status = gnuplot_run(script);
    (void)fclose(script);
    return status;
}

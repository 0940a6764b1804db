#include "tools/load_report.h"

#include "matching/base/assertion.h"
#include "tools/human.h"
#include "tools/percentiles.h"

#define LOAD_REPORT_LINES 2u

static void load_report_lines(const struct load_figures *figures,
                              struct percentiles_line lines[static LOAD_REPORT_LINES])
{
    lines[0] = (struct percentiles_line){"order to acknowledgement", figures->order_latency};
    lines[1] = (struct percentiles_line){"cancel to confirmation", figures->cancel_latency};
}

/* `amount` for each of the commands, 0 without any. */
static double load_report_each(const struct load_figures *figures, uint64_t amount)
{
    uint64_t commands = figures->counts.commands;
    return commands == 0 ? 0.0 : (double)amount / (double)commands;
}

/* Processor seconds for a million commands. */
static double load_report_processor_s(const struct load_figures *figures)
{
    return load_report_each(figures, figures->processor_ns) / 1e3;
}

uint64_t load_report_rate(const struct load_figures *figures)
{
    ASSERT(figures->duration_ns > 0);
    return (uint64_t)((double)figures->counts.commands * 1e9 / (double)figures->duration_ns);
}

void load_report_print(const struct load_figures *figures, FILE *out)
{
    const struct trader_counts *counts = &figures->counts;
    (void)fprintf(out, "%s commands in %s: %s a second", human_number(counts->commands).text,
                  human_duration(figures->duration_ns).text,
                  human_number(load_report_rate(figures)).text);
    if (figures->rate > 0) {
        (void)fprintf(out, " (%s asked for)", human_number(figures->rate).text);
    }
    (void)fprintf(out, ", %s sessions\n", human_number(figures->sessions).text);
    (void)fprintf(out, "orders accepted %s, rejected %s, canceled %s; executions %s\n",
                  human_number(counts->acknowledged).text, human_number(counts->rejected).text,
                  human_number(counts->canceled).text, human_number(counts->executions).text);
    struct percentiles_line lines[LOAD_REPORT_LINES];
    load_report_lines(figures, lines);
    percentiles_print(out, lines, LOAD_REPORT_LINES);
    (void)fprintf(out,
                  "client: %.2f processor seconds per million commands; a command %.1f bytes out, "
                  "%.1f in\n",
                  load_report_processor_s(figures), load_report_each(figures, figures->bytes_out),
                  load_report_each(figures, figures->bytes_in));
    if (counts->refused > 0 || counts->disconnects > 0) {
        (void)fprintf(out, "refused by the gateway %s, connections lost %s\n",
                      human_number(counts->refused).text, human_number(counts->disconnects).text);
    }
    if (!figures->all_answered) {
        (void)fprintf(out, "not all commands were answered\n");
    }
}

json_t *load_report_latency(const struct histogram *histogram)
{
    static const struct {
        const char *name;
        uint32_t millionths;
    } points[] = {{"p50_ns", 500000},   {"p90_ns", 900000},    {"p99_ns", 990000},
                  {"p99_9_ns", 999000}, {"p99_99_ns", 999900}, {"max_ns", HISTOGRAM_MILLION}};
    json_t *object = json_pack("{s:I, s:I}", "count", (json_int_t)histogram->count, "mean_ns",
                               (json_int_t)histogram_mean(histogram));
    for (size_t i = 0; i < sizeof points / sizeof points[0]; i++) {
        uint64_t value_ns = histogram_percentile(histogram, points[i].millionths);
        (void)json_object_set_new(object, points[i].name, json_integer((json_int_t)value_ns));
    }
    return object;
}

json_t *load_report_json(const struct load_figures *figures)
{
    const struct trader_counts *counts = &figures->counts;
    json_t *object = json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:f, "
        "s:b}",
        "rate", (json_int_t)figures->rate, "window", (json_int_t)figures->window, "sessions",
        (json_int_t)figures->sessions, "seed", (json_int_t)figures->seed, "duration_ns",
        (json_int_t)figures->duration_ns, "commands", (json_int_t)counts->commands, "orders",
        (json_int_t)counts->orders, "acknowledged", (json_int_t)counts->acknowledged, "rejected",
        (json_int_t)counts->rejected, "canceled", (json_int_t)counts->canceled, "executions",
        (json_int_t)counts->executions, "refused", (json_int_t)counts->refused, "disconnects",
        (json_int_t)counts->disconnects, "commands_a_second", (json_int_t)load_report_rate(figures),
        "client_processor_s_a_million", load_report_processor_s(figures), "bytes_out_a_command",
        load_report_each(figures, figures->bytes_out), "bytes_in_a_command",
        load_report_each(figures, figures->bytes_in), "all_answered", (int)figures->all_answered);
    (void)json_object_set_new(object, "order_latency", load_report_latency(figures->order_latency));
    (void)json_object_set_new(object, "cancel_latency",
                              load_report_latency(figures->cancel_latency));
    return object;
}

enum status load_report_picture(const struct load_figures *figures, const char *path)
{
    struct percentiles_line lines[LOAD_REPORT_LINES];
    load_report_lines(figures, lines);
    return percentiles_picture(path, "latency under load", lines, LOAD_REPORT_LINES);
}

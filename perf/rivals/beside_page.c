// SPDX-License-Identifier: MIT
/*
 * The page of beside.h: a line for each server over the number of heavy
 * requests, drawn as SVG, and the table.
 */
#include "perf/rivals/beside.h"

#include <math.h>

#include "perf/format.h"
#include "perf/rivals/plot.h"

/* Of every plot, in pixels: the legend on top, values on the left. */
#define WIDTH 820
#define HEIGHT 380
#define LEFT 80
#define RIGHT 24
#define TOP 36
#define BOTTOM 44
#define LEGEND 120 /* from one name to the next */

static const char style[] =
    "svg .s0{--c:#b3541e}svg .s1{--c:#2f7d4f}svg .s2{--c:#2b7bb9}"
    "svg .s3{--c:#7b4fa3}svg .s4{--c:#8a8f94}"
    "@media(prefers-color-scheme:dark){svg .s0{--c:#e58a4c}"
    "svg .s1{--c:#62b584}svg .s2{--c:#6fb1e4}svg .s3{--c:#b493d6}}"
    "svg .line{fill:none;stroke:var(--c);stroke-width:2}"
    "svg .s0 .line{stroke-width:3.5}svg .dot{fill:var(--c)}"
    "svg .range{stroke:var(--c);stroke-opacity:.5}"
    "td:nth-child(2),th:nth-child(2){text-align:left}"
    "tr.first td{border-top:2px solid var(--grid)}";

/* Where a value stands from bottom (0) to top (1). */
typedef double height(const struct perf_scale *scale, double value);

struct plot {
    const struct perf_beside *beside;
    enum perf_figure figure;
    struct perf_scale scale;
    height *height;
    size_t first; /* crowd: none of no heavy requests has a rate of them */
};

static double linear(const struct perf_scale *scale, double value)
{
    return fmin(fmax(value / scale->high, 0), 1);
}

/* Crowds stand at equal distances, in the order of their size. */
static double across(const struct plot *plot, size_t crowd)
{
    size_t count = plot->beside->crowd_count - plot->first;
    double step = (WIDTH - LEFT - RIGHT) / (double)count;

    return LEFT + ((double)(crowd - plot->first) + 0.5) * step;
}

static double up(const struct plot *plot, double value)
{
    double at = plot->height(&plot->scale, value);

    return HEIGHT - BOTTOM - at * (HEIGHT - TOP - BOTTOM);
}

/* --- What stands around it --- */

static void draw_level(const struct plot *plot, double value, const char *label,
                       FILE *to)
{
    double y = up(plot, value);

    fprintf(to,
            "<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" "
            "y2=\"%.1f\"/>\n<text class=\"soft\" x=\"%d\" y=\"%.1f\" "
            "text-anchor=\"end\">",
            LEFT, WIDTH - RIGHT, y, y, LEFT - 8, y + 4);
    perf_page_text(label, to);
    fputs("</text>\n", to);
}

static void draw_decades(const struct plot *plot, FILE *to)
{
    for (int i = 0; i <= perf_scale_decades(&plot->scale); i++) {
        double us = plot->scale.low * pow(10, i);

        draw_level(plot, us, perf_format_ns(us * 1e3).s, to);
    }
}

static void draw_quarters(const struct plot *plot, FILE *to)
{
    for (int i = 0; i <= 4; i++) {
        double value = plot->scale.high * i / 4;
        char label[24];

        snprintf(label, sizeof(label), "%g", value);
        draw_level(plot, value, label, to);
    }
}

static void draw_crowds(const struct plot *plot, FILE *to)
{
    for (size_t i = plot->first; i < plot->beside->crowd_count; i++) {
        fprintf(to,
                "<text class=\"soft\" x=\"%.1f\" y=\"%d\" "
                "text-anchor=\"middle\">%llu</text>\n",
                across(plot, i), HEIGHT - BOTTOM + 18,
                (unsigned long long)plot->beside->crowds[i]);
    }
    fprintf(to,
            "<text class=\"soft\" x=\"%d\" y=\"%d\" text-anchor=\"middle\">"
            "heavy requests at a time</text>\n",
            (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6);
}

static void draw_name(int server, int place, FILE *to)
{
    int x = LEFT + place * LEGEND;

    fprintf(to,
            "<line class=\"line\" x1=\"%d\" x2=\"%d\" y1=\"12\" y2=\"12\"/>"
            "<text x=\"%d\" y=\"16\">%s</text>\n",
            x, x + 24, x + 30, perf_server_names[server].title);
}

/* --- A line --- */

/* The median, and from the least to the most of the runs. */
static void draw_point(const struct plot *plot, int server, size_t crowd,
                       FILE *to)
{
    const struct perf_beside_cell *cell = &plot->beside->cells[server][crowd];
    const double *runs = cell->runs[plot->figure];
    double low = runs[0], high = runs[0], x = across(plot, crowd);

    for (uint64_t i = 1; i < plot->beside->runs; i++) {
        low = fmin(low, runs[i]);
        high = fmax(high, runs[i]);
    }
    fprintf(to,
            "<line class=\"range\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" "
            "y2=\"%.1f\"/><circle class=\"dot\" cx=\"%.1f\" cy=\"%.1f\" "
            "r=\"4\"><title>",
            x, x, up(plot, low), up(plot, high), x,
            up(plot, cell->median[plot->figure]));
    fprintf(to, "%s beside %llu: ", perf_server_names[server].title,
            (unsigned long long)plot->beside->crowds[crowd]);
    perf_page_text(plot->figure == PERF_FIGURE_HOGS
                       ? perf_format_real(cell->median[plot->figure]).s
                       : perf_format_ns(cell->median[plot->figure] * 1e3).s,
                   to);
    fputs("</title></circle>\n", to);
}

static void draw_server(const struct plot *plot, int server, int place,
                        FILE *to)
{
    const struct perf_beside *beside = plot->beside;

    fprintf(to, "<g class=\"s%d\">", server);
    draw_name(server, place, to);
    fputs("<polyline class=\"line\" points=\"", to);
    for (size_t i = plot->first; i < beside->crowd_count; i++) {
        const struct perf_beside_cell *cell = &beside->cells[server][i];

        if (cell->measured) {
            fprintf(to, "%.1f,%.1f ", across(plot, i),
                    up(plot, cell->median[plot->figure]));
        }
    }
    fputs("\"/>\n", to);
    for (size_t i = plot->first; i < beside->crowd_count; i++) {
        if (beside->cells[server][i].measured) {
            draw_point(plot, server, i, to);
        }
    }
    fputs("</g>\n", to);
}

/* weft last: on top of the others. */
static void draw_servers(const struct plot *plot, FILE *to)
{
    for (int i = PERF_SERVERS - 1, place = 0; i >= 0; i--) {
        if (plot->beside->present[i]) {
            draw_server(plot, i, place++, to);
        }
    }
}

/* --- The two plots --- */

/* Of all medians and runs. */
static void span(struct plot *plot)
{
    const struct perf_beside *beside = plot->beside;

    for (int i = 0; i < PERF_SERVERS; i++) {
        for (size_t j = plot->first; j < beside->crowd_count; j++) {
            const struct perf_beside_cell *cell = &beside->cells[i][j];

            for (uint64_t k = 0; cell->measured && k < beside->runs; k++) {
                perf_scale_widen(&plot->scale, cell->runs[plot->figure][k]);
            }
        }
    }
}

static void draw_latency(const struct perf_beside *beside, FILE *to)
{
    struct plot plot = {.beside = beside,
                        .figure = PERF_FIGURE_P99,
                        .scale = {100, 1000},
                        .height = perf_scale_at};

    span(&plot);
    perf_plot_begin("p99 of the light requests", WIDTH, HEIGHT, to);
    draw_decades(&plot, to);
    draw_crowds(&plot, to);
    draw_servers(&plot, to);
    fputs("</svg>\n", to);
}

/* The least of 1, 2 and 5 times a power of ten that has room for it. */
static double round_up(double value)
{
    double power = value > 0 ? pow(10, floor(log10(value))) : 1;

    for (int i = 1; i < 10; i = i == 2 ? 5 : i * 2) {
        if (value <= i * power) {
            return i * power;
        }
    }
    return 10 * power;
}

static void draw_throughput(const struct perf_beside *beside, FILE *to)
{
    struct plot plot = {.beside = beside,
                        .figure = PERF_FIGURE_HOGS,
                        .height = linear,
                        .first = beside->crowds[0] == 0};
    double most = 0;

    if (plot.first >= beside->crowd_count) {
        return;
    }
    for (int i = 0; i < PERF_SERVERS; i++) {
        for (size_t j = plot.first; j < beside->crowd_count; j++) {
            for (uint64_t k = 0; k < beside->runs; k++) {
                most =
                    fmax(most, beside->cells[i][j].runs[PERF_FIGURE_HOGS][k]);
            }
        }
    }
    plot.scale.high = round_up(most);
    fputs("<h2>Heavy requests answered, a second</h2>\n", to);
    perf_plot_begin("heavy requests a second", WIDTH, HEIGHT, to);
    draw_quarters(&plot, to);
    draw_crowds(&plot, to);
    draw_servers(&plot, to);
    fputs("</svg>\n", to);
}

/* --- The table and the page --- */

static void put_cell(const char *text, FILE *to)
{
    fputs("<td>", to);
    perf_page_text(text, to);
    fputs("</td>", to);
}

/* Negative: not known. */
static void put_percent(double percent, FILE *to)
{
    if (percent >= 0) {
        fprintf(to, "<td>%.0f %%</td>", percent);
    } else {
        put_cell("", to);
    }
}

static void put_line(const struct perf_beside *beside, int server, size_t crowd,
                     FILE *to)
{
    const struct perf_beside_cell *cell = &beside->cells[server][crowd];
    bool hogs = beside->crowds[crowd] > 0;

    fprintf(to, "<tr%s><td>%llu</td>", server == 0 ? " class=\"first\"" : "",
            (unsigned long long)beside->crowds[crowd]);
    put_cell(perf_server_names[server].title, to);
    for (int i = PERF_FIGURE_P50; i <= PERF_FIGURE_MAX; i++) {
        put_cell(perf_format_ns(cell->median[i] * 1e3).s, to);
    }
    put_cell(hogs ? perf_format_real(cell->median[PERF_FIGURE_HOGS]).s : "",
             to);
    put_percent(perf_beside_share(beside, server, crowd), to);
    put_percent(hogs ? cell->median[PERF_FIGURE_FEWEST] * 100 : -1, to);
    fprintf(to, "<td>%.2f</td>", cell->median[PERF_FIGURE_CPUS]);
    put_cell(perf_format_ns(cell->median[PERF_FIGURE_LATE] * 1e3).s, to);
    fprintf(to, "<td>%.0f</td></tr>\n", cell->median[PERF_FIGURE_UNANSWERED]);
}

static void put_table(const struct perf_beside *beside, FILE *to)
{
    fputs("<h2>Figures</h2>\n<div class=\"wide\"><table>\n<tr><th>hogs</th>"
          "<th>server</th><th>p50</th><th>p99</th><th>p99.9</th><th>max</th>"
          "<th>hogs/s</th><th>of threads'</th><th>fewest</th>"
          "<th>CPUs</th><th>late</th><th>unanswered</th></tr>\n",
          to);
    for (size_t i = 0; i < beside->crowd_count; i++) {
        for (int j = 0; j < PERF_SERVERS; j++) {
            if (beside->cells[j][i].measured) {
                put_line(beside, j, i, to);
            }
        }
    }
    fputs("</table></div>\n", to);
}

/* Who was there, and what the same work took in each. */
static void put_servers(const struct perf_beside *beside, FILE *to)
{
    fputs("<p>One heavy request alone, whole:", to);
    for (int i = 0; i < PERF_SERVERS; i++) {
        if (beside->present[i]) {
            fprintf(to, "%s %s ", i > 0 ? ";" : "", perf_server_names[i].title);
            perf_page_text(beside->version[i], to);
            fputs(beside->version[i][0] != '\0' ? " " : "", to);
            perf_page_text(perf_format_ns(beside->alone[i] * 1e3).s, to);
        }
    }
    fprintf(to, ".</p>\n<p>The generator's floor, against a bare loop: p50 ");
    perf_page_text(perf_format_ns(beside->floor_p50 * 1e3).s, to);
    fputs(", p99 ", to);
    perf_page_text(perf_format_ns(beside->floor_p99 * 1e3).s, to);
    fputs(".</p>\n", to);
}

static void put_head(const struct perf_beside *beside, FILE *to)
{
    fputs("<p>", to);
    perf_page_text(beside->machine, to);
    fprintf(to, "; %s, load %.2f a CPU before</p>\n", beside->when,
            beside->load);
    fprintf(to,
            "<p>%llu light requests a second over %llu connections, beside "
            "hogs: ",
            (unsigned long long)beside->light_rate,
            (unsigned long long)beside->light_connections);
    if (beside->rounds > 0) {
        fprintf(to, "%llu rounds of arithmetic each.",
                (unsigned long long)beside->rounds);
    } else {
        fprintf(to, "system calls that block for %llu us each.",
                (unsigned long long)beside->block_us);
    }
    fprintf(to, " %llu workers; medians of %llu runs of %g s, in turn. ",
            (unsigned long long)beside->workers,
            (unsigned long long)beside->runs, (double)beside->duration / 1e9);
    perf_page_text(perf_beside_method, to);
    fputs("</p>\n", to);
}

int perf_beside_page(const struct perf_beside *beside, FILE *to)
{
    perf_page_begin("weft and its rivals: light requests beside heavy ones",
                    style, to);
    put_head(beside, to);
    put_servers(beside, to);
    fputs("<h2>Light requests: 99 % are answered within</h2>\n<p>Dot: median; "
          "line: least to most of the runs; log scale, less is better.</p>\n",
          to);
    draw_latency(beside, to);
    draw_throughput(beside, to);
    put_table(beside, to);
    return perf_page_end(to);
}

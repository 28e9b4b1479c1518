// SPDX-License-Identifier: MIT
/*
 * The page of rivals.h: bars and intervals on log scales, drawn as SVG.
 */
#include "perf/rivals/rivals.h"

#include <math.h>

#include "perf/format.h"
#include "perf/rivals/plot.h"

/* Of every plot, in pixels: names on the left, figures on the right. */
#define WIDTH 820
#define LEFT 130
#define RIGHT 190
#define LINE 22
#define AXIS 26

static double place(const struct perf_scale *scale, double value)
{
    return LEFT + perf_scale_at(scale, value) * (WIDTH - LEFT - RIGHT);
}

/* A line and a label at each power of ten. */
static void draw_axis(const struct perf_scale *scale, int height, bool is_time,
                      FILE *to)
{
    int decades = perf_scale_decades(scale);

    for (int i = 0; i <= decades; i++) {
        double value = scale->low * pow(10, i), x = place(scale, value);

        fprintf(to,
                "<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"0\" "
                "y2=\"%d\"/>\n",
                x, x, height - AXIS + 4);
        fprintf(to,
                "<text class=\"soft\" x=\"%.1f\" y=\"%d\" "
                "text-anchor=\"middle\">",
                x, height - 6);
        if (is_time) {
            perf_page_text(perf_format_ns(value).s, to);
        } else {
            fprintf(to, "%g", value);
        }
        fputs("</text>\n", to);
    }
}

static void draw_name(const char *name, double y, FILE *to)
{
    fprintf(to, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">", LEFT - 8,
            y + LINE * 0.68);
    perf_page_text(name, to);
    fputs("</text>\n", to);
}

/* --- Bars: what an operation costs --- */

static struct perf_scale time_scale(const struct perf_rivals *rivals)
{
    struct perf_scale scale = {10, 100};

    for (size_t i = 0; i < rivals->count; i++) {
        const struct perf_rivals_row *row = &rivals->rows[i];

        for (int j = 0; row->measured && j < PERF_RUNNERS; j++) {
            for (uint64_t k = 0; row->has[j] && k < rivals->pairs; k++) {
                perf_scale_widen(&scale, row->ns[j][k]);
            }
        }
    }
    return scale;
}

/* The median, and from the fastest to the slowest round. */
static void draw_bar(const struct perf_rivals *rivals,
                     const struct perf_rivals_row *row, int runner,
                     const struct perf_scale *scale, double y, FILE *to)
{
    double x = place(scale, row->median[runner]);
    double low = row->ns[runner][0], high = low;

    for (uint64_t i = 1; i < rivals->pairs; i++) {
        low = fmin(low, row->ns[runner][i]);
        high = fmax(high, row->ns[runner][i]);
    }
    draw_name(perf_runner_names[runner].title, y, to);
    fprintf(to,
            "<rect class=\"%s\" x=\"%d\" y=\"%.1f\" width=\"%.1f\" "
            "height=\"%d\"/>\n",
            runner == PERF_RUNNER_WEFT ? "ours" : "theirs", LEFT, y + 3,
            x - LEFT, LINE - 6);
    fprintf(to,
            "<line class=\"spread\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" "
            "y2=\"%.1f\"/>\n",
            place(scale, low), place(scale, high), y + LINE / 2.0,
            y + LINE / 2.0);
    fprintf(to, "<text x=\"%.1f\" y=\"%.1f\">", place(scale, high) + 6,
            y + LINE * 0.68);
    perf_page_text(perf_format_ns(row->median[runner]).s, to);
    fputs("</text>\n", to);
}

static void draw_bars(const struct perf_rivals *rivals,
                      const struct perf_rivals_row *row,
                      const struct perf_scale *scale, FILE *to)
{
    int lines = 0, height;

    for (int i = 0; i < PERF_RUNNERS; i++) {
        lines += row->has[i];
    }
    height = lines * LINE + AXIS;
    fprintf(to, "<h3>%s</h3>\n<p>", row->workload);
    perf_page_text(row->about, to);
    fputs("</p>\n", to);
    perf_plot_begin(row->workload, WIDTH, height, to);
    draw_axis(scale, height, true, to);
    lines = 0;
    for (int i = 0; i < PERF_RUNNERS; i++) {
        if (row->has[i]) {
            draw_bar(rivals, row, i, scale, LINE * lines++, to);
        }
    }
    fputs("</svg>\n", to);
}

/* --- Ratios --- */

static struct perf_scale ratio_scale(const struct perf_rivals *rivals)
{
    struct perf_scale scale = {0.1, 1};

    for (size_t i = 0; i < rivals->count; i++) {
        if (rivals->rows[i].measured && rivals->rows[i].compared) {
            perf_scale_widen(&scale, rivals->rows[i].ratio.low);
            perf_scale_widen(&scale, rivals->rows[i].ratio.high);
        }
    }
    return scale;
}

/* Green, red, or grey if there is no limit. */
static const char *colour(const struct perf_rivals_row *row)
{
    if (!row->compared || row->limit <= 0) {
        return "none";
    }
    return perf_rivals_passes(row) ? "good" : "bad";
}

static void draw_ratio(const struct perf_rivals_row *row,
                       const struct perf_scale *scale, double y, FILE *to)
{
    const struct perf_interval *ratio = &row->ratio;
    double middle = y + LINE / 2.0;

    draw_name(row->workload, y, to);
    fprintf(to,
            "<g class=\"%s\"><line x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" "
            "y2=\"%.1f\" stroke-width=\"3\"/><circle cx=\"%.1f\" "
            "cy=\"%.1f\" r=\"4.5\"/></g>\n",
            colour(row), place(scale, ratio->low), place(scale, ratio->high),
            middle, middle, place(scale, ratio->at), middle);
    if (row->limit > 0) {
        double x = place(scale, row->limit);

        fprintf(to,
                "<line class=\"limit\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" "
                "y2=\"%.1f\"/>\n",
                x, x, y + 3, y + LINE - 3);
    }
    fprintf(to, "<text x=\"%d\" y=\"%.1f\">%s [%s, %s]</text>\n",
            WIDTH - RIGHT + 12, y + LINE * 0.68, perf_format_real(ratio->at).s,
            perf_format_real(ratio->low).s, perf_format_real(ratio->high).s);
}

static void draw_ratios(const struct perf_rivals *rivals, FILE *to)
{
    struct perf_scale scale = ratio_scale(rivals);
    int lines = 0, height;

    for (size_t i = 0; i < rivals->count; i++) {
        lines += rivals->rows[i].measured && rivals->rows[i].compared;
    }
    height = lines * LINE + AXIS;
    perf_plot_begin("ratios", WIDTH, height, to);
    draw_axis(&scale, height, false, to);
    lines = 0;
    for (size_t i = 0; i < rivals->count; i++) {
        const struct perf_rivals_row *row = &rivals->rows[i];

        if (row->measured && row->compared) {
            draw_ratio(row, &scale, LINE * lines++, to);
        }
    }
    fputs("</svg>\n", to);
}

/* --- The table and the page --- */

static void put_line(const struct perf_rivals_row *row, FILE *to)
{
    fprintf(to, "<tr><td>%s</td>", row->workload);
    for (int i = 0; i < PERF_RUNNERS; i++) {
        fprintf(to, "<td>%s</td>",
                row->has[i] ? perf_format_real(row->median[i]).s : "");
    }
    if (row->compared) {
        fprintf(to, "<td class=\"%s\">%s</td>", colour(row),
                perf_format_real(row->ratio.at).s);
    } else {
        fputs("<td></td>", to);
    }
    fprintf(to, "<td>%s</td></tr>\n",
            row->limit > 0 ? perf_format_real(row->limit).s : "");
}

static void put_table(const struct perf_rivals *rivals, FILE *to)
{
    fputs("<div class=\"wide\"><table>\n<tr><th>ns an operation</th>", to);
    for (int i = 0; i < PERF_RUNNERS; i++) {
        fprintf(to, "<th>%s", perf_runner_names[i].title);
        if (rivals->version[i][0] != '\0') {
            fputs(" ", to);
            perf_page_text(rivals->version[i], to);
        }
        fputs("</th>", to);
    }
    fputs("<th>ratio</th><th>limit</th></tr>\n", to);
    for (size_t i = 0; i < rivals->count; i++) {
        if (rivals->rows[i].measured) {
            put_line(&rivals->rows[i], to);
        }
    }
    fputs("</table></div>\n", to);
}

static void put_head(const struct perf_rivals *rivals, FILE *to)
{
    perf_page_begin("weft and its rivals", "", to);
    fputs("<p>", to);
    perf_page_text(rivals->machine, to);
    fprintf(to, "; %s, load %.2f a CPU before</p>\n", rivals->when,
            rivals->load);
    fprintf(to, "<p>%llu workers, %llu rounds, in turn. ",
            (unsigned long long)rivals->workers,
            (unsigned long long)rivals->pairs);
    perf_page_text(perf_rivals_method, to);
    fprintf(to, "</p>\n<p>In the same sitting: malloc pair %s ns, atomic ",
            perf_format_real(rivals->units.malloc_pair).s);
    fprintf(to, "add %s ns, bare switch of stacks %s ns.</p>\n",
            perf_format_real(rivals->units.atomic_add).s,
            perf_format_real(rivals->units.bare_switch).s);
}

int perf_rivals_page(const struct perf_rivals *rivals, FILE *to)
{
    struct perf_scale scale = time_scale(rivals);

    put_head(rivals, to);
    fputs("<h2>weft to the better of Go and Tokio</h2>\n<p>Dot: ratio of the "
          "medians; line: its interval; upright: the limit; less is better, "
          "log scale.</p>\n",
          to);
    draw_ratios(rivals, to);
    fputs("<h2>Figures</h2>\n", to);
    put_table(rivals, to);
    fputs("<h2>Time an operation</h2>\n<p>Bar: median; line: fastest to "
          "slowest round; log scale, the same in all.</p>\n",
          to);
    for (size_t i = 0; i < rivals->count; i++) {
        if (rivals->rows[i].measured) {
            draw_bars(rivals, &rivals->rows[i], &scale, to);
        }
    }
    return perf_page_end(to);
}

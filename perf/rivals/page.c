// SPDX-License-Identifier: MIT
/*
 * The page of rivals.h: bars and intervals on log scales, drawn as SVG; it
 * loads nothing, and is well-formed XML as well.
 */
#include "perf/rivals/rivals.h"

#include <errno.h>
#include <math.h>

#include "perf/format.h"

/* Of every plot, in pixels: names on the left, figures on the right. */
#define WIDTH 820
#define LEFT 130
#define RIGHT 190
#define LINE 22
#define AXIS 26

/* A log scale from `low` to `high`, both powers of ten. */
struct scale {
    double low, high;
};

static const char style[] =
    ":root{--ink:#1d2329;--soft:#68727c;--grid:#dfe3e7;--page:#fff;"
    "--ours:#b3541e;--theirs:#8fa3b5;--good:#2f7d4f;--bad:#b3261e}"
    "@media(prefers-color-scheme:dark){:root{--ink:#e4e7ea;--soft:#98a2ab;"
    "--grid:#343b42;--page:#16191c;--ours:#e58a4c;--theirs:#5d7388;"
    "--good:#62b584;--bad:#ef7b72}}"
    "body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);"
    "background:var(--page);max-width:1000px;margin:2em auto;padding:0 1em}"
    "h1{font-size:1.5em}h2{font-size:1.15em;margin:2em 0 .3em}"
    "h3{font-size:1em;margin:1.4em 0 0}p{margin:.3em 0;color:var(--soft)}"
    "svg{display:block;max-width:100%;height:auto}"
    "svg text{font-size:12px;fill:var(--ink);"
    "font-variant-numeric:tabular-nums}"
    "svg .soft{fill:var(--soft)}svg .grid{stroke:var(--grid)}"
    "svg .ours{fill:var(--ours)}svg .theirs{fill:var(--theirs)}"
    "svg .spread{stroke:var(--ink);stroke-opacity:.6}"
    "svg .good{fill:var(--good);stroke:var(--good)}"
    "svg .bad{fill:var(--bad);stroke:var(--bad)}"
    "svg .none{fill:var(--soft);stroke:var(--soft)}"
    "svg .limit{stroke:var(--ink);stroke-width:2}"
    "div.wide{overflow-x:auto}table{border-collapse:collapse}"
    "td,th{padding:.2em .8em;text-align:right;white-space:nowrap;"
    "border-bottom:1px solid var(--grid);font-variant-numeric:tabular-nums}"
    "td:first-child,th:first-child{text-align:left}"
    "td.good{color:var(--good)}td.bad{color:var(--bad)}";

static void put_text(const char *text, FILE *to)
{
    for (const char *at = text; *at != '\0'; at++) {
        switch (*at) {
        case '&':
            fputs("&amp;", to);
            break;
        case '<':
            fputs("&lt;", to);
            break;
        case '>':
            fputs("&gt;", to);
            break;
        default:
            /* The rest of ASCII; no XML has control characters. */
            fputc(*at >= ' ' && *at <= '~' ? *at : '?', to);
        }
    }
}

/* --- Scales --- */

static void widen(struct scale *scale, double value)
{
    if (value > 0) {
        scale->low = fmin(scale->low, pow(10, floor(log10(value))));
        scale->high = fmax(scale->high, pow(10, ceil(log10(value))));
    }
}

static double place(const struct scale *scale, double value)
{
    double span = log10(scale->high) - log10(scale->low);
    double at = (log10(value) - log10(scale->low)) / span;

    return LEFT + fmin(fmax(at, 0), 1) * (WIDTH - LEFT - RIGHT);
}

static void begin_plot(const char *title, int height, FILE *to)
{
    fprintf(to,
            "<svg viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" "
            "role=\"img\" aria-label=\"%s\">\n",
            WIDTH, height, WIDTH, height, title);
}

/* A line and a label at each power of ten. */
static void draw_axis(const struct scale *scale, int height, bool is_time,
                      FILE *to)
{
    int decades = (int)lround(log10(scale->high / scale->low));

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
            put_text(perf_format_ns(value).s, to);
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
    put_text(name, to);
    fputs("</text>\n", to);
}

/* --- Bars: what an operation costs --- */

static struct scale time_scale(const struct perf_rivals *rivals)
{
    struct scale scale = {10, 100};

    for (size_t i = 0; i < rivals->count; i++) {
        const struct perf_rivals_row *row = &rivals->rows[i];

        for (int j = 0; row->measured && j < PERF_RUNNERS; j++) {
            for (uint64_t k = 0; row->has[j] && k < rivals->pairs; k++) {
                widen(&scale, row->ns[j][k]);
            }
        }
    }
    return scale;
}

/* The median, and from the fastest to the slowest round. */
static void draw_bar(const struct perf_rivals *rivals,
                     const struct perf_rivals_row *row, int runner,
                     const struct scale *scale, double y, FILE *to)
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
    put_text(perf_format_ns(row->median[runner]).s, to);
    fputs("</text>\n", to);
}

static void draw_bars(const struct perf_rivals *rivals,
                      const struct perf_rivals_row *row,
                      const struct scale *scale, FILE *to)
{
    int lines = 0, height;

    for (int i = 0; i < PERF_RUNNERS; i++) {
        lines += row->has[i];
    }
    height = lines * LINE + AXIS;
    fprintf(to, "<h3>%s</h3>\n<p>", row->workload);
    put_text(row->about, to);
    fputs("</p>\n", to);
    begin_plot(row->workload, height, to);
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

static struct scale ratio_scale(const struct perf_rivals *rivals)
{
    struct scale scale = {0.1, 1};

    for (size_t i = 0; i < rivals->count; i++) {
        if (rivals->rows[i].measured && rivals->rows[i].compared) {
            widen(&scale, rivals->rows[i].ratio.low);
            widen(&scale, rivals->rows[i].ratio.high);
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
                       const struct scale *scale, double y, FILE *to)
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
    struct scale scale = ratio_scale(rivals);
    int lines = 0, height;

    for (size_t i = 0; i < rivals->count; i++) {
        lines += rivals->rows[i].measured && rivals->rows[i].compared;
    }
    height = lines * LINE + AXIS;
    begin_plot("ratios", height, to);
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
            put_text(rivals->version[i], to);
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
    fprintf(to,
            "<!DOCTYPE html>\n<html lang=\"en\"><head>"
            "<meta charset=\"utf-8\"/>\n<meta name=\"viewport\" "
            "content=\"width=device-width\"/>\n"
            "<title>weft and its rivals</title>\n<style>%s</style></head>\n"
            "<body><h1>weft and its rivals</h1>\n<p>",
            style);
    put_text(rivals->machine, to);
    fprintf(to, "; %s, load %.2f a CPU before</p>\n", rivals->when,
            rivals->load);
    fprintf(to, "<p>%llu workers, %llu rounds, in turn. ",
            (unsigned long long)rivals->workers,
            (unsigned long long)rivals->pairs);
    put_text(perf_rivals_method, to);
    fprintf(to, "</p>\n<p>In the same sitting: malloc pair %s ns, atomic ",
            perf_format_real(rivals->units.malloc_pair).s);
    fprintf(to, "add %s ns, bare switch of stacks %s ns.</p>\n",
            perf_format_real(rivals->units.atomic_add).s,
            perf_format_real(rivals->units.bare_switch).s);
}

int perf_rivals_page(const struct perf_rivals *rivals, FILE *to)
{
    struct scale scale = time_scale(rivals);

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
    fputs("</body></html>\n", to);
    return fflush(to) != 0 || ferror(to) ? -EIO : 0;
}

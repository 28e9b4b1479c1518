// SPDX-License-Identifier: MIT
/*
 * The shared parts of plot.h.
 */
#include "perf/rivals/plot.h"

#include <errno.h>
#include <math.h>

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

void perf_page_text(const char *text, FILE *to)
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

void perf_page_begin(const char *title, const char *more_style, FILE *to)
{
    fprintf(to,
            "<!DOCTYPE html>\n<html lang=\"en\"><head>"
            "<meta charset=\"utf-8\"/>\n<meta name=\"viewport\" "
            "content=\"width=device-width\"/>\n"
            "<title>%s</title>\n<style>%s%s</style></head>\n"
            "<body><h1>%s</h1>\n",
            title, style, more_style, title);
}

int perf_page_end(FILE *to)
{
    fputs("</body></html>\n", to);
    return fflush(to) != 0 || ferror(to) ? -EIO : 0;
}

void perf_plot_begin(const char *title, int width, int height, FILE *to)
{
    fprintf(to,
            "<svg viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" "
            "role=\"img\" aria-label=\"%s\">\n",
            width, height, width, height, title);
}

void perf_scale_widen(struct perf_scale *scale, double value)
{
    if (value > 0) {
        scale->low = fmin(scale->low, pow(10, floor(log10(value))));
        scale->high = fmax(scale->high, pow(10, ceil(log10(value))));
    }
}

double perf_scale_at(const struct perf_scale *scale, double value)
{
    double span = log10(scale->high) - log10(scale->low);
    double at = (log10(value) - log10(scale->low)) / span;

    return fmin(fmax(at, 0), 1);
}

int perf_scale_decades(const struct perf_scale *scale)
{
    return (int)lround(log10(scale->high / scale->low));
}

// SPDX-License-Identifier: MIT
/*
 * URLs, and who is this machine.
 */
#include "perf/url.h"

#include <errno.h>
#include <string.h>

#include "tests/support/test.h"

static void expect(const char *text, const char *address, int port,
                   const char *path, bool loopback)
{
    struct perf_url url;

    cr_assert_eq(perf_url_parse(text, &url), 0, "%s", text);
    cr_expect_str_eq(url.address, address);
    cr_expect_eq(url.port, port);
    cr_expect_str_eq(url.path, path);
    cr_expect_eq(perf_url_is_loopback(&url), loopback, "%s", text);
}

static void refuse(const char *text)
{
    struct perf_url url;

    cr_expect_eq(perf_url_parse(text, &url), -EINVAL, "%s", text);
}

Test(url, plain)
{
    expect("http://127.0.0.1", "127.0.0.1", 80, "/", true);
    expect("http://127.0.0.1:8080/a?b=c", "127.0.0.1", 8080, "/a?b=c", true);
    expect("http://127.9.9.9:65535/", "127.9.9.9", 65535, "/", true);
    expect("http://localhost:1", "127.0.0.1", 1, "/", true);
    expect("http://[::1]:80/x", "::1", 80, "/x", true);
    expect("http://10.0.0.1?x", "10.0.0.1", 80, "/?x", false);
    expect("http://[2001:db8::1]", "2001:db8::1", 80, "/", false);
    expect("http://[::ffff:127.0.0.1]", "::ffff:127.0.0.1", 80, "/", false);
}

Test(url, mistakes)
{
    refuse("");
    refuse("127.0.0.1");
    refuse("https://127.0.0.1");
    refuse("http://");
    refuse("http:///x");
    refuse("http://example.org");
    refuse("http://127.0.0.1.example.org");
    refuse("http://127.0.0.1:");
    refuse("http://127.0.0.1:0");
    refuse("http://127.0.0.1:65536");
    refuse("http://127.0.0.1:8x");
    refuse("http://[::1");
    refuse("http://[::1]x");
    refuse("http://user@127.0.0.1");
    refuse("http://127.0.0.1/a b");
    refuse("http://127.0.0.1/a#b");
    refuse("http://127.0.0.1/\r\nHost: x");
}

Test(url, too_long)
{
    char text[2048];

    memset(text, 'a', sizeof(text));
    memcpy(text, "http://127.0.0.1/", 17);
    text[sizeof(text) - 1] = '\0';
    refuse(text);
    memset(text, '1', 200);
    memcpy(text, "http://", 7);
    refuse(text);
}

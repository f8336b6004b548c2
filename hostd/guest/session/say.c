/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "hostd/guest/session/say.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

void
zg_say(const char *format, ...)
{
    char line[512];
    int n = snprintf(line, sizeof line, "<5>zaguan-session: ");
    va_list args;

    va_start(args, format);
    vsnprintf(line + n, sizeof line - (size_t)n, format, args);
    va_end(args);

    int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);

    if (fd < 0) {
        fprintf(stderr, "%s\n", line + 3);
        return;
    }
    (void)!write(fd, line, __builtin_strlen(line));
    close(fd);
}

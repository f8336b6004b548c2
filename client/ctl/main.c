/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The program `zaguan`: command line of administrators and users. */
#include <signal.h>
#include "client/ctl/command.h"
#include "common/base/log.h"

int
main(int argc, char **argv)
{
    zg_log_init("zaguan");
    signal(SIGPIPE, SIG_IGN); /* a closed pipe is a failed write, said once */
    return zg_ctl_main(argc, argv);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Runs a program as its grandchildren's reaper, as the supervisor does; stays until all ended. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

int
main(int argc, char **argv)
{
    pid_t child;
    pid_t got;
    int status = 0;
    int result = 1;

    if (argc < 2 || prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) {
        fputs("usage: reaper PROGRAM [ARGUMENT]...\n", stderr);
        return 2;
    }
    child = fork();
    if (child == 0) {
        execvp(argv[1], argv + 1);
        _exit(127);
    }
    printf("%d\n", (int)child);
    fclose(stdout);
    while ((got = waitpid(-1, &status, 0)) > 0 || errno == EINTR) {
        if (got == child) {
            result = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
        }
    }
    return result;
}

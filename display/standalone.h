/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `zaguan-display --standalone`: one console to RFB viewers, without broker and TLS. */
#pragma once

/** zg_standalone_main() - runs until SIGTERM or SIGINT. Return: exit status, 2 on misuse. */
int zg_standalone_main(int argc, char **argv);

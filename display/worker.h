/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `zaguan-display --worker`: one desktop, led over descriptor 3 (docs/protocol/control.md). */
#pragma once

/** zg_worker_main() - runs until `stop` or the end of descriptor 3. Return: exit status. */
int zg_worker_main(int argc, char **argv);
